"""Seeded feeds with events put in on purpose, and a listener whose clock is the feed's own."""

import random
from dataclasses import dataclass, field

from services.announcing.announcement import Announcement
from services.announcing.announcer import Announcer
from services.announcing.preferences import Mode, Preferences
from services.announcing.tape import TopicTape
from services.live.log import FeedStatus
from utils.domain import Bar, BarState, Instrument, Timeframe, Topic

TOPIC = Topic(Instrument("crypto", "x", "BTC/USD"), Timeframe.parse("1m"))
START_MS = 1_795_262_400_000
# Further apart than a jump takes to be re-armed.
APART_S = 75


@dataclass
class Told:
    time_ms: int
    announcement: Announcement


@dataclass
class Injected:
    """What was put into a feed: the times of its jumps, of its gaps, and of its spikes."""

    jumps_ms: list[int] = field(default_factory=list)
    gaps_ms: list[tuple[int, int]] = field(default_factory=list)
    spikes_ms: list[int] = field(default_factory=list)


@dataclass
class Feed:
    """Entries of a log with their times, and every price that it tells of, with the time of its entry.

    Between two entries only a price beyond those of its bar leaves a trace.
    """

    entries: list[tuple[int, Bar | FeedStatus]]
    prices: list[tuple[int, float]]
    injected: Injected


def calm_feed(seed: int, *, seconds: int = 400, per_s: int = 4, log_every: int = 1) -> Feed:
    """Return a feed that never moves by itself, with jumps, ticks far away, gaps and volumes put in."""
    rng = random.Random(seed)
    injected, level = Injected(), rng.uniform(1e-6, 1e6)
    plan = {}
    at_s = rng.randint(10, 40)
    while at_s < seconds - APART_S:
        plan[at_s] = rng.choice(["excursion", "shift", "gap", "spike"])
        at_s += APART_S + rng.randint(0, 40)
    builder = _Bars(log_every)
    quiet_until_ms = 0
    for tick in range(seconds * per_s):
        now_ms = START_MS + tick * 1_000 // per_s
        second, first = divmod(tick, per_s)
        event = plan.get(second) if first == 0 else None
        size = rng.choice([-1, 1]) * rng.uniform(0.03, 0.15)
        # Too little for any threshold, around a level that does not drift.
        price, amount = level * (1 + rng.uniform(-0.0005, 0.0005)), rng.uniform(0.9, 1.1) / per_s
        if event == "gap":
            quiet_until_ms = now_ms + rng.randint(6_000, 30_000)
            builder.status(now_ms, "stale")
            injected.gaps_ms.append((now_ms, quiet_until_ms))
        if now_ms < quiet_until_ms:
            continue
        if quiet_until_ms:
            builder.status(now_ms, "live")
            quiet_until_ms = 0
        if event in ("excursion", "shift"):
            injected.jumps_ms.append(now_ms)
            price = level * (1 + size)
            level = price if event == "shift" else level
        if event == "spike":
            injected.spikes_ms.append(now_ms)
            amount = 1_000.0
        builder.trade(now_ms, price, amount)
    return Feed(builder.entries, builder.prices, injected)


def walking_feed(seed: int, *, per_s: int, seconds: int = 600) -> Feed:
    """Return a random walk of the same unrest at any rate of updates."""
    rng = random.Random(seed)
    builder, price = _Bars(1), 60_000.0
    for tick in range(seconds * per_s):
        price *= 1 + rng.gauss(0, 0.0006) / per_s**0.5
        builder.trade(START_MS + tick * 1_000 // per_s, round(price, 2), 1 / per_s)
    return Feed(builder.entries, builder.prices, Injected())


def restless_feed(seed: int, *, seconds: int = 1_800) -> Feed:
    """Return a feed that never rests: moves upon moves, jumps upon jumps, volumes and ups and downs."""
    rng = random.Random(seed)
    builder, price, away = _Bars(1 + seed % 2), rng.uniform(1, 1_000), False
    for second in range(seconds):
        now_ms = START_MS + second * 1_000
        if rng.random() < 0.01:
            away = not away
            builder.status(now_ms, "stale" if away else "live")
        if away:
            continue
        price *= 1 + rng.choice([0.0001, 0.001, 0.001, 0.02 * (seed % 2)]) * rng.gauss(0, 1)
        builder.trade(now_ms, price, 1_000.0 if rng.random() < 0.01 else 1.0)
    return Feed(builder.entries, builder.prices, Injected())


class _Bars:
    def __init__(self, log_every: int) -> None:
        self.entries: list[tuple[int, Bar | FeedStatus]] = []
        self.prices: list[tuple[int, float]] = []
        self._bar: Bar | None = None
        self._log_every, self._since = log_every, 0
        self._untold: list[float] = []

    def status(self, now_ms: int, state: str) -> None:
        self.entries.append((now_ms, FeedStatus(state, now_ms, "")))

    def trade(self, now_ms: int, price: float, amount: float) -> None:
        open_ms, bar = TOPIC.timeframe.floor(now_ms), self._bar
        if bar is not None and bar.open_time_ms == open_ms:
            if not bar.low <= price <= bar.high:
                self._untold.append(price)
            high, low, volume = max(bar.high, price), min(bar.low, price), bar.volume + amount
            # As dataclasses.replace does, in a third of its time.
            bar = Bar(open_ms, bar.open, high, low, price, volume, BarState.FORMING)
        else:
            if bar is not None:
                self._log(now_ms, bar.closed())
            self._untold.append(price)
            bar = Bar(open_ms, price, price, price, price, amount, BarState.FORMING)
        self._bar = bar
        self._since += 1
        if self._since >= self._log_every:
            self._since = 0
            self._log(now_ms, bar)

    def _log(self, now_ms: int, bar: Bar) -> None:
        self.entries.append((now_ms, bar))
        self.prices += [(now_ms, price) for price in (*self._untold, bar.close)]
        self._untold.clear()


def estimate(announcement: Announcement) -> float:
    return 2.0 + len(announcement.parts)


def listen(feed: Feed, preferences: Preferences | None = None, end_s: int = 120) -> list[Told]:
    """Return all that a listener of the feed is told, each at its time."""
    announcer = Announcer(preferences or Preferences(mode=Mode.ALL), estimate)
    tape = TopicTape(TOPIC)
    announcer.begin(TOPIC, price=None, step=None, now_ms=START_MS)
    told: list[Told] = []
    now_ms = START_MS
    for time_ms, event in feed.entries:
        now_ms = _let_pass(announcer, told, now_ms, time_ms)
        urgent = announcer.hear(tape.observe(event, time_ms), time_ms)
        if urgent is not None:
            told.append(Told(time_ms, urgent))
    _let_pass(announcer, told, now_ms, now_ms + end_s * 1_000)
    return told


def _let_pass(announcer: Announcer, told: list[Told], now_ms: int, until_ms: int) -> int:
    while (due_ms := announcer.due_ms(now_ms)) is not None and due_ms <= until_ms:
        now_ms = max(now_ms, due_ms)
        announcement = announcer.take(now_ms)
        if announcement is not None:
            told.append(Told(now_ms, announcement))
            continue
        later_ms = announcer.due_ms(now_ms)
        assert later_ms is None or later_ms > now_ms, "the timer would run without a pause"
    return until_ms
