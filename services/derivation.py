"""Timeframes an exchange lacks, built from a finer one it has; pure.

From the coarsest native timeframe that fills them exactly: a week takes seven bars of a day, not ten thousand
of a minute, and the result is the same.
"""

from collections.abc import Iterable, Sequence

from services.spans import clip_spans, subtract_spans
from services.stores.derived_bars import Bucket
from utils.domain import Bar, BarSource, BarState, Span, Timeframe

# What charts ask for. Each that is asked for once becomes a series of its own, so the list has an end.
BUILT = frozenset(
    (
        *("1m", "2m", "3m", "4m", "5m", "6m", "10m", "12m", "15m", "20m", "30m", "45m", "90m"),
        *("1h", "2h", "3h", "4h", "6h", "8h", "12h", "1d", "2d", "3d", "5d"),
        *("1w", "2w", "4w", "1M", "2M", "3M", "4M", "6M", "12M"),
    )
)


def choose_base(timeframe: Timeframe, native: Iterable[Timeframe]) -> Timeframe | None:
    """Return the native timeframe to build from; None for what is not built, or filled by none exactly."""
    if timeframe.text not in BUILT:
        return None
    fitting = [each for each in native if each.divides(timeframe)]
    return max(fitting, key=lambda each: each.approximate_ms, default=None)


def build_bars(
    buckets: Sequence[Bucket], timeframe: Timeframe, known: Sequence[Span]
) -> tuple[tuple[Bar, ...], tuple[Span, ...]]:
    """Return the bars of the buckets, and the spans of those that are complete.

    A bucket is closed when everything in its span is known and no finer bar of it still moves; any other is
    forming, whether its time is over or not: it may still change.
    """
    bars, complete = [], []
    for bucket in buckets:
        span = Span(bucket.open_time_ms, timeframe.next(bucket.open_time_ms))
        whole = bucket.count == bucket.final_count and not subtract_spans(span, known)
        bars.append(_bar(bucket, closed=whole))
        if whole:
            complete.append(span)
    return tuple(bars), tuple(complete)


def empty_spans(
    buckets: Sequence[Bucket], timeframe: Timeframe, span: Span, known: Sequence[Span]
) -> tuple[Span, ...]:
    """Return where the span, which lies on the grid, has whole buckets that are known and hold no bar."""
    present = [Span(bucket.open_time_ms, timeframe.next(bucket.open_time_ms)) for bucket in buckets]
    whole = [
        Span(timeframe.ceil(part.start_ms), timeframe.floor(part.end_ms)) for part in clip_spans(known, span)
    ]
    return tuple(subtract_spans(span, [*present, *subtract_spans(span, whole)]))


def _bar(bucket: Bucket, *, closed: bool) -> Bar:
    state = BarState.FORMING
    if closed:
        state = BarState.CORRECTED if bucket.revision else BarState.CLOSED
    return Bar(
        bucket.open_time_ms,
        bucket.open,
        bucket.high,
        bucket.low,
        bucket.close,
        bucket.volume,
        state,
        bucket.revision,
        BarSource.DERIVED,
    )
