"""Coins are heard as they are meant in every language: numbers, names, what is unknown, and what is old."""

import dataclasses
from collections.abc import Iterator
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.listings.base import Coin, CoinFigures
from services.coins.answers import CoinHistory, CoinPage, FoundCoin, ListedCoin
from services.coins.questions import Category, HistoryInterval, HistoryQuestion, HistoryRange
from services.narration.coin_names import coin_name
from services.narration.locales import CODES, LOCALES
from services.narration.sentences import Verbosity
from services.narration.telling_coins import (
    BRIEF_WORDS_MAX,
    CoinTelling,
    tell_coin,
    tell_history,
    tell_list,
)
from services.narration.voice import Voice, voice_for
from services.stores.coin_prices import PricePoint
from tests.coins.made_coins import NOW_MS, made_coins
from tests.narration.lint import faults_of, numbers_in
from tests.narration.pseudo import PSEUDO, leaks_of
from utils.domain import DAY_MS, HOUR_MS, MINUTE_MS

FULL = Coin(
    "coingecko",
    "bitcoin",
    "BTC",
    "Bitcoin",
    "bitcoin",
    CoinFigures(
        price=60_120.456,
        market_cap=1_186_321_123_456.78,
        fully_diluted_valuation=1.26e12,
        volume_24h=31_415_926_535.0,
        circulating_supply=19_727_000.0,
        total_supply=19_727_000.0,
        max_supply=21_000_000.0,
        all_time_high=69_044.77,
        all_time_high_ms=1_636_554_240_000,
        all_time_low=67.81,
        all_time_low_ms=1_373_068_800_000,
        change_1h_percent=-0.0004,
        change_24h_percent=2.5,
        change_7d_percent=0.0,
        change_30d_percent=-12.34,
        updated_ms=NOW_MS - 60_000,
    ),
    rank=1,
)
EMPTY = Coin("coinmarketcap", "1", "X", "X", "x", CoinFigures())
DUST = dataclasses.replace(FULL, figures=CoinFigures(price=1.2345678e-9, change_24h_percent=1e-7))
COINS = (FULL, EMPTY, DUST, *made_coins(Random(3), 20, "simulated"))
# What people call their coins.
NAMES = (
    "USD Coin (Bridged) — v2.0", "yearn.finance", "0x", "1INCH", "stETH", "₿itcoin", "$TRUMP", "Æther/USD",
    "🚀🚀", "1,000,000x", "X" * 80, "12345678901234567890", "Pepe 2.0", "5m", "1e5", "柴犬", "ＦＵＬＬ",
    "-1", "٣", "a,b.c", "B2B3x9", "__", "Dog\u200bcoin", "A B C D E F G H I J", "C98Token",
    "e‑Money", "\u202eevil",
)  # fmt: skip
AGES_MS = (0, HOUR_MS, 3 * HOUR_MS, 50 * HOUR_MS, 400 * DAY_MS)


def listed(coin: Coin, age_ms: int = 0) -> ListedCoin:
    return ListedCoin(coin, NOW_MS - age_ms, stale=age_ms > 2 * HOUR_MS)


def page(coins: tuple[Coin, ...], age_ms: int = 0, total: int = 10_000) -> CoinPage:
    return CoinPage(
        tuple(listed(coin, age_ms) for coin in coins),
        total,
        0,
        "1.2.0123456789abcdef" if total > len(coins) else None,
        "coingecko",
        NOW_MS - age_ms,
        age_ms > HOUR_MS,
        NOW_MS,
    )


def history(
    *points: PricePoint, more: bool = False, interval: HistoryInterval = HistoryInterval.HOUR
) -> CoinHistory:
    question = HistoryQuestion("bitcoin", HistoryRange.WEEK, interval, 10)
    return CoinHistory(FoundCoin(listed(FULL), "id", (), None, NOW_MS), question, points, more)


POINTS = tuple(
    PricePoint(NOW_MS - hour * HOUR_MS, 100.0 + hour, 120.0 + hour, 90.0, 101.0 + hour, None, 5.0, 3)
    for hour in (3, 2, 1)
)


MIDNIGHT_MS = NOW_MS // DAY_MS * DAY_MS
DAYS = (
    PricePoint(MIDNIGHT_MS - 2 * DAY_MS, 100.0, 160.0, 95.0, 120.0, None, None, 288),
    PricePoint(MIDNIGHT_MS, 121.0, 122.0, 90.0, 110.0, None, None, 140),
)


def tellings(voice: Voice) -> Iterator[CoinTelling]:
    for coin in COINS:
        for age_ms in AGES_MS:
            others = COINS[: age_ms // HOUR_MS % 12]
            yield tell_coin(
                FoundCoin(listed(coin, age_ms), "id", others, None, NOW_MS), voice, Verbosity.FULL
            )
    for age_ms in AGES_MS:
        yield tell_list(page(COINS, age_ms), voice)
        yield tell_list(page(COINS[:1], age_ms, total=1), voice, change="change_7d_percent")
        for category in Category:
            yield tell_list(page(COINS[:5], age_ms), voice, category=category.value)
        yield tell_list(dataclasses.replace(page(COINS, age_ms), stale=False), voice)
    yield tell_list(page((), total=0), voice)
    yield tell_list(CoinPage((), 0, 0, None, None, None, True, NOW_MS), voice)
    yield tell_history(history(), voice)
    yield tell_history(history(*POINTS, more=True), voice)
    yield tell_history(history(dataclasses.replace(POINTS[0], open=0.0)), voice)
    for interval in HistoryInterval:
        yield tell_history(history(*DAYS, interval=interval), voice)


def said(voice: Voice) -> Iterator[str]:
    for telling in tellings(voice):
        yield from (telling.brief.text, *(each.text for each in telling.sentences), *telling.coins)


@pytest.mark.parametrize("code", CODES)
def test_every_sentence_about_coins_is_heard_as_it_is_meant(code: str) -> None:
    texts = set(said(voice_for(code, None)))
    assert len(texts) > 200
    assert [fault for text in texts for fault in faults_of(text, code)] == []


def test_no_word_about_coins_goes_around_the_catalogs() -> None:
    names = sorted({coin.name for coin in COINS} | {"Coin Gecko", "Coin Market Cap", "Bitcoin"}, key=len)
    leaks = []
    for text in said(PSEUDO):
        # Names are what people call their coins, in every language the same.
        for name in [*reversed(names), "Äther", "zcoin"]:
            text = text.replace(name, "")  # noqa: PLW2901 - one name after the other
        leaks += [(text, found) for found in [leaks_of(text)] if found]
    assert not leaks


@pytest.mark.parametrize("code", CODES)
def test_every_brief_is_short_enough(code: str) -> None:
    for telling in tellings(voice_for(code, None)):
        assert len(telling.brief.text.split()) <= BRIEF_WORDS_MAX, telling.brief.text
        assert telling.brief.text
        for text in telling.coins:
            assert len(text.split()) <= BRIEF_WORDS_MAX, text


@pytest.mark.parametrize("code", CODES)
def test_every_language_says_the_same_numbers(code: str) -> None:
    here, english = voice_for(code, None), voice_for("en", None)
    for mine, theirs in zip(tellings(here), tellings(english), strict=True):
        assert [each.figures for each in mine.sentences] == [each.figures for each in theirs.sentences]
        for own, other in zip(mine.sentences, theirs.sentences, strict=True):
            # Some languages write months as numbers, and one and two as words.
            if not any(name.endswith("_ms") or name == "others" for name in own.figures):
                assert sorted(numbers_in(own.text, code)) == sorted(numbers_in(other.text, "en"))


def test_figures_are_said_as_they_are() -> None:
    telling = tell_coin(
        FoundCoin(listed(FULL), "symbol", (EMPTY,), None, NOW_MS), voice_for("en", None), Verbosity.FULL
    )
    assert telling.brief.text == "Bitcoin, 60,120.46, up 2.5 percent in 24 hours."
    assert [each.text for each in telling.sentences] == [
        "Bitcoin, rank 1.",
        "Price in US dollars: 60,120.46, up 2.5 percent in 24 hours.",
        "Changes: down 0.0004 percent in one hour, unchanged in 7 days, down 12.3 percent in 30 days.",
        "Market capitalisation: 1,186,000,000,000. Volume in 24 hours: 31,420,000,000.",
        "Coins in circulation: 19,730,000. There are: 19,730,000. There will be at most: 21,000,000.",
        "Market capitalisation if all coins were there: 1,260,000,000,000.",
        "Highest price ever: 69,044.77, on 10 November 2021, 14:24.",
        "Lowest price ever: 67.81, on 6 July 2013, 00:00.",
        "1 other coin has the symbol B T C.",
        "As Coin Gecko said on 21 November 2026, 11:59.",
    ]


def test_what_is_not_known_is_said_to_be_unknown_and_never_to_be_nothing() -> None:
    telling = tell_coin(
        FoundCoin(listed(EMPTY), "id", (), None, NOW_MS), voice_for("en", None), Verbosity.FULL
    )
    texts = [telling.brief.text, *(each.text for each in telling.sentences[:-1])]
    assert texts[0] == "X, price unknown, change in 24 hours unknown."
    assert all("unknown" in text for text in texts)
    assert not any(numbers_in(text.replace("24 hours", "").replace("7 days", "").replace("30 days", ""), "en")
                   for text in texts)  # fmt: skip


def test_what_is_old_is_said_to_be_old_and_how_old_at_least() -> None:
    old = dataclasses.replace(FULL, figures=dataclasses.replace(FULL.figures, updated_ms=None))
    found = FoundCoin(listed(old, 50 * HOUR_MS), "id", (), None, NOW_MS)
    telling = tell_coin(found, voice_for("en", None), Verbosity.BRIEF)
    assert telling.brief.text == "Old, 2 days or more. Bitcoin, 60,120.46, up 2.5 percent in 24 hours."
    assert telling.sentences[-1].text == (
        "These figures are old: Coin Gecko gave them on 19 November 2026, 10:00. Age: 2 days or more."
    )
    brief = tell_list(page((FULL,), 50 * HOUR_MS), voice_for("de", None)).brief.text
    assert brief.startswith("Alt, 2 Tage oder mehr. 1 von 10000 Kryptowährungen")


def test_an_old_coin_of_a_list_that_is_not_is_said_to_be_old() -> None:
    old = dataclasses.replace(FULL, figures=dataclasses.replace(FULL.figures, updated_ms=None))
    mixed = dataclasses.replace(page((FULL, FULL)), coins=(listed(old, 74 * HOUR_MS), listed(FULL)))
    telling = tell_list(mixed, voice_for("en", None))
    spoken = "Bitcoin, 60,120.46, up 2.5 percent in 24 hours."
    assert telling.coins == (f"Old, 3 days or more. {spoken}", spoken)
    assert telling.brief.text == f"2 of 10,000 coins, in US dollars. First: Old, 3 days or more. {spoken}"


def test_a_list_and_its_first_coin_that_are_equally_old_are_said_to_be_that_once() -> None:
    spoken = "First: Bitcoin, 60,120.46, up 2.5 percent in 24 hours."
    for age_ms in (50 * HOUR_MS, 3 * HOUR_MS):
        brief = tell_list(page((FULL,), age_ms), voice_for("en", None)).brief.text
        assert brief.endswith(f"1 of 10,000 coins, in US dollars. {spoken}")


@pytest.mark.parametrize("time_zone", ["UTC", "America/New_York", "Asia/Tokyo"])
def test_a_day_of_what_a_coin_was_worth_is_that_of_utc_in_every_time_zone(time_zone: str) -> None:
    voice = voice_for("en", None, time_zone)
    told = tell_history(history(*DAYS, interval=HistoryInterval.DAY), voice).sentences
    assert [each.text for each in told[:2]] == [
        "From 19 November 2026 until 21 November 2026.",
        "Highest 160.00, 19 November 2026. Lowest 90.00, 21 November 2026.",
    ]


@pytest.mark.parametrize(
    ("interval", "ends"),
    [
        (HistoryInterval.RAW, "12:58"),
        (HistoryInterval.FIVE_MINUTES, "13:00"),
        (HistoryInterval.HOUR, "13:00"),
    ],
)
def test_what_a_coin_was_worth_is_told_until_its_last_stretch_ends_and_never_beyond_now(interval, ends):
    last = dataclasses.replace(POINTS[-1], time_ms=NOW_MS - 2 * MINUTE_MS)
    told = tell_history(history(POINTS[0], last, interval=interval), voice_for("en", None, "Europe/Berlin"))
    assert told.sentences[0].text == f"From 21 November 2026, 10:00 until 21 November 2026, {ends}."
    hours = tell_history(history(*POINTS[:2]), voice_for("en", None)).sentences
    assert hours[0].text == "From 21 November 2026, 09:00 until 21 November 2026, 11:00."


def test_no_change_is_measured_from_a_price_of_nothing() -> None:
    free = dataclasses.replace(POINTS[0], open=0.0)
    voice = voice_for("en", None)
    assert tell_history(history(free), voice).brief.text == "Bitcoin in US dollars: from 0 to 104.00."
    still = dataclasses.replace(free, high=0.0, low=0.0, price=0.0)
    assert tell_history(history(still), voice).brief.text == "Bitcoin in US dollars: from 0 to 0, unchanged."


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("name", NAMES)
def test_any_name_can_be_heard(code: str, name: str) -> None:
    heard = coin_name(LOCALES[code], name, "SYM")
    assert faults_of(heard, code) == []


@given(name=st.text(max_size=60), symbol=st.text(max_size=12), code=st.sampled_from(CODES))
@settings(max_examples=300)
def test_whatever_people_call_a_coin_can_be_heard(name: str, symbol: str, code: str) -> None:
    heard = coin_name(LOCALES[code], name, symbol)
    assert faults_of(heard, code) == []
    assert len(heard.split()) <= 60


def test_a_symbol_alone_makes_no_bitcoin() -> None:
    german = LOCALES["ja"]
    assert coin_name(german, "Bitcoin", "BTC") == "ビットコイン"
    assert coin_name(german, "Batcat", "BTC") == "Batcat"


@given(price=st.floats(1e-12, 1e9, allow_nan=False), percent=st.floats(-1e4, 1e4, allow_nan=False))
@settings(max_examples=200)
def test_a_price_is_said_within_a_cent_or_to_four_digits(price: float, percent: float) -> None:
    coin = dataclasses.replace(FULL, figures=CoinFigures(price=price, change_24h_percent=percent))
    brief = tell_list(page((coin,)), voice_for("en", None)).coins[0]
    said_price = numbers_in(brief, "en")[0]
    exact = Decimal(repr(price))
    off = abs(said_price - exact)
    assert off <= (Decimal("0.005") if exact >= 1 else exact / 1000)
    direction = "up" if percent > 0 else "down" if percent < 0 else "unchanged"
    assert direction in brief
