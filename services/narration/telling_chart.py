"""Level 1: what the chart is, how far it can be trusted, and what is missing in it."""

from bisect import bisect_left
from collections.abc import Iterator

from services.history_query import History
from services.narration import phrases_describe as phrases
from services.narration.facts import Fact
from services.narration.sentences import Sentence, Teller, Verbosity, ids
from services.narration.sonification import count_opens
from utils.domain import BarState, Gap

# The longest ones; the others are in the list of gaps.
GAPS_SAID = {Verbosity.BRIEF: 0, Verbosity.NORMAL: 3, Verbosity.FULL: 10}


def tell_chart(teller: Teller, history: History, verbosity: Verbosity) -> Iterator[Sentence]:
    """Yield the sentences of level 1."""
    yield _overview(teller, history)
    if history.stale:
        read = teller.book.as_of(history.as_of_ms)
        text = teller.voice.say(phrases.STALE, moment=teller.voice.moment(history.as_of_ms))
        yield Sentence(text, 1, ids(read), Verbosity.BRIEF)
    if history.bars:
        yield from _states(teller)
    yield from _gaps(teller, history.gaps, verbosity)
    if history.next_ms is not None and history.bars:
        count = teller.book.count("bars", len(history.bars))
        text = teller.voice.say_count(*phrases.MORE, count=len(history.bars))
        yield Sentence(text, 1, ids(count), Verbosity.NORMAL)


def gap_text(teller: Teller, gap: Gap) -> tuple[str, Fact]:
    """Return a gap in words, and its fact."""
    missing = missing_opens(teller, gap)
    fact = teller.book.missing(gap, missing)
    timeframe = teller.chart.timeframe
    reason = teller.voice.say(phrases.REASONS[gap.reason])
    if not missing:
        start = teller.open_time(timeframe.floor(gap.span.start_ms))
        return teller.voice.say(phrases.GAP_INSIDE, start=start, reason=reason), fact
    text = teller.voice.say_count(
        *phrases.GAP,
        count=missing,
        start=teller.open_time(timeframe.ceil(gap.span.start_ms)),
        end=teller.open_time(timeframe.shift(timeframe.ceil(gap.span.end_ms), -1)),
        reason=reason,
    )
    return text, fact


def missing_opens(teller: Teller, gap: Gap) -> int:
    """Return how many bars a gap lacks; one that is built from others may lie in it and lack a part only."""
    chart, span = teller.chart, gap.span
    opens = count_opens(chart.timeframe, span.start_ms, span.end_ms)
    first, end = (
        bisect_left(chart.bars, time_ms, key=lambda bar: bar.open_time_ms)
        for time_ms in (span.start_ms, span.end_ms)
    )
    return opens - (end - first)


def _overview(teller: Teller, history: History) -> Sentence:
    voice, instrument = teller.voice, history.query.instrument
    count = teller.book.count("bars", len(history.bars))
    words = {
        "name": voice.name(instrument).spoken,
        "exchange": voice.exchange(instrument.exchange),
        "timeframe": voice.timeframe(history.query.timeframe),
    }
    if not history.bars:
        return Sentence(voice.say(phrases.EMPTY, **words), 1, ids(count), Verbosity.BRIEF)
    first, last = teller.book.price("open", 0), teller.book.price("close", teller.chart.last)
    text = voice.say_count(
        *phrases.OVERVIEW,
        count=len(history.bars),
        first=teller.time(first),
        last=teller.time(last),
        **words,
    )
    return Sentence(text, 1, ids(count, first, last), Verbosity.BRIEF)


def _states(teller: Teller) -> Iterator[Sentence]:
    bars = teller.chart.bars
    if bars[-1].state is BarState.FORMING:
        last = teller.book.price("close", teller.chart.last)
        text = teller.voice.say(phrases.FORMING, time=teller.time(last), price=teller.price(last))
        yield Sentence(text, 1, ids(last), Verbosity.BRIEF)
    corrected = sum(bar.state is BarState.CORRECTED for bar in bars)
    if corrected:
        fact = teller.book.count("corrected_bars", corrected)
        text = teller.voice.say_count(*phrases.CORRECTED, count=corrected)
        yield Sentence(text, 1, ids(fact), Verbosity.NORMAL)


def _gaps(teller: Teller, gaps: tuple[Gap, ...], verbosity: Verbosity) -> Iterator[Sentence]:
    count = teller.book.count("gaps", len(gaps))
    if not gaps:
        yield Sentence(teller.voice.say(phrases.NO_GAPS), 1, ids(count), Verbosity.FULL)
        return
    text = teller.voice.say_count(*phrases.GAPS, count=len(gaps))
    yield Sentence(text, 1, ids(count), Verbosity.BRIEF)
    for gap in longest(gaps, GAPS_SAID[verbosity]):
        said, fact = gap_text(teller, gap)
        yield Sentence(said, 1, ids(fact), Verbosity.NORMAL)


def longest(gaps: tuple[Gap, ...], count_max: int) -> list[Gap]:
    """Return the longest gaps, of equal ones the first, in order of time."""
    by_length = sorted(gaps, key=lambda gap: gap.span.start_ms - gap.span.end_ms)
    return sorted(by_length[:count_max], key=lambda gap: gap.span.start_ms)
