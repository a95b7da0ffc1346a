"""Instruments are called by the names people use, and spelled where there is none."""

import pytest

from services.narration.assets import ASSETS, EXCHANGES
from services.narration.locales import CODES, LOCALES
from services.narration.names import SpokenName, asset_name, exchange_name, spell, spoken_name
from tests.narration.lint import faults_of

BITCOIN_IN_DOLLARS = {
    "en": SpokenName("Bitcoin in US dollars", "Bitcoin", "B T C, U S D"),
    "de": SpokenName("Bitcoin in US-Dollar", "Bitcoin", "B T C, U S D"),
    "fr": SpokenName("Bitcoin en dollars américains", "Bitcoin", "B T C, U S D"),
    "pl": SpokenName("Bitcoin do dolara amerykańskiego", "Bitcoin", "B T C, U S D"),
    "ja": SpokenName("ビットコイン、米ドル建て", "ビットコイン", "B T C、U S D"),
    "ar": SpokenName("بيتكوين مقابل الدولار الأمريكي", "بيتكوين", "B T C، U S D"),
}
DOLLAR = {
    "en": "US dollar", "de": "US-Dollar", "fr": "dollar américain", "pl": "dolar amerykański", "ja": "米ドル",
    "ar": "الدولار الأمريكي",
}  # fmt: skip


@pytest.mark.parametrize("code", CODES)
def test_a_pair_has_a_name_a_short_one_and_a_spelled_one(code: str) -> None:
    assert spoken_name(LOCALES[code], "BTC/USD") == BITCOIN_IN_DOLLARS[code]
    assert asset_name(LOCALES[code], "USD") == DOLLAR[code]


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("BTC/USDT", "Bitcoin in Tether"),
        ("btc/usdt", "Bitcoin in Tether"),
        ("ETH/BTC", "Ether in Bitcoin"),
        ("SOL/ETH", "Solana in Ether"),
        ("FOO/EUR", "F O O in euros"),
        ("BTC/FOO9", "Bitcoin in F O O 9"),
        ("1000PEPE/USDC", "1000 P E P E in U S D Coin"),
        ("币安人生/USDT", "币安人生 in Tether"),
        ("BTC/USDT:USDT", "Bitcoin in Tether, perpetual swap"),
        ("ETH/USD:ETH-261225", "Ether in US dollars, future until 25 December 2026"),
        (
            "BTC/USDT:USDT-261225-100000-C",
            "Bitcoin in Tether, call option at 100,000 until 25 December 2026",
        ),
        ("BTC/USDT:USDT-261225-0.5-P", "Bitcoin in Tether, put option at 0.5 until 25 December 2026"),
        ("BTC/USD:BTC-269999", "Bitcoin in US dollars, future"),
        ("AAPL", "A A P L"),
        ("BRK.B", "B R K B"),
        ("...", "..."),
    ],
)
def test_every_symbol_of_an_exchange_has_a_name(symbol: str, name: str) -> None:
    assert spoken_name(LOCALES["en"], symbol).spoken == name


def test_letters_are_spelled_one_by_one_and_digits_stay_together() -> None:
    assert spell("usdt") == "U S D T"
    assert spell("1000SATS") == "1000 S A T S"
    assert spell("A-B_C") == "A B C"


def test_exchanges_are_called_by_their_names_and_else_by_their_ids() -> None:
    assert [exchange_name(exchange) for exchange in ("bitstamp", "okx", "simex")] == [
        "Bitstamp",
        "O K X",
        "Simex",
    ]
    faults = [fault for name in EXCHANGES.values() for fault in faults_of(name, "en")]
    assert not faults


def test_about_ninety_assets_have_names_of_their_own() -> None:
    assert len(ASSETS) >= 60
    assert list(ASSETS) == sorted(ASSETS)
    assert {code for code, asset in ASSETS.items() if asset.quote} >= {
        "USD",
        "EUR",
        "USDT",
        "USDC",
        "BTC",
        "ETH",
    }
