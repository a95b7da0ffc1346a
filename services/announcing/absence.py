"""What a listener missed: out of the log's own entries, or out of bars where the log cannot vouch; pure."""

from collections.abc import Sequence
from dataclasses import replace

from services.announcing.alerts import event_ms
from services.announcing.announcement import Absence
from services.announcing.tape import TopicTape
from services.live.log import LogEntry, Position, order_of
from utils.domain import Bar, Topic

MICROSECONDS_PER_MS = 1_000
# A log that is silent for longer than this, or than a bar, may have lost its feed with its last listener:
# what it lacks is filled in only after somebody has come back.
LOG_SILENT_MS = 5_000


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
    """Return the absence with the prices of these entries; ``before`` is the one that was heard last."""
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


def absence_by_bars(topic: Topic, bars: Sequence[Bar], absence: Absence) -> Absence:
    """Return the absence with the prices of the bars that lie in it, the first one perhaps in part."""
    timeframe = topic.timeframe
    inside = [bar for bar in bars if timeframe.next(bar.open_time_ms) > absence.from_ms]
    if not inside:
        return replace(absence, whole=False)
    closed = [bar for bar in inside if bar.final and timeframe.next(bar.open_time_ms) <= absence.to_ms]
    return replace(
        absence,
        open=inside[0].open,
        high=max(bar.high for bar in inside),
        low=min(bar.low for bar in inside),
        last=inside[-1].close,
        bars_closed=len(closed),
        whole=False,
    )
