"""Level 2: what the chart amounts to."""

from collections.abc import Iterator

from services.narration import phrases_describe as phrases
from services.narration.sentences import Sentence, Teller, Verbosity, ids
from services.narration.statistics import Statistics


def tell_statistics(teller: Teller, statistics: Statistics) -> Iterator[Sentence]:
    """Yield the sentences of level 2."""
    book, voice = teller.book, teller.voice
    first, last = book.price("open", 0), book.price("close", teller.chart.last)
    change = book.change((0, "open"), teller.chart.last)
    text = voice.say(
        phrases.LAST_PRICE, price=teller.price(last), change=teller.change(change), first=teller.price(first)
    )
    yield Sentence(text, 2, ids(last, change, first), Verbosity.BRIEF)
    yield from _extremes(teller, statistics)
    yield _volume(teller, statistics)
    yield _counts(teller, statistics)


def _extremes(teller: Teller, statistics: Statistics) -> Iterator[Sentence]:
    chart, book, voice = teller.chart, teller.book, teller.voice
    high = book.extreme("high", statistics.high)
    low = book.extreme("low", statistics.low)
    if chart.highs[statistics.high] == chart.lows[statistics.low]:
        text = voice.say(phrases.NEVER_MOVED, price=teller.price(high))
        yield Sentence(text, 2, ids(high, low), Verbosity.NORMAL)
        return
    text = voice.say(
        phrases.HIGH_AND_LOW,
        high=teller.price(high),
        high_time=teller.time(high),
        low=teller.price(low),
        low_time=teller.time(low),
    )
    yield Sentence(text, 2, ids(high, low), Verbosity.NORMAL)
    span = book.change((statistics.low, "low"), statistics.high, "high")
    text = voice.say(phrases.RANGE, percent=voice.percent(span.value))
    yield Sentence(text, 2, ids(span, high, low), Verbosity.FULL)


def _volume(teller: Teller, statistics: Statistics) -> Sentence:
    total = teller.book.total_volume(statistics.total_volume)
    if not total.value:
        return Sentence(teller.voice.say(phrases.NO_VOLUME), 2, ids(total), Verbosity.NORMAL)
    largest = teller.book.extreme("volume", statistics.largest_volume)
    text = teller.voice.say(
        phrases.VOLUME,
        total=teller.volume(total),
        largest=teller.volume(largest),
        time=teller.time(largest),
    )
    return Sentence(text, 2, ids(total, largest), Verbosity.NORMAL)


def _counts(teller: Teller, statistics: Statistics) -> Sentence:
    book, voice = teller.book, teller.voice
    rising = book.count("rising_bars", statistics.rising)
    falling = book.count("falling_bars", statistics.falling)
    unchanged = book.count("unchanged_bars", statistics.unchanged)
    text = voice.say(
        phrases.COUNTS,
        rose=voice.say_count(*phrases.ROSE, count=statistics.rising),
        fell=voice.say_count(*phrases.FELL, count=statistics.falling),
        stayed=voice.say_count(*phrases.STAYED, count=statistics.unchanged),
    )
    return Sentence(text, 2, ids(rising, falling, unchanged), Verbosity.FULL)
