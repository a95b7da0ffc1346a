"""Level 3: how the price went, leg by leg, and what stands out on the way."""

from collections.abc import Iterator
from fractions import Fraction

from services.narration import phrases_describe as phrases
from services.narration.landmarks import Record, VolumeSpike
from services.narration.segments import Leg, Legs
from services.narration.sentences import Findings, Sentence, Teller, Verbosity, ids
from services.narration.statistics import Statistics


def tell_trend(teller: Teller, findings: Findings) -> Iterator[Sentence]:
    """Yield the sentences of level 3."""
    if findings.legs is not None:
        yield from _legs(teller, findings.legs)
    yield from _biggest(teller, findings.statistics)
    if findings.spikes:
        yield _spikes(teller, findings.spikes)
    for records, highest in ((findings.new_highs, True), (findings.new_lows, False)):
        if records:
            text, facts = tell_record(teller, records[-1], highest=highest)
            yield Sentence(text, 3, facts, Verbosity.NORMAL)
    yield _last_pattern(teller, findings)


def tell_record(teller: Teller, record: Record, *, highest: bool) -> tuple[str, tuple[str, ...]]:
    """Return a new high or low in words, and the facts of it."""
    new = teller.book.price("high" if highest else "low", record.bar)
    old = teller.book.price("high" if highest else "low", record.broken_bar)
    text = teller.voice.say(
        phrases.NEW_HIGH if highest else phrases.NEW_LOW,
        time=teller.time(new),
        price=teller.price(new),
        old=teller.price(old),
        old_time=teller.time(old),
    )
    return text, ids(new, old)


def tell_leg(teller: Teller, leg: Leg, phrase: str) -> tuple[str, tuple[str, ...]]:
    """Return a leg in the words of a phrase, and the facts of it."""
    first, last, change = teller.leg(leg)
    text = teller.voice.say(
        phrase,
        change=teller.change(change),
        first=teller.price(first),
        start=teller.time(first),
        last=teller.price(last),
        end=teller.time(last),
    )
    return text, ids(first, last, change)


def _legs(teller: Teller, found: Legs) -> Iterator[Sentence]:
    if not found.turn_percent:
        last = teller.book.price("close", teller.chart.last)
        text = teller.voice.say(phrases.NO_LEGS, price=teller.price(last))
        yield Sentence(text, 3, ids(last), Verbosity.BRIEF)
        return
    count = teller.book.count("legs", len(found.legs))
    turn = teller.book.turn(found.turn_percent)
    percent = teller.voice.percent(found.turn_percent)
    text = teller.voice.say_count(*phrases.LEGS, count=len(found.legs), percent=percent)
    yield Sentence(text, 3, ids(count, turn), Verbosity.BRIEF)
    text, facts = tell_leg(teller, found.legs[-1], phrases.LAST_LEG)
    yield Sentence(text, 3, facts, Verbosity.BRIEF)
    if len(found.legs) == 1:
        return
    largest = largest_leg(teller, found.legs)
    if largest != found.legs[-1]:
        text, facts = tell_leg(teller, largest, phrases.LARGEST_LEG)
        yield Sentence(text, 3, facts, Verbosity.NORMAL)
    for leg in found.legs:
        text, facts = tell_leg(teller, leg, phrases.LEG)
        yield Sentence(text, 3, facts, Verbosity.FULL)


def largest_leg(teller: Teller, legs: tuple[Leg, ...]) -> Leg:
    """Return the leg that changes the price most in percent, up or down; of equal ones the first."""
    closes = teller.chart.closes

    def share(leg: Leg) -> Fraction:
        return abs(Fraction(closes[leg.last_bar], closes[leg.first_bar]) - 1)

    return max(legs, key=share)


def _biggest(teller: Teller, statistics: Statistics) -> Iterator[Sentence]:
    for bar, phrase, none, field in (
        (statistics.biggest_rise, phrases.BIGGEST_RISE, phrases.NO_RISE, "rising_bars"),
        (statistics.biggest_fall, phrases.BIGGEST_FALL, phrases.NO_FALL, "falling_bars"),
    ):
        if bar is None:
            count = teller.book.count(field, 0)
            yield Sentence(teller.voice.say(none), 3, ids(count), Verbosity.FULL)
            continue
        text, facts = tell_biggest(teller, bar, phrase)
        yield Sentence(text, 3, facts, Verbosity.NORMAL)


def tell_biggest(teller: Teller, bar: int, phrase: str) -> tuple[str, tuple[str, ...]]:
    """Return the biggest rise or fall in words, and the facts of it."""
    change = teller.book.change(teller.chart.base(bar), bar)
    close = teller.book.price("close", bar)
    text = teller.voice.say(
        phrase,
        percent=teller.voice.percent(change.value),
        time=teller.time(change),
        price=teller.price(close),
    )
    return text, ids(change, close)


def _spikes(teller: Teller, spikes: tuple[VolumeSpike, ...]) -> Sentence:
    count = teller.book.count("volume_spikes", len(spikes))
    volume, median = teller.spike(spikes[0])
    text = teller.voice.say_count(
        *phrases.SPIKES,
        count=len(spikes),
        volume=teller.volume(volume),
        time=teller.time(volume),
        median=teller.volume(median),
    )
    return Sentence(text, 3, ids(count, volume, median), Verbosity.NORMAL)


def _last_pattern(teller: Teller, findings: Findings) -> Sentence:
    if not findings.patterns:
        count = teller.book.count("patterns", 0)
        return Sentence(teller.voice.say(phrases.NO_PATTERN), 3, ids(count), Verbosity.FULL)
    pattern = findings.patterns[-1]
    close = teller.book.price("close", pattern.bars[-1])
    text = teller.voice.say(
        phrases.LAST_PATTERN,
        pattern=teller.voice.say(phrases.PATTERN_NAMES[pattern.kind]),
        time=teller.time(close),
        rule=teller.voice.say(phrases.PATTERN_RULES[pattern.kind]),
    )
    return Sentence(text, 3, ids(close), Verbosity.NORMAL)
