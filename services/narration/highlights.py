"""What a listener jumps to: landmarks in order of time, legs, patterns, gaps; with words and facts."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from services.narration import phrases_describe as phrases
from services.narration.facts import Fact
from services.narration.landmarks import Record
from services.narration.patterns import Pattern, PatternKind
from services.narration.segments import Leg
from services.narration.sentences import Findings, Teller, ids
from services.narration.telling_chart import gap_text, longest
from services.narration.telling_trend import tell_biggest, tell_leg, tell_record
from utils.domain import Gap

SPIKES_MAX = 5
RECORDS_MAX = 5
GAPS_MAX = 20
LANDMARK_GAPS_MAX = 10


class LandmarkKind(StrEnum):
    """Say why a bar is worth jumping to."""

    HIGH = "high"
    LOW = "low"
    BIGGEST_RISE = "biggest_rise"
    BIGGEST_FALL = "biggest_fall"
    GAP = "gap"
    VOLUME_SPIKE = "volume_spike"
    SEGMENT_START = "segment_start"
    NEW_HIGH = "new_high"
    NEW_LOW = "new_low"


@dataclass(frozen=True, slots=True)
class Landmark:
    """Name a bar to jump to; rank 1 is the foremost of its kind. A gap's is the first bar after it."""

    kind: LandmarkKind
    bar: int
    open_time_ms: int
    rank: int
    text: str
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SpokenLeg:
    """Say a leg; ``change_percent`` is signed."""

    first_bar: int
    last_bar: int
    direction: Literal["up", "down", "flat"]
    change_percent: Decimal
    text: str
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SpokenPattern:
    """Say a pattern and the rule that makes it one."""

    kind: PatternKind
    bars: tuple[int, ...]
    open_time_ms: int
    name: str
    rule: str
    text: str
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SpokenGap:
    """Say a gap; ``bars_count`` bars are missing in it."""

    gap: Gap
    bars_count: int
    text: str
    facts: tuple[str, ...]


def find_landmarks(teller: Teller, findings: Findings, gaps: tuple[Gap, ...]) -> tuple[Landmark, ...]:
    """Return the landmarks of a chart that has bars, in order of time."""
    found = [
        *_extremes(teller, findings),
        *_legs(teller, findings),
        *_spikes(teller, findings),
        *_records(teller, findings.new_highs, highest=True),
        *_records(teller, findings.new_lows, highest=False),
        *_gaps(teller, gaps),
    ]
    return tuple(sorted(found, key=lambda landmark: landmark.bar))


def speak_legs(teller: Teller, legs: Iterable[Leg]) -> tuple[SpokenLeg, ...]:
    """Return the legs in order."""
    spoken = []
    for leg in legs:
        *_, change = teller.leg(leg)
        text, facts = tell_leg(teller, leg, phrases.LEG)
        direction: Literal["up", "down", "flat"] = "flat"
        if change.value:
            direction = "up" if change.value > 0 else "down"
        spoken.append(SpokenLeg(leg.first_bar, leg.last_bar, direction, change.value, text, facts))
    return tuple(spoken)


def speak_patterns(teller: Teller, patterns: Iterable[Pattern]) -> tuple[SpokenPattern, ...]:
    """Return the patterns in order."""
    spoken = []
    for pattern in patterns:
        name = teller.voice.say(phrases.PATTERN_NAMES[pattern.kind])
        rule = teller.voice.say(phrases.PATTERN_RULES[pattern.kind])
        close = teller.book.price("close", pattern.bars[-1])
        text = teller.voice.say(phrases.PATTERN, pattern=name, time=teller.time(close), rule=rule)
        spoken.append(SpokenPattern(pattern.kind, pattern.bars, close.time_ms, name, rule, text, ids(close)))
    return tuple(spoken)


def speak_gaps(teller: Teller, gaps: tuple[Gap, ...]) -> tuple[SpokenGap, ...]:
    """Return the longest gaps, in order of time."""
    spoken = []
    for gap in longest(gaps, GAPS_MAX):
        text, fact = gap_text(teller, gap)
        spoken.append(SpokenGap(gap, int(fact.value), text, ids(fact)))
    return tuple(spoken)


def _extremes(teller: Teller, findings: Findings) -> Iterator[Landmark]:
    statistics = findings.statistics
    for kind, fact, phrase in (
        (LandmarkKind.HIGH, teller.book.extreme("high", statistics.high), phrases.LANDMARK_HIGH),
        (LandmarkKind.LOW, teller.book.extreme("low", statistics.low), phrases.LANDMARK_LOW),
    ):
        text = teller.voice.say(phrase, price=teller.price(fact), time=teller.time(fact))
        yield _landmark(kind, fact, 1, text, ids(fact))
    for kind, bar, phrase in (
        (LandmarkKind.BIGGEST_RISE, statistics.biggest_rise, phrases.BIGGEST_RISE),
        (LandmarkKind.BIGGEST_FALL, statistics.biggest_fall, phrases.BIGGEST_FALL),
    ):
        if bar is not None:
            text, facts = tell_biggest(teller, bar, phrase)
            yield _landmark(kind, teller.book.price("close", bar), 1, text, facts)


def _legs(teller: Teller, findings: Findings) -> Iterator[Landmark]:
    legs = findings.legs.legs[1:] if findings.legs else ()
    # The newest turn matters most to whoever comes back to a chart.
    for rank, leg in enumerate(reversed(legs), start=1):
        first, *_ = teller.leg(leg)
        text, facts = tell_leg(teller, leg, phrases.LANDMARK_LEG)
        yield _landmark(LandmarkKind.SEGMENT_START, first, rank, text, facts)


def _spikes(teller: Teller, findings: Findings) -> Iterator[Landmark]:
    for rank, spike in enumerate(findings.spikes[:SPIKES_MAX], start=1):
        volume, median = teller.spike(spike)
        text = teller.voice.say(
            phrases.LANDMARK_SPIKE,
            time=teller.time(volume),
            volume=teller.volume(volume),
            median=teller.volume(median),
        )
        yield _landmark(LandmarkKind.VOLUME_SPIKE, volume, rank, text, ids(volume, median))


def _records(teller: Teller, records: tuple[Record, ...], *, highest: bool) -> Iterator[Landmark]:
    kind = LandmarkKind.NEW_HIGH if highest else LandmarkKind.NEW_LOW
    for rank, record in enumerate(reversed(records[-RECORDS_MAX:]), start=1):
        text, facts = tell_record(teller, record, highest=highest)
        price = teller.book.price("high" if highest else "low", record.bar)
        yield _landmark(kind, price, rank, text, facts)


def _gaps(teller: Teller, gaps: tuple[Gap, ...]) -> Iterator[Landmark]:
    chart = teller.chart
    by_length = sorted(gaps, key=lambda gap: gap.span.start_ms - gap.span.end_ms)
    for rank, gap in enumerate(by_length[:LANDMARK_GAPS_MAX], start=1):
        text, fact = gap_text(teller, gap)
        after = bisect_left(chart.bars, gap.span.start_ms, key=lambda bar: bar.open_time_ms)
        bar = min(after, chart.last)
        yield Landmark(LandmarkKind.GAP, bar, chart.bars[bar].open_time_ms, rank, text, ids(fact))


def _landmark(kind: LandmarkKind, fact: Fact, rank: int, text: str, facts: tuple[str, ...]) -> Landmark:
    assert fact.bar is not None
    return Landmark(kind, fact.bar, fact.time_ms, rank, text, facts)
