"""Announcements in words: one text for each message, language and verbosity, and its numbers; pure."""

from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache

from services.announcing import phrases
from services.announcing.announcement import (
    Absence,
    AlertNews,
    Announcement,
    Closed,
    FeedNews,
    Moved,
    Part,
)
from services.announcing.news import Extreme, Side, Spike
from services.announcing.preferences import Verbosity
from services.narration.numbers import exact_amount, exact_price, exact_step, percent_change
from services.narration.pace import speech_s
from services.narration.voice import Voice
from utils.domain import SECOND_MS, Instrument, Topic

TENTH = Decimal("0.1")
WORDS_KEPT = 4_096
PARTS_SAID = {Verbosity.BRIEF: 1, Verbosity.NORMAL: 2, Verbosity.FULL: 4}


@dataclass(frozen=True, slots=True)
class Steps:
    """Hold the steps of an instrument as decimals, None where they are not known."""

    price: Decimal | None = None
    amount: Decimal | None = None

    @classmethod
    def of(cls, price_step: float | None, amount_step: float | None) -> "Steps":
        """Return the steps that the facts of an instrument give."""
        return cls(exact_step(price_step), exact_step(amount_step))


@dataclass(frozen=True, slots=True)
class Fact:
    """One number that a text names, exactly: ``Fact("price", "60120.00")``."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Words:
    """What is said of an announcement: whole, in short, and the numbers behind it."""

    text: str
    short: str
    facts: tuple[Fact, ...]

    def speech_s(self, words_per_minute: int, locale: str) -> float:
        """Return how long the whole text takes to be spoken."""
        return speech_s(self.text, words_per_minute, locale)


@lru_cache(maxsize=WORDS_KEPT)
def words(announcement: Announcement, steps: Steps, voice: Voice, verbosity: Verbosity) -> Words:
    """Return an announcement in words; the same message is put into words once for all who hear it."""
    teller = _Teller(announcement.topic, steps, voice, verbosity)
    parts = announcement.parts[: PARTS_SAID[verbosity]]
    sentences = [teller.sentence(part) for part in parts]
    cover = announcement.cover
    if verbosity is Verbosity.FULL and cover is not None and not isinstance(parts[0], Absence):
        low, high = teller.price("cover_low", cover.low), teller.price("cover_high", cover.high)
        sentences.append(voice.say(phrases.RANGE, low=low, high=high))
    name = voice.name(announcement.topic.instrument)
    text = _framed(parts[0], voice, name.spoken, " ".join(sentences))
    brief = _Teller(announcement.topic, steps, voice, Verbosity.BRIEF).sentence(parts[0])
    return Words(text, _framed(parts[0], voice, name.short, brief), tuple(teller.facts))


def _framed(part: Part, voice: Voice, name: str, news: str) -> str:
    match part:
        case AlertNews():
            return voice.say(phrases.ALERT, name=name, news=news)
        case Absence():
            duration = voice.duration(max(SECOND_MS, part.to_ms - part.from_ms))
            frame = phrases.CATCH_UP_SINCE if part.quiet else phrases.CATCH_UP
            return voice.say(frame, duration=duration, name=name, news=news)
        case FeedNews() if part.symbols_count > 1:
            return news
        case _:
            return voice.say(phrases.NAMED, name=name, news=news)


class _Teller:
    def __init__(self, topic: Topic, steps: Steps, voice: Voice, verbosity: Verbosity) -> None:
        self._topic = topic
        self._steps = steps
        self._voice = voice
        self._verbosity = verbosity
        self.facts: list[Fact] = []

    def price(self, name: str, value: float) -> str:
        return self._exact(name, exact_price(value, self._steps.price))

    def sentence(self, part: Part) -> str:  # noqa: PLR0911 - one answer a kind of news
        match part:
            case Closed():
                return self._closed(part)
            case Moved():
                return self._moved(part)
            case Extreme():
                return self._extreme(part)
            case Spike():
                times = Decimal(repr(part.volume / part.mean)).quantize(TENTH)
                self.facts.append(Fact("volume_times", str(times)))
                return self._voice.say(phrases.SPIKE, times=self._voice.price(times))
            case FeedNews():
                return self._feed(part, self._topic.instrument)
            case AlertNews():
                return self._alert(part)
            case Absence():
                return self._absence(part)

    def _closed(self, part: Closed) -> str:
        bar, voice = part.bar, self._voice
        price, change = self.price("close", bar.close), self._change(bar.open, bar.close)
        if self._verbosity is Verbosity.BRIEF:
            return voice.say(phrases.CLOSED_BRIEF, price=price, change=change)
        timeframe = self._topic.timeframe
        within_day = timeframe.unit in ("m", "h") and self._verbosity is Verbosity.NORMAL
        # Who listens now knows what day it is.
        time = voice.clock(bar.open_time_ms) if within_day else voice.bar_time(bar.open_time_ms, timeframe)
        said = [voice.say(phrases.CLOSED, time=time, price=price, change=change)]
        if self._verbosity is Verbosity.FULL:
            if part.bars_count > 1:
                said.append(voice.say_count(*phrases.CLOSED_MORE, count=part.bars_count))
            high, low = self.price("high", bar.high), self.price("low", bar.low)
            volume = self._exact("volume", exact_amount(bar.volume, self._steps.amount))
            said.append(voice.say(phrases.CLOSED_DETAILS, high=high, low=low, volume=volume))
        return " ".join(said)

    def _moved(self, part: Moved) -> str:
        change = self._change(part.from_price, part.reached)
        price = self.price("price", part.last)
        if part.reached == part.last:
            return self._voice.say(phrases.MOVED, change=change, price=price)
        reached = self.price("reached", part.reached)
        return self._voice.say(phrases.MOVED_TO, change=change, reached=reached, price=price)

    def _extreme(self, part: Extreme) -> str:
        price, high = self.price(part.side.value, part.price), part.side is Side.HIGH
        if part.bars_count:
            self.facts.append(Fact("bars_count", str(part.bars_count)))
            forms = phrases.BARS_HIGH if high else phrases.BARS_LOW
            return self._voice.say_count(*forms, count=part.bars_count, price=price)
        return self._voice.say(phrases.DAY_HIGH if high else phrases.DAY_LOW, price=price)

    def _feed(self, part: FeedNews, instrument: Instrument) -> str:
        voice = self._voice
        if part.symbols_count > 1:
            forms = phrases.FEEDS_LOST if part.lost else phrases.FEEDS_BACK
            return voice.say_count(
                *forms, count=part.symbols_count, exchange=voice.exchange(instrument.exchange)
            )
        if part.lost:
            return voice.say(phrases.FEED_LOST)
        return voice.say(phrases.FEED_BACK, duration=voice.duration(part.lost_ms))

    def _alert(self, part: AlertNews) -> str:
        voice, price = self._voice, self.price("price", part.price)
        if part.level is not None:
            level = self._exact("level", Decimal(part.level))
            above = part.kind == "cross_above"
            if part.late:
                then = phrases.ABOVE_THEN if above else phrases.BELOW_THEN
                return voice.say(then, level=level, price=price, moment=voice.moment(part.event_time_ms))
            return voice.say(phrases.ABOVE if above else phrases.BELOW, level=level, price=price)
        assert part.from_price is not None
        assert part.window_ms is not None
        change = self._change(part.from_price, part.price)
        duration = voice.duration(part.window_ms)
        if part.late:
            moment = voice.moment(part.event_time_ms)
            return voice.say(
                phrases.MOVED_WITHIN_THEN, change=change, duration=duration, price=price, moment=moment
            )
        return voice.say(phrases.MOVED_WITHIN, change=change, duration=duration, price=price)

    def _absence(self, part: Absence) -> str:
        voice, cover = self._voice, part.cover
        if cover is None and part.last is not None:
            said = [voice.say(phrases.AWAY_LAST, price=self.price("last", part.last))]
        elif cover is None:
            said = [voice.say(phrases.AWAY_UNKNOWN)]
        else:
            said = [
                voice.say(
                    phrases.AWAY,
                    change=self._change(cover.open, cover.last),
                    price=self.price("last", cover.last),
                    high=self.price("high", cover.high),
                    low=self.price("low", cover.low),
                )
            ]
        if part.bars_closed and self._verbosity is not Verbosity.BRIEF:
            said.append(voice.say_count(*phrases.AWAY_CLOSED, count=part.bars_closed))
        if part.lost_ms:
            said.append(voice.say(phrases.AWAY_LOST, duration=voice.duration(part.lost_ms)))
        if part.bar_ms is not None:
            if not voice.is_year_clear(part.bar_ms, part.bar_ms, part.to_ms):
                voice = replace(voice, with_years=True)
            time = voice.bar_time(part.bar_ms, self._topic.timeframe)
            said.append(voice.say(phrases.AWAY_SINCE_BAR, time=time))
        elif cover is not None and not part.whole:
            said.append(voice.say(phrases.AWAY_BY_BARS))
        return " ".join(said)

    def _change(self, first: float, last: float) -> str:
        step = self._steps.price
        change = percent_change(exact_price(first, step), exact_price(last, step))
        self.facts.append(Fact("change_percent", f"{change:f}"))
        return self._voice.change(change)

    def _exact(self, name: str, value: Decimal) -> str:
        self.facts.append(Fact(name, f"{value:f}"))
        return self._voice.price(value)
