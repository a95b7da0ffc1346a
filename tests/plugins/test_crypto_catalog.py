"""What every exchange of ccxt offers, once our table has had its say."""

import logging

import ccxt
import pytest

from plugins.base import LiveMode
from plugins.crypto_catalog import CcxtCatalog, read_catalog
from plugins.venues import VENUES
from utils.domain import DAY_MS, Timeframe

# Of ccxt 4.5.90: the exchanges without bars.
WITHOUT_BARS = {"bit2c", "coincheck", "zaif"}


@pytest.fixture(scope="module")
def catalog() -> CcxtCatalog:
    return read_catalog("*")


def test_every_exchange_with_bars_is_offered(catalog: CcxtCatalog) -> None:
    assert len(catalog.venues) >= 85
    assert not WITHOUT_BARS & catalog.venues.keys()
    assert {"bitstamp", "binance", "coinbase", "kraken", "okx"} <= catalog.venues.keys()


def test_no_exchange_offers_bars_that_need_not_begin_at_midnight(catalog: CcxtCatalog) -> None:
    for exchange, venue in catalog.venues.items():
        for timeframe in venue.profile.timeframes:
            assert timeframe.unit not in "wM", exchange
            assert DAY_MS % timeframe.approximate_ms == 0, (exchange, timeframe.text)


def test_every_exchange_has_what_longer_bars_are_made_of(catalog: CcxtCatalog) -> None:
    day = Timeframe(1, "d")
    for exchange, venue in catalog.venues.items():
        assert any(each == day or each.divides(day) for each in venue.profile.timeframes), exchange


@pytest.mark.parametrize(
    ("exchange", "lie"),
    [("bitstamp", "1w"), ("kraken", "2w"), ("bitget", "1M"), ("ndax", "1M"), ("zebpay", "4h"), ("htx", "1d")],
)
def test_a_timeframe_that_lies_is_not_offered(catalog: CcxtCatalog, exchange: str, lie: str) -> None:
    offered = {timeframe.text for timeframe in catalog.venues[exchange].profile.timeframes}
    assert lie not in offered
    assert "1h" in offered


def test_every_profile_can_be_asked_for(catalog: CcxtCatalog) -> None:
    for exchange, venue in catalog.venues.items():
        assert 1 <= venue.profile.page_bars <= 50_000, exchange
        assert venue.profile.timeframes == tuple(venue.timeframe_codes), exchange
        assert venue.name, exchange


@pytest.mark.parametrize(
    ("exchange", "requests_per_s"),
    [
        # One unit each 75 ms; one each second, of which bars cost 1.2; one each 34 ms, of which bars cost 3.
        ("bitstamp", 13.33),
        ("kraken", 0.83),
        ("coinbase", 9.8),
        # Sparklines cost more than bars do, and are not asked for.
        ("foxbit", 2.5),
    ],
)
def test_the_budget_is_what_ccxt_allows_for_bars(
    catalog: CcxtCatalog, exchange: str, requests_per_s: float
) -> None:
    assert catalog.venues[exchange].profile.requests_per_s == pytest.approx(requests_per_s, abs=0.005)


def test_every_exchange_has_a_budget(catalog: CcxtCatalog) -> None:
    for exchange, venue in catalog.venues.items():
        assert venue.profile.requests_per_s is not None, exchange
        assert 0.1 <= venue.profile.requests_per_s <= 1_000, exchange


def test_the_live_mode_is_the_best_one_there_is(catalog: CcxtCatalog) -> None:
    modes = {exchange: venue.profile.live_mode for exchange, venue in catalog.venues.items()}
    assert modes["binance"] is LiveMode.BARS
    assert modes["bitstamp"] is LiveMode.TRADES
    assert modes["btcmarkets"] is LiveMode.POLL


def test_every_row_of_the_table_is_about_an_exchange_there_is() -> None:
    assert set(VENUES) <= set(ccxt.exchanges)


def test_every_lie_in_the_table_is_still_told_by_ccxt() -> None:
    for exchange, row in VENUES.items():
        offered = getattr(ccxt, exchange)().timeframes
        assert row.false_timeframes <= set(offered), exchange


def test_chosen_exchanges_alone_are_offered_and_a_slip_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        chosen = read_catalog(" Bitstamp, krakn ,,bit2c")
    assert list(chosen.venues) == ["bitstamp"]
    [record] = caplog.records
    assert (record.exchange, record.near_misses[0]) == ("krakn", "kraken")
