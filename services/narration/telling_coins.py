"""Coins in words: one coin, a list of them, and what a coin was worth.

Every sentence names the figures that it says, by their names in the answer. What is not known is said to be
unknown, and what is old is said to be old.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from plugins.listings.base import Coin, CoinFigures
from services.coins.answers import CoinHistory, CoinPage, FoundCoin, ListedCoin
from services.coins.questions import HistoryInterval
from services.narration import phrases_coins as phrases
from services.narration.catalog import Message
from services.narration.coin_figures import (
    figures_time_ms,
    provider_name,
    said_age,
    said_amount,
    said_change,
    said_price,
    written_value,
)
from services.narration.coin_names import coin_name, spoken_symbol
from services.narration.numbers import percent_change
from services.narration.phrases import UNCHANGED
from services.narration.sentences import Verbosity
from services.narration.voice import Voice
from services.stores.coin_prices import PricePoint
from utils.domain import DAY

BRIEF_WORDS_MAX = 25
DAY_CHANGE = "change_24h_percent"


@dataclass(frozen=True, slots=True)
class CoinSentence:
    """Say something, and name the figures that are said: ``("price", "change_24h_percent")``."""

    text: str
    figures: tuple[str, ...]
    verbosity: Verbosity = Verbosity.NORMAL


@dataclass(frozen=True, slots=True)
class CoinTelling:
    """Hold the words of an answer: the whole in one breath, then sentence by sentence.

    ``coins`` are the coins of a list, each in a few words.
    """

    brief: CoinSentence
    sentences: tuple[CoinSentence, ...]
    coins: tuple[str, ...] = ()


def tell_coin(found: FoundCoin, voice: Voice, verbosity: Verbosity) -> CoinTelling:
    """Return the words of one coin."""
    listed, coin = found.listed, found.listed.coin
    sentences = [
        _rank(coin, voice),
        _price(coin.figures, voice),
        _changes(coin.figures, voice),
        _market(coin.figures, voice),
        *_supply(coin.figures, voice),
        *_extremes(coin.figures, voice),
    ]
    if found.others:
        others = {"symbol": spoken_symbol(coin.symbol)}
        text = voice.say_count(*phrases.COIN_OTHERS, count=len(found.others), **others)
        sentences.append(CoinSentence(text, ("others",)))
    sentences.append(_age(listed, found.now_ms, voice))
    age = _coin_age(listed, found.now_ms, voice)
    brief = _coin_brief(phrases.COIN_ALONE, listed, voice, DAY_CHANGE, age)
    whole = CoinSentence(brief, ("price", DAY_CHANGE), Verbosity.BRIEF)
    return CoinTelling(whole, _as_much(sentences, verbosity))


def tell_list(
    page: CoinPage,
    voice: Voice,
    verbosity: Verbosity = Verbosity.NORMAL,
    *,
    change: str = DAY_CHANGE,
    category: str | None = None,
) -> CoinTelling:
    """Return the words of a list: what it is, and each coin in a few words.

    ``change`` is the figure by which coins are said to have moved.
    """
    ages = [_coin_age(each, page.now_ms, voice) for each in page.coins]
    coins = tuple(
        _coin_brief(phrases.COIN_ALONE, each, voice, change, age)
        for each, age in zip(page.coins, ages, strict=True)
    )
    if not page.coins:
        nothing = phrases.LIST_NOTHING_YET if page.as_of_ms is None else phrases.LIST_EMPTY
        return CoinTelling(CoinSentence(voice.say(nothing), ("total",), Verbosity.BRIEF), ())
    shown = voice.say_count(*phrases.LIST_SHOWN, count=page.total, shown=voice.number(len(page.coins)))
    age = said_age(page.now_ms - page.as_of_ms, voice) if page.stale and page.as_of_ms is not None else None
    # What is as old as the whole list is said to be that with the list.
    first_age = None if ages[0] == age else ages[0]
    first = _coin_brief(phrases.COIN_BRIEF, page.coins[0], voice, change, first_age)
    texts = [
        voice.say(phrases.LIST_BRIEF, shown=shown, coin=first),
        voice.say(phrases.LIST_ALONE, shown=shown),
    ]
    texts = [_aged(text, age, voice) for text in texts]
    if category is not None:
        title = voice.say(phrases.CATEGORIES[category])
        texts = [voice.say(phrases.LIST_TITLED, title=title, brief=text) for text in texts]
    sentences = [_list_age(page, voice)]
    if page.next is not None:
        sentences.append(CoinSentence(voice.say(phrases.LIST_MORE), ("next",)))
    brief = CoinSentence(_short_enough(texts), ("total", "price", change), Verbosity.BRIEF)
    return CoinTelling(brief, _as_much(sentences, verbosity), coins)


def tell_history(history: CoinHistory, voice: Voice, verbosity: Verbosity = Verbosity.NORMAL) -> CoinTelling:
    """Return the words of what a coin was worth: where it began and ended, its extremes, its span."""
    coin, points = history.found.listed.coin, history.points
    name = coin_name(voice.locale, coin.name, coin.symbol)
    if not points:
        nothing = voice.say(phrases.HISTORY_EMPTY, name=name)
        return CoinTelling(CoinSentence(nothing, ("points",), Verbosity.BRIEF), ())
    brief = _worth(points[0].open, points[-1].price, name, voice)
    highest = max(points, key=lambda point: point.high)
    lowest = min(points, key=lambda point: point.low)
    extremes = voice.say(
        phrases.HISTORY_EXTREMES,
        high=said_price(highest.high, voice),
        high_time=_stretch_time(highest, history, voice),
        low=said_price(lowest.low, voice),
        low_time=_stretch_time(lowest, history, voice),
    )
    start, end = _stretch_time(points[0], history, voice), _stretch_end(points[-1], history, voice)
    span = voice.say(phrases.HISTORY_SPAN, start=start, end=end)
    sentences = [
        CoinSentence(span, ("time_ms",)),
        CoinSentence(extremes, ("high", "low", "time_ms")),
    ]
    if history.more:
        sentences.append(CoinSentence(voice.say(phrases.HISTORY_MORE), ("more",)))
    sentences.append(_age(history.found.listed, history.found.now_ms, voice))
    return CoinTelling(
        CoinSentence(brief, ("open", "price"), Verbosity.BRIEF), _as_much(sentences, verbosity)
    )


def _worth(first: float, last: float, name: str, voice: Voice) -> str:
    words = {"name": name, "first": said_price(first, voice), "last": said_price(last, voice)}
    if first == last:
        return voice.say(phrases.HISTORY_BRIEF, change=voice.say(UNCHANGED), **words)
    if not first:
        # There is no percentage of nothing.
        return voice.say(phrases.HISTORY_BRIEF_UNMEASURED, **words)
    change = voice.change(percent_change(written_value(first), written_value(last)))
    return voice.say(phrases.HISTORY_BRIEF, change=change, **words)


def _stretch_time(point: PricePoint, history: CoinHistory, voice: Voice) -> str:
    # As that of a bar, a day is that of UTC in every time zone.
    if history.question.interval is HistoryInterval.DAY:
        return voice.bar_time(point.time_ms, DAY)
    return voice.moment(point.time_ms)


def _stretch_end(point: PricePoint, history: CoinHistory, voice: Voice) -> str:
    interval = history.question.interval
    if interval is HistoryInterval.DAY:
        return _stretch_time(point, history, voice)
    return voice.moment(min(point.time_ms + interval.length_ms, history.found.now_ms))


def _as_much(sentences: Sequence[CoinSentence], verbosity: Verbosity) -> tuple[CoinSentence, ...]:
    return tuple(each for each in sentences if verbosity.includes(each.verbosity))


def _coin_brief(message: Message, listed: ListedCoin, voice: Voice, change: str, age: str | None) -> str:
    coin, figures = listed.coin, listed.coin.figures
    price = figures.price
    text = voice.say(
        message,
        name=coin_name(voice.locale, coin.name, coin.symbol),
        price=voice.say(phrases.COIN_PRICE_UNKNOWN) if price is None else said_price(price, voice),
        change=said_change(figures, change, voice),
    )
    return _aged(text, age, voice)


def _coin_age(listed: ListedCoin, now_ms: int, voice: Voice) -> str | None:
    """Return how old at least the figures of a coin are, None where they are as new as they should be."""
    return said_age(now_ms - figures_time_ms(listed), voice) if listed.stale else None


def _aged(text: str, age: str | None, voice: Voice) -> str:
    return text if age is None else voice.say(phrases.LIST_BRIEF_OLD, age=age, brief=text)


def _rank(coin: Coin, voice: Voice) -> CoinSentence:
    name = coin_name(voice.locale, coin.name, coin.symbol)
    if coin.rank is None:
        return CoinSentence(voice.say(phrases.COIN_NOT_RANKED, name=name), ("name", "rank"))
    text = voice.say(phrases.COIN_RANKED, name=name, rank=voice.number(coin.rank))
    return CoinSentence(text, ("name", "rank"), Verbosity.BRIEF)


def _price(figures: CoinFigures, voice: Voice) -> CoinSentence:
    price = voice.say(phrases.UNKNOWN) if figures.price is None else said_price(figures.price, voice)
    text = voice.say(phrases.COIN_PRICE, price=price, change=said_change(figures, DAY_CHANGE, voice))
    return CoinSentence(text, ("price", DAY_CHANGE), Verbosity.BRIEF)


def _changes(figures: CoinFigures, voice: Voice) -> CoinSentence:
    names = ("change_1h_percent", "change_7d_percent", "change_30d_percent")
    hour, week, month = (said_change(figures, name, voice) for name in names)
    return CoinSentence(voice.say(phrases.COIN_CHANGES, hour=hour, week=week, month=month), names)


def _market(figures: CoinFigures, voice: Voice) -> CoinSentence:
    cap, volume = said_amount(figures.market_cap, voice), said_amount(figures.volume_24h, voice)
    text = voice.say(phrases.COIN_MARKET, market_cap=cap, volume=volume)
    return CoinSentence(text, ("market_cap", "volume_24h"))


def _supply(figures: CoinFigures, voice: Voice) -> Sequence[CoinSentence]:
    supply = voice.say(
        phrases.COIN_SUPPLY,
        circulating=said_amount(figures.circulating_supply, voice),
        total=said_amount(figures.total_supply, voice),
        maximum=said_amount(figures.max_supply, voice),
    )
    diluted = voice.say(phrases.COIN_FULLY_DILUTED, value=said_amount(figures.fully_diluted_valuation, voice))
    return (
        CoinSentence(supply, ("circulating_supply", "total_supply", "max_supply"), Verbosity.FULL),
        CoinSentence(diluted, ("fully_diluted_valuation",), Verbosity.FULL),
    )


def _extremes(figures: CoinFigures, voice: Voice) -> Sequence[CoinSentence]:
    high = _extreme(
        (figures.all_time_high, figures.all_time_high_ms),
        (phrases.COIN_HIGHEST, phrases.COIN_HIGHEST_UNDATED),
        voice,
    )
    low = _extreme(
        (figures.all_time_low, figures.all_time_low_ms),
        (phrases.COIN_LOWEST, phrases.COIN_LOWEST_UNDATED),
        voice,
    )
    return (
        CoinSentence(high, ("all_time_high", "all_time_high_ms"), Verbosity.FULL),
        CoinSentence(low, ("all_time_low", "all_time_low_ms"), Verbosity.FULL),
    )


def _extreme(figure: tuple[float | None, int | None], messages: tuple[Message, Message], voice: Voice) -> str:
    value, time_ms = figure
    dated, undated = messages
    price = voice.say(phrases.UNKNOWN) if value is None else said_price(value, voice)
    if value is None or time_ms is None:
        return voice.say(undated, price=price)
    return voice.say(dated, price=price, date=voice.moment(time_ms))


def _age(listed: ListedCoin, now_ms: int, voice: Voice) -> CoinSentence:
    told_ms = figures_time_ms(listed)
    words = {"provider": provider_name(listed.coin.provider, voice), "time": voice.moment(told_ms)}
    figures = ("updated_ms", "fetched_ms")
    if not listed.stale:
        return CoinSentence(voice.say(phrases.COIN_AS_OF, **words), figures)
    age = said_age(now_ms - told_ms, voice)
    return CoinSentence(voice.say(phrases.COIN_OLD, age=age, **words), figures, Verbosity.BRIEF)


def _list_age(page: CoinPage, voice: Voice) -> CoinSentence:
    assert page.provider is not None
    assert page.as_of_ms is not None
    words = {"provider": provider_name(page.provider, voice), "time": voice.moment(page.as_of_ms)}
    if not page.stale:
        return CoinSentence(voice.say(phrases.COIN_AS_OF, **words), ("as_of_ms",))
    age = said_age(page.now_ms - page.as_of_ms, voice)
    return CoinSentence(voice.say(phrases.COIN_OLD, age=age, **words), ("as_of_ms",), Verbosity.BRIEF)


def _short_enough(texts: Sequence[str]) -> str:
    return next((text for text in texts if len(text.split()) <= BRIEF_WORDS_MAX), texts[-1])
