"""Every message of every language, with examples in its places, is heard as it is meant."""

from decimal import Decimal

import pytest

from services.narration.assets import ASSETS
from services.narration.locales import CODES
from services.narration.voice import Voice, voice_for
from tests.narration.lint import faults_of, numbers_in
from tests.narration.pseudo import PSEUDO, leaks_of
from tests.narration.samples import MOMENT_MS, PRICES, spoken
from tests.narration.templates import fields_of, marked_templates
from utils.domain import Instrument, Timeframe

COUNTS = (0, 1, 2, 3, 5, 11, 21, 100, 1_234)
TIMEFRAMES = [
    Timeframe.parse(text) for text in ("1s", "45s", "1m", "5m", "1h", "4h", "1d", "3d", "1w", "1M", "3M")
]
DURATIONS_MS = (0, 999, 1_000, 59_000, 60_000, 61_000, 3_600_000, 7_500_000, 90_061_000, 34_560_000_000)
SYMBOLS = (
    *(f"{code}/USDT" for code in ASSETS),
    *(f"BTC/{code}" for code in ASSETS),
    "FOO9/B4R", "1000PEPE/USDC", "btc/usd", "BTC/USDT:USDT", "ETH/USD:ETH-261225",
    "BTC/USDT:USDT-261225-100000-C", "BTC/USD:BTC-261340", "AAPL", "BRK.B", "X-Y_Z", "",
)  # fmt: skip


def everything_said_by(voice: Voice) -> list[str]:
    texts = [spoken(voice, template, count) for template in marked_templates() for count in COUNTS]
    texts += [voice.bar_time(MOMENT_MS, timeframe) for timeframe in TIMEFRAMES]
    texts += [voice.timeframe(timeframe) for timeframe in TIMEFRAMES]
    texts += [voice.duration(duration_ms) for duration_ms in DURATIONS_MS]
    texts += [voice.moment(MOMENT_MS), voice.clock(MOMENT_MS)]
    for symbol in SYMBOLS[:-1]:
        name = voice.name(Instrument("crypto", "bitstamp", symbol))
        texts += [name.spoken, name.short, name.spelled]
    return texts


@pytest.mark.parametrize("code", CODES)
def test_everything_that_is_said_is_heard_as_it_is_meant(code: str) -> None:
    faults = [fault for text in everything_said_by(voice_for(code, None)) for fault in faults_of(text, code)]
    assert not faults, "\n".join(sorted(set(faults)))


@pytest.mark.parametrize("code", CODES)
def test_the_prices_in_a_message_are_read_back_exactly(code: str) -> None:
    voice = voice_for(code, None)
    for template in marked_templates():
        numbers = numbers_in(spoken(voice, template, 1_234), code)
        prices = fields_of(template.many) & set(PRICES)
        assert {Decimal(PRICES[place]) for place in prices} <= set(numbers), template


def test_nothing_goes_around_the_catalogs() -> None:
    leaks = {
        (text, *leaks)
        for text in everything_said_by(PSEUDO)
        if (leaks := leaks_of(text.replace("Bitstamp", "")))
    }
    assert not leaks, leaks


def test_the_pseudo_language_shows_english_that_goes_around_it() -> None:
    assert leaks_of("4 hours") == ["hours"]
    assert leaks_of(PSEUDO.say("{count} hours", count="4")) == ["hours"]
    assert leaks_of(PSEUDO.timeframe(Timeframe(4, "h"))) == []
