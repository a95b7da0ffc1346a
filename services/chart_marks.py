"""Marks on a chart: the places of its description, and what was worth announcing, each at a bar's time."""

import asyncio
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from services.announcing.alerts import alert_news
from services.announcing.announcement import KINDS, Announcement, Priority
from services.announcing.news import Extreme, Spike
from services.announcing.preferences import Verbosity
from services.announcing.record import FiringRecord
from services.announcing.tape import EXTREME_BARS, TopicTape
from services.announcing.wording import Steps, words
from services.history_query import History
from services.last_bars import BarWindow, LastBars
from services.narration.describe import describe
from services.narration.voice import Voice
from utils.domain import Bar, Topic

# A chart shows no more at one bar.
PER_BAR_MAX = 10
# Each mark takes some work; of a longer stretch the newest bars are marked.
BARS_MAX = 1_000
# What is beyond the bars before needs those bars.
CONTEXT_BARS = EXTREME_BARS + 2


@dataclass(frozen=True, slots=True)
class ChartMark:
    """Mark one bar; ``key`` names the mark among all of its symbol, ``kind`` says what it is about."""

    key: str
    kind: str
    open_time_ms: int
    text: str


@dataclass(frozen=True, slots=True)
class Marked:
    """Hold the marks of a stretch of bars, in order of time."""

    history: History
    marks: tuple[ChartMark, ...]


class ChartMarks:
    """Mark what a listener would be told."""

    def __init__(self, last_bars: LastBars, record: FiringRecord) -> None:
        self._last_bars = last_bars
        self._record = record

    async def landmarks(self, window: BarWindow, voice: Voice) -> Marked:
        """Return the landmarks of the bars: highs and lows, large moves, spikes of volume, turns, gaps."""
        history = await self._last_bars.read(window)
        # Milliseconds of work, which others need not wait for.
        return await asyncio.to_thread(_landmarks, history, voice)

    async def announced(self, window: BarWindow, voice: Voice, user_id: int | None) -> Marked:
        """Return what the live feed would have announced of the bars, and the alerts of a user that fired."""
        shift = window.timeframe.shift
        wider = BarWindow(
            window.instrument,
            window.timeframe,
            window.end_ms,
            window.count + CONTEXT_BARS,
            max(0, shift(window.floor_ms, -CONTEXT_BARS)),
        )
        history = await self._last_bars.read(wider)
        topic = Topic(window.instrument, window.timeframe)
        steps = Steps.of(history.spec.price_step, history.spec.amount_step)
        marks = [*_announced(history, topic, steps, voice)]
        if user_id is not None and history.bars:
            marks += await self._fired(history.bars, topic, steps, voice, user_id)
        inside = (mark for mark in marks if window.floor_ms <= mark.open_time_ms < window.end_ms)
        return Marked(history, _bounded(inside))

    async def _fired(
        self, bars: tuple[Bar, ...], topic: Topic, steps: Steps, voice: Voice, user_id: int
    ) -> list[ChartMark]:
        opens_ms = [bar.open_time_ms for bar in bars]
        found = []
        for firing in await self._record.since(user_id, 0):
            place = bisect_right(opens_ms, firing.event_time_ms) - 1
            end_ms = topic.timeframe.next(opens_ms[place])
            if firing.topic.instrument == topic.instrument and place >= 0 and firing.event_time_ms < end_ms:
                part = alert_news(firing)
                announcement = Announcement(
                    KINDS[type(part)], Priority.CRITICAL, topic, firing.event_time_ms, (part,)
                )
                text = words(announcement, steps, voice, Verbosity.NORMAL).text
                found.append(ChartMark(f"alert-{firing.sequence}", "alert", opens_ms[place], text))
        return found


def _landmarks(history: History, voice: Voice) -> Marked:
    if not history.bars:
        return Marked(history, ())
    marks = (
        ChartMark(
            f"{landmark.kind.value}-{landmark.open_time_ms}",
            landmark.kind.value,
            landmark.open_time_ms,
            landmark.text,
        )
        for landmark in sorted(describe(history, voice).landmarks, key=lambda each: each.rank)
    )
    return Marked(history, _bounded(marks))


def _announced(history: History, topic: Topic, steps: Steps, voice: Voice) -> Iterator[ChartMark]:
    tape = TopicTape(topic)
    before: set[str] = set()
    for bar in history.bars:
        if not bar.final:
            continue
        news = tape.observe(bar, bar.open_time_ms)
        parts: list[Extreme | Spike] = [*news.extremes, *((news.spike,) if news.spike else ())]
        kinds = {_kind(part) for part in parts}
        # Of many bars in a row that go higher, the first is news.
        for part in parts:
            if _kind(part) not in before:
                announcement = Announcement(
                    KINDS[type(part)], Priority.IMPORTANT, topic, bar.open_time_ms, (part,)
                )
                text = words(announcement, steps, voice, Verbosity.NORMAL).text
                yield ChartMark(f"{_kind(part)}-{bar.open_time_ms}", _kind(part), bar.open_time_ms, text)
        before = kinds


def _kind(part: Extreme | Spike) -> str:
    return f"new_{part.side.value}" if isinstance(part, Extreme) else "volume_spike"


def _bounded(marks: Iterable[ChartMark]) -> tuple[ChartMark, ...]:
    counts: Counter[int] = Counter()
    kept: dict[str, ChartMark] = {}
    for mark in marks:
        if mark.key not in kept and counts[mark.open_time_ms] < PER_BAR_MAX:
            counts[mark.open_time_ms] += 1
            kept[mark.key] = mark
    return tuple(sorted(kept.values(), key=lambda mark: mark.open_time_ms))
