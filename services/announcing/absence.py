"""What a listener missed: out of the log's own entries, or out of bars where the log cannot vouch; pure."""

from collections.abc import Sequence
from dataclasses import replace

from services.announcing.alerts import event_ms
from services.announcing.announcement import Absence
from services.announcing.news import LATE_MS, Past
from services.announcing.tape import FEED_LOST, TopicTape
from services.live.log import FeedStatus, LogEntry, Position, order_of
from utils.domain import Bar, Gap, GapReason, Timeframe, Topic

MICROSECONDS_PER_MS = 1_000
# A log that is silent for longer than this, or than a bar, may have lost its feed with its last listener:
# what it lacks is filled in only after somebody has come back.
LOG_SILENT_MS = 5_000
# Who heard nothing for longer than this before the first entry that was missed may have been there for it.
QUIET_MS = 10_000
# Bars that begin earlier than this part of an absence before it say so.
EARLY_PART = 0.1


def left_ms(since: Position) -> int:
    """Return when a listener who resumes from here heard the last of a topic."""
    time_ms = order_of(since.offset)[0]
    # Before its first entry a log is as old as its epoch.
    return time_ms or int(since.epoch) // MICROSECONDS_PER_MS


def is_whole(entries: Sequence[LogEntry], before: LogEntry | None, absence: Absence) -> bool:
    """Tell whether the log can vouch for the time until now; ``before`` is the entry that was heard last."""
    last = entries[-1] if entries else before
    if last is None:
        return False
    silent_ms = absence.to_ms - event_ms(last)
    return silent_ms <= min(LOG_SILENT_MS, last.topic.timeframe.approximate_ms)


def absence_of(entries: Sequence[LogEntry], before: LogEntry | None, absence: Absence) -> Absence:
    """Return the absence with what these entries tell; ``before`` is the one that was heard last."""
    first_ms = event_ms(entries[0]) if entries else absence.to_ms
    absence = replace(
        absence,
        lost_ms=_lost_ms(entries if before is None else (before, *entries), absence),
        quiet=first_ms - absence.from_ms > QUIET_MS,
    )
    if not entries and before is None:
        return absence
    topic = (before or entries[0]).topic
    tape = TopicTape(topic)
    if before is not None:
        tape.observe(before.event, event_ms(before))
    opened, high, low, last, closed = tape.last, tape.last, tape.last, tape.last, 0
    for entry in entries:
        news = tape.observe(entry.event, event_ms(entry))
        if news.last is None:
            continue
        opened = news.last if opened is None else opened
        high = news.high if high is None else max(high, news.high)
        low = news.low if low is None else min(low, news.low)
        last = news.last
        closed += news.closed is not None
    return replace(absence, open=opened, high=high, low=low, last=last, bars_closed=closed)


def absence_by_bars(
    topic: Topic, bars: Sequence[Bar], absence: Absence, *, whole_from_ms: int = 0
) -> Absence:
    """Return the absence with the prices of the bars that lie in it; they are whole from a time on.

    The first one may have begun before it; began it longer before than the absence lasted, it only tells the
    newest price. Bars that are whole only from within the absence on begin where they say.
    """
    timeframe, from_ms = topic.timeframe, max(absence.from_ms, whole_from_ms)
    inside = [bar for bar in bars if timeframe.next(bar.open_time_ms) > from_ms]
    if not inside:
        return replace(absence, whole=False)
    first_ms = inside[0].open_time_ms
    early_ms, length_ms = absence.from_ms - first_ms, absence.to_ms - absence.from_ms
    if early_ms > length_ms:
        return replace(absence, last=inside[-1].close, whole=False)
    late = from_ms > absence.from_ms
    closed = [bar for bar in inside if bar.final and timeframe.next(bar.open_time_ms) <= absence.to_ms]
    return replace(
        absence,
        open=inside[0].open,
        high=max(bar.high for bar in inside),
        low=min(bar.low for bar in inside),
        last=inside[-1].close,
        # How many closed before the first of these, nobody has counted.
        bars_closed=0 if late else len(closed),
        whole=False,
        bar_ms=first_ms if late or early_ms > length_ms * EARLY_PART else None,
    )


def absence_by_past(topic: Topic, past: Past, absence: Absence, *, read_from_ms: int = 0) -> Absence:
    """Return the absence with the prices that history knows of it, whole from ``read_from_ms`` on at best.

    Without any where the newest of them is not the price of now. Prices from before a hole are not told.
    """
    newest = past.bars[-1] if past.bars else None
    if newest is None or not _answers_now(past, absence.to_ms):
        return replace(absence, whole=False)
    unknown = [gap for gap in past.gaps if _is_unknown(gap, newest, topic.timeframe)]
    if any(gap.span.end_ms > newest.open_time_ms for gap in unknown):
        return replace(absence, whole=False)
    whole_from_ms = max([read_from_ms, *(gap.span.end_ms for gap in unknown)])
    return absence_by_bars(topic, past.bars, absence, whole_from_ms=whole_from_ms)


def _answers_now(past: Past, now_ms: int) -> bool:
    # A bar of a day shows no hole while its exchange is away for an hour.
    return past.answered_ms is None or now_ms - past.answered_ms <= LATE_MS


def _is_unknown(gap: Gap, newest: Bar, timeframe: Timeframe) -> bool:
    """Tell whether a hole may hold prices that nobody knows of."""
    if gap.reason is not GapReason.UNFETCHED:
        return gap.reason is not GapReason.NO_TRADES
    # That nobody traded in a bar is not certain for some seconds after it has ended; that somebody did would
    # have been told. Where the exchange does not answer, the reason is another.
    is_one_bar = gap.span.end_ms <= timeframe.next(gap.span.start_ms)
    before_now = gap.span.end_ms == newest.open_time_ms and not newest.final
    return not (is_one_bar and (before_now or gap.span.end_ms > newest.open_time_ms))


def _lost_ms(entries: Sequence[LogEntry], absence: Absence) -> int:
    lost_ms, since_ms = 0, None
    for entry in entries:
        if not isinstance(entry.event, FeedStatus):
            continue
        time_ms = min(max(entry.event.since_ms, absence.from_ms), absence.to_ms)
        if entry.event.state in FEED_LOST:
            since_ms = time_ms if since_ms is None else since_ms
        elif since_ms is not None:
            lost_ms, since_ms = lost_ms + max(0, time_ms - since_ms), None
    return lost_ms if since_ms is None else lost_ms + absence.to_ms - since_ms
