"""Currencies as they are said, and markets as instruments."""

import pytest
from ccxt.async_support import okx

from plugins.crypto_instruments import FIRST_EXCHANGE_MS, read_instruments, read_step
from plugins.crypto_names import spoken_currency, spoken_pair, spoken_quote


@pytest.mark.parametrize(
    ("code", "exchange_name", "spoken"),
    [
        ("BTC", "BTC", "Bitcoin"),
        ("BTC", "Bitcoin (wrapped)", "Bitcoin"),
        ("USD", None, "US dollar"),
        ("BONK", None, "B O N K"),
        ("BONK", "bonk", "B O N K"),
        ("BONK", "Bonk Inu", "Bonk Inu"),
        ("1INCH", None, "1 I N C H"),
        ("EVIL", "line\nbreak", "E V I L"),
    ],
)
def test_a_currency_is_named_or_spelled(code: str, exchange_name: str | None, spoken: str) -> None:
    assert spoken_currency(code, exchange_name) == spoken


def test_a_price_is_counted_in_the_plural() -> None:
    assert spoken_quote("EUR") == "euros"
    assert spoken_quote("USDT") == "Tether"
    assert spoken_pair(spoken_currency("EUR"), spoken_quote("USD")) == "Euro in US dollars"


@pytest.mark.parametrize(
    ("precision", "mode", "step"),
    [
        (0.01, 4, 0.01),
        (1, 4, 1.0),
        (0, 4, None),
        (8, 2, 1e-08),
        (0, 2, 1.0),
        (-2, 2, 100.0),
        (5, 3, None),
        (None, 4, None),
    ],
)
def test_a_step_is_the_exact_float(precision: float | None, mode: int, step: float | None) -> None:
    assert read_step(precision, mode) == step


def test_options_and_dated_futures_are_left_out() -> None:
    kinds = ("spot", "swap", "future", "option")
    markets = {f"{kind.upper()}/USD": {"type": kind, "base": kind.upper(), "quote": "USD"} for kind in kinds}
    specs = read_instruments(markets, {}, market="crypto", exchange="x", exchange_name="X", precision_mode=4)
    assert [spec.instrument.symbol for spec in specs] == ["SPOT/USD", "SWAP/USD"]


def test_the_day_that_ccxt_calls_the_creation_of_a_market_is_not_believed() -> None:
    # As OKX writes it of everything that it had before it moved house: these bars begin in 2018.
    raw = {"instType": "SPOT", "instId": "BTC-USDT", "baseCcy": "BTC", "quoteCcy": "USDT"}
    market = okx().parse_market({**raw, "state": "live", "listTime": "1611907686000"})
    assert market["created"] == 1_611_907_686_000
    markets = {market["symbol"]: market}
    (spec,) = read_instruments(
        markets, {}, market="crypto", exchange="okx", exchange_name="OKX", precision_mode=4
    )
    assert spec.listed_ms == FIRST_EXCHANGE_MS
