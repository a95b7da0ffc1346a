"""Read a topic's log once for all who listen: prices reached, closes, extremes, volumes, the feed; pure."""

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import replace

from services.announcing.news import Extreme, FeedChange, News, Side, Spike
from services.live.log import FeedStatus
from utils.domain import DAY_MS, HOUR_MS, Bar, Topic

RANGE_BARS = 14
EXTREME_BARS = 20
VOLUME_BARS = 20
SPIKE_TIMES = 3.0
# A final version may come after the next bars began; older ones than these change no price that was said.
BARS_KEPT = 4
FEED_LOST = ("stale", "delayed", "offline")


class TopicTape:
    """Fold the entries of one topic into news."""

    def __init__(self, topic: Topic) -> None:
        self._topic = topic
        self._seen: OrderedDict[int, Bar] = OrderedDict()
        self._closed: deque[Bar] = deque(maxlen=max(RANGE_BARS, EXTREME_BARS, VOLUME_BARS) + 1)
        self._day_ms: int | None = None
        # Whether all of the day is known; else nobody can tell its high or low.
        self._day_whole = False
        self._day_high, self._day_low = 0.0, 0.0
        # The range of the bars before this one: what is beyond it is an extreme.
        self._bars_high, self._bars_low = 0.0, 0.0
        # Many large bars in a row are one spike.
        self._spiked = False
        self._newest_spike: Spike | None = None
        self._mean_volume: float | None = None
        # After a hole in the log: what history holds from before a hole is not what came before the newest.
        self._holed = False
        self._lost = False
        self._lost_since_ms = 0
        self.last: float | None = None
        self.atr: float | None = None

    @property
    def loss(self) -> FeedChange | None:
        """Return since when the feed is lost; None where it is not."""
        return FeedChange(True, self._lost_since_ms) if self._lost else None

    def warm(self, bars: Iterable[Bar], whole_from_ms: int) -> None:
        """Learn what was before the first entry: history, oldest first, without a hole from that time on."""
        newest_ms = next(reversed(self._seen), None)
        known = {bar.open_time_ms for bar in self._closed}
        earlier = [bar for bar in bars if bar.final and (newest_ms is None or bar.open_time_ms < newest_ms)]
        from_ms = whole_from_ms if self._holed else 0
        fresh = (bar for bar in earlier if bar.open_time_ms >= from_ms and bar.open_time_ms not in known)
        merged = [*fresh, *self._closed]
        self._closed.clear()
        self._closed.extend(sorted(merged, key=lambda bar: bar.open_time_ms))
        for bar in earlier:
            self._widen_day(bar.open_time_ms, bar.high, bar.low)
        if self._day_ms is not None and whole_from_ms <= self._day_ms * DAY_MS:
            self._day_whole = True
        self._measure()

    def forget(self) -> None:
        """Forget what the bars were like: the log began anew with a hole. ``warm`` or more bars tell it."""
        self._holed = True
        self._closed.clear()
        # Without its day the first bar after the hole does not begin one.
        self._day_ms, self._day_whole = None, False
        self._bars_high, self._bars_low = 0.0, 0.0
        self._spiked, self._mean_volume, self.atr = False, None, None

    def observe(self, event: Bar | FeedStatus, time_ms: int) -> News:
        """Return what the next entry of the log, written at this time, says that is new."""
        if isinstance(event, FeedStatus):
            return News(self._topic, time_ms, feed=self._feed(event))
        before = self._seen.get(event.open_time_ms)
        newest_ms = next(reversed(self._seen), None)
        if newest_ms is not None and event.open_time_ms < newest_ms:
            return self._late(event, before, time_ms)
        self._keep(event)
        high, low = self._reached(event, before)
        self.last = event.close
        extremes = self._extremes(event, high, low)
        closed = event if event.final and (before is None or not before.final) else None
        grown, spike = self._grown(event), self._spike(event)
        if closed is not None:
            self._close(closed)
        return News(
            self._topic, time_ms, event.close, high, low, closed, extremes, spike, None, self.atr, grown
        )

    def _reached(self, bar: Bar, before: Bar | None) -> tuple[float, float]:
        if before is None:
            # The very first entry may tell of a time before anybody listened.
            return (bar.close, bar.close) if self.last is None else (bar.high, bar.low)
        return (
            bar.high if bar.high > before.high else bar.close,
            bar.low if bar.low < before.low else bar.close,
        )

    def _late(self, bar: Bar, before: Bar | None, time_ms: int) -> News:
        """Read the final version of a bar that already has a successor: only what it adds is new."""
        if before is None or self.last is None:
            return News(self._topic, time_ms)
        self._seen[bar.open_time_ms] = bar
        high, low = max(bar.high, before.high), min(bar.low, before.low)
        closed = bar if bar.final and not before.final else None
        if closed is not None:
            self._close(closed)
        self._widen_day(bar.open_time_ms, bar.high, bar.low)
        new_high = high if high > before.high else self.last
        new_low = low if low < before.low else self.last
        grown = self._grown(bar)
        return News(self._topic, time_ms, self.last, new_high, new_low, closed, atr=self.atr, grown=grown)

    def _keep(self, bar: Bar) -> None:
        self._seen[bar.open_time_ms] = bar
        while len(self._seen) > BARS_KEPT:
            self._seen.popitem(last=False)

    def _extremes(self, bar: Bar, high: float, low: float) -> tuple[Extreme, ...]:
        day_ms = bar.open_time_ms // DAY_MS
        if self._day_ms is not None and day_ms > self._day_ms:
            # Every bar of a day that begins while the tape runs is seen.
            self._day_whole = True
        # In the first minutes of a day every other price is its highest so far: that is no news.
        settled = bar.open_time_ms - day_ms * DAY_MS >= max(HOUR_MS, self._topic.timeframe.approximate_ms)
        of_day = self._day_whole and settled and day_ms == self._day_ms
        found = []
        if of_day and high > self._day_high:
            found.append(Extreme(Side.HIGH, high))
        elif self._bars_high and high > self._bars_high:
            found.append(Extreme(Side.HIGH, high, EXTREME_BARS))
        if of_day and low < self._day_low:
            found.append(Extreme(Side.LOW, low))
        elif self._bars_high and low < self._bars_low:
            found.append(Extreme(Side.LOW, low, EXTREME_BARS))
        if self._bars_high:
            self._bars_high, self._bars_low = max(self._bars_high, high), min(self._bars_low, low)
        # What was reached before anybody listened belongs to the day as well.
        self._widen_day(bar.open_time_ms, bar.high, bar.low)
        return tuple(found)

    def _widen_day(self, open_ms: int, high: float, low: float) -> None:
        day_ms = open_ms // DAY_MS
        if self._day_ms is None or day_ms > self._day_ms:
            self._day_ms, self._day_high, self._day_low = day_ms, high, low
        elif day_ms == self._day_ms:
            self._day_high, self._day_low = max(self._day_high, high), min(self._day_low, low)

    def _spike(self, bar: Bar) -> Spike | None:
        mean = self._mean_volume
        if mean is None or bar.volume < mean * SPIKE_TIMES or self._spiked:
            return None
        self._spiked = True
        self._newest_spike = Spike(bar.open_time_ms, bar.volume, mean)
        return self._newest_spike

    def _grown(self, bar: Bar) -> Spike | None:
        spike = self._newest_spike
        if spike is None or bar.open_time_ms != spike.open_time_ms or bar.volume <= spike.volume:
            return None
        self._newest_spike = replace(spike, volume=bar.volume)
        return self._newest_spike

    def _close(self, bar: Bar) -> None:
        if self._mean_volume is not None and bar.volume < self._mean_volume * SPIKE_TIMES:
            self._spiked = False
        if not self._closed or bar.open_time_ms > self._closed[-1].open_time_ms:
            self._closed.append(bar)
            self._measure()

    def _measure(self) -> None:
        bars = list(self._closed)
        if len(bars) > RANGE_BARS:
            pairs = zip(bars[-RANGE_BARS - 1 : -1], bars[-RANGE_BARS:], strict=True)
            ranges = [max(bar.high, prior.close) - min(bar.low, prior.close) for prior, bar in pairs]
            self.atr = sum(ranges) / RANGE_BARS
        if len(bars) >= EXTREME_BARS:
            self._bars_high = max(bar.high for bar in bars[-EXTREME_BARS:])
            self._bars_low = min(bar.low for bar in bars[-EXTREME_BARS:])
        if len(bars) >= VOLUME_BARS:
            mean = sum(bar.volume for bar in bars[-VOLUME_BARS:]) / VOLUME_BARS
            self._mean_volume = mean or None

    def _feed(self, status: FeedStatus) -> FeedChange | None:
        lost = status.state in FEED_LOST
        if lost == self._lost:
            return None
        self._lost, self._lost_since_ms = lost, status.since_ms
        return FeedChange(lost, status.since_ms)
