"""Sentences, what they are made with, and how much of them a listener wants."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from services.narration.chart import Chart
from services.narration.facts import Fact, FactBook
from services.narration.landmarks import Record, VolumeSpike
from services.narration.patterns import Pattern
from services.narration.segments import Leg, Legs
from services.narration.statistics import Statistics
from services.narration.voice import Voice

Level = Literal[1, 2, 3]


class Verbosity(StrEnum):
    """How much a listener wants to hear; each holds all of the one before it."""

    BRIEF = "brief"
    NORMAL = "normal"
    FULL = "full"

    def includes(self, other: "Verbosity") -> bool:
        """Tell whether whoever wants this much wants to hear what belongs to the other."""
        order = list(Verbosity)
        return order.index(other) <= order.index(self)


@dataclass(frozen=True, slots=True)
class Sentence:
    """Say something, and name the facts that it says.

    Levels: 1 what the chart is, 2 statistics, 3 trend, legs and patterns.
    """

    text: str
    level: Level
    facts: tuple[str, ...]
    verbosity: Verbosity


@dataclass(frozen=True, slots=True)
class Findings:
    """Hold what was found in a chart that has bars."""

    statistics: Statistics
    legs: Legs | None
    spikes: tuple[VolumeSpike, ...]
    new_highs: tuple[Record, ...]
    new_lows: tuple[Record, ...]
    patterns: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class Teller:
    """Put facts of one chart into words of one voice."""

    chart: Chart
    book: FactBook
    voice: Voice

    def price(self, fact: Fact) -> str:
        """Return a price in words."""
        return self.voice.price(fact.value)

    def volume(self, fact: Fact) -> str:
        """Return a volume in words."""
        return self.voice.amount(fact.said)

    def change(self, fact: Fact) -> str:
        """Return a change in words."""
        return self.voice.change(fact.value)

    def time(self, fact: Fact) -> str:
        """Return the time of the fact's bar in words."""
        return self.voice.bar_time(fact.time_ms, self.chart.timeframe)

    def open_time(self, time_ms: int) -> str:
        """Return the time of a bar that may be missing, in words."""
        return self.voice.bar_time(time_ms, self.chart.timeframe)

    def leg(self, leg: Leg) -> tuple[Fact, Fact, Fact]:
        """Return the facts of a leg: its first close, its last one and the change between them."""
        first, last = self.book.price("close", leg.first_bar), self.book.price("close", leg.last_bar)
        return first, last, self.book.change((leg.first_bar, "close"), leg.last_bar)

    def spike(self, spike: VolumeSpike) -> tuple[Fact, Fact]:
        """Return the facts of a volume spike: the volume, and the median that it is held against."""
        return self.book.volume(spike.bar), self.book.median(spike.median, spike.first_bar, spike.bar - 1)


def ids(*facts: Fact) -> tuple[str, ...]:
    """Return the ids of facts, each once."""
    return tuple(dict.fromkeys(fact.id for fact in facts))
