"""Name the holes of a stretch of history; pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.spans import clip_spans, subtract_spans
from utils.domain import Bar, Gap, GapReason, Span, Timeframe


@dataclass(frozen=True, slots=True)
class Knowledge:
    """State what is known of a series when its holes are named.

    ``known`` spans hold every bar there is. Before ``listed_ms`` and after ``delisted_ms`` there can be none;
    before ``reach_ms`` the exchange no longer tells. ``failed``: the exchange was just asked in vain.
    """

    known: Sequence[Span]
    listed_ms: int | None = None
    delisted_ms: int | None = None
    reach_ms: int | None = None
    failed: bool = False


def find_gaps(
    whole: Span, bars: Sequence[Bar], timeframe: Timeframe, knowledge: Knowledge
) -> tuple[Gap, ...]:
    """Return each hole of ``whole`` with its reason, sorted; neighbours with one reason are one gap."""
    present = [Span(bar.open_time_ms, timeframe.next(bar.open_time_ms)) for bar in bars]
    return name_holes(subtract_spans(whole, present), knowledge)


def name_holes(holes: Iterable[Span], knowledge: Knowledge) -> tuple[Gap, ...]:
    """Return the reasons of holes, given sorted; an empty hole has none."""
    gaps: list[Gap] = []
    for hole in holes:
        for gap in _explain(hole, knowledge):
            if gaps and gaps[-1].reason is gap.reason and gaps[-1].span.end_ms == gap.span.start_ms:
                gaps[-1] = Gap(Span(gaps[-1].span.start_ms, gap.span.end_ms), gap.reason)
            else:
                gaps.append(gap)
    return tuple(gaps)


def _explain(hole: Span, knowledge: Knowledge) -> list[Gap]:
    listed_ms = knowledge.listed_ms if knowledge.listed_ms is not None else hole.start_ms
    delisted_ms = knowledge.delisted_ms if knowledge.delisted_ms is not None else hole.end_ms
    # Where the two contradict each other, the listing is believed, and nothing is explained twice.
    delisted_ms = max(delisted_ms, listed_ms)
    reach_ms = knowledge.reach_ms if knowledge.reach_ms is not None else hole.start_ms
    not_known = GapReason.OUTAGE if knowledge.failed else GapReason.UNFETCHED
    explained = [
        Gap(span, GapReason.BEFORE_LISTING) for span in clip_spans([Span(hole.start_ms, listed_ms)], hole)
    ]
    explained += [
        Gap(span, GapReason.AFTER_DELISTING) for span in clip_spans([Span(delisted_ms, hole.end_ms)], hole)
    ]
    for alive in clip_spans([Span(listed_ms, delisted_ms)], hole):
        explained += [Gap(span, GapReason.NO_TRADES) for span in clip_spans(knowledge.known, alive)]
        for span in subtract_spans(alive, knowledge.known):
            explained += [
                Gap(part, GapReason.RETENTION) for part in clip_spans([Span(hole.start_ms, reach_ms)], span)
            ]
            explained += [Gap(part, not_known) for part in clip_spans([Span(reach_ms, hole.end_ms)], span)]
    return sorted(explained, key=lambda gap: gap.span.start_ms)
