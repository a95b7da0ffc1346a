"""The real ccxt classes of Bitstamp, Binance and Coinbase, asked through the plugin."""

import asyncio

import pytest

from plugins.base import LiveMode, PluginContext
from plugins.crypto import CryptoPlugin
from tests.exchange import HeldTrade, LocalExchange, fold_floats
from tests.exchange.recordings import (
    binance_exchange_info,
    bitstamp_hour,
    bitstamp_markets,
    coinbase_hours,
)
from tests.plugins.conftest import START_MS, VENUES
from utils.clock import Clock
from utils.domain import DAY_MS, HOUR_MS, MINUTE_MS, Instrument, InstrumentSpec, Timeframe
from utils.errors import NotFound

MINUTE = Timeframe(1, "m")
HOUR = Timeframe(1, "h")
BITSTAMP, _, COINBASE = VENUES

every_venue = pytest.mark.parametrize("instrument", VENUES, ids=lambda each: each.exchange)


async def test_it_lists_the_chosen_exchanges(plugin: CryptoPlugin) -> None:
    assert await plugin.list_exchanges() == ("binance", "bitstamp", "coinbase")


async def test_profiles_say_what_the_exchanges_really_do(plugin: CryptoPlugin) -> None:
    bitstamp, binance, coinbase = [await plugin.profile(each.exchange) for each in VENUES]
    assert (bitstamp.live_mode, binance.live_mode, coinbase.live_mode) == (
        LiveMode.TRADES,
        LiveMode.BARS,
        LiveMode.TRADES,
    )
    assert (bitstamp.page_bars, binance.page_bars, coinbase.page_bars) == (1000, 1000, 300)
    assert [timeframe.text for timeframe in bitstamp.timeframes] == [
        "1m",
        "3m",
        "5m",
        "15m",
        "30m",
        "1h",
        "2h",
        "4h",
        "6h",
        "12h",
        "1d",
    ]


def facts(spec: InstrumentSpec) -> tuple[object, ...]:
    return (spec.instrument.symbol, spec.spoken_name, spec.price_step, spec.amount_step, spec.active)


async def test_bitstamp_lists_its_instruments(plugin: CryptoPlugin) -> None:
    specs = await plugin.fetch_instruments("bitstamp")
    assert [facts(spec) for spec in specs] == [
        ("BONK/USD", "B O N K in US dollars", 1e-08, 1e-08, False),
        ("BTC/USD", "Bitcoin in US dollars", 1.0, 1e-08, True),
        ("BTC/USD:USD", "Bitcoin in US dollars, perpetual", 1.0, 1e-08, True),
        ("ETH/BTC", "Ether in Bitcoin", 1e-08, 1e-08, True),
        ("ETH/USD", "Ether in US dollars", 0.1, 1e-08, True),
    ]
    assert specs[1].description == "Bitcoin in US dollars, spot, Bitstamp"
    assert specs[1].instrument == BITSTAMP


async def test_binance_lists_its_spot_instruments_with_one_call(
    plugin: CryptoPlugin, exchange: LocalExchange
) -> None:
    specs = await plugin.fetch_instruments("binance")
    assert [facts(spec) for spec in specs] == [
        ("BTC/USDT", "Bitcoin in Tether", 0.01, 1e-05, True),
        ("ETH/BTC", "Ether in Bitcoin", 1e-05, 1e-05, True),
        ("ETH/USDT", "Ether in Tether", 0.01, 1e-05, True),
    ]
    assert [call.kind for call in exchange.calls] == ["markets"]


@every_venue
async def test_bars_equal_the_fold_of_the_trades(
    plugin: CryptoPlugin, exchange: LocalExchange, instrument: Instrument
) -> None:
    page = await plugin.fetch_bars(instrument, MINUTE, start_ms=START_MS + 5 * MINUTE_MS, limit=20)
    trades = exchange.venue(instrument.exchange).trades(instrument.symbol)
    assert sorted(page.rows) == fold_floats(trades, MINUTE_MS)[5:25]


@every_venue
async def test_the_newest_bar_is_the_forming_one(
    plugin: CryptoPlugin, exchange: LocalExchange, instrument: Instrument
) -> None:
    page = await plugin.fetch_bars(instrument, MINUTE, start_ms=START_MS + 50 * MINUTE_MS, limit=100)
    trades = exchange.venue(instrument.exchange).trades(instrument.symbol)
    assert sorted(page.rows) == fold_floats(trades, MINUTE_MS)[50:]
    assert max(row[0] for row in page.rows) == START_MS + 59 * MINUTE_MS


@every_venue
async def test_the_first_bars_are_found_however_long_after_the_start(
    plugin: CryptoPlugin, exchange: LocalExchange, instrument: Instrument
) -> None:
    page = await plugin.fetch_bars(instrument, MINUTE, start_ms=START_MS - 900 * DAY_MS, limit=5)
    trades = exchange.venue(instrument.exchange).trades(instrument.symbol)
    assert sorted(page.rows) == fold_floats(trades, MINUTE_MS)[:5]
    assert len(exchange.calls_of(instrument.exchange, "bars")) < 12


@every_venue
async def test_a_page_is_empty_when_no_bar_follows(
    plugin: CryptoPlugin, exchange: LocalExchange, instrument: Instrument
) -> None:
    exchange.time_ms += 30 * DAY_MS
    page = await plugin.fetch_bars(instrument, MINUTE, start_ms=START_MS + 2 * HOUR_MS, limit=5)
    assert page.rows == ()
    assert page.exchange_time_ms == exchange.time_ms


@every_venue
async def test_time_is_what_the_exchanges_date_header_says(
    plugin: CryptoPlugin, exchange: LocalExchange, instrument: Instrument
) -> None:
    before = plugin.exchange_time_ms(instrument.exchange)
    page = await plugin.fetch_bars(instrument, MINUTE, start_ms=START_MS, limit=1)
    assert page.exchange_time_ms == exchange.time_ms
    assert 0 <= plugin.exchange_time_ms(instrument.exchange) - exchange.time_ms < 20_000
    assert abs(before - Clock().now_ms()) < 20_000


@every_venue
async def test_past_trades_come_oldest_first(
    plugin: CryptoPlugin, exchange: LocalExchange, instrument: Instrument
) -> None:
    since_ms = exchange.time_ms - 10 * MINUTE_MS
    trades = await plugin.fetch_trades(instrument, since_ms=since_ms)
    held = exchange.venue(instrument.exchange).trades(instrument.symbol)
    assert [(trade.id, trade.time_ms, trade.price, trade.amount) for trade in trades] == [
        (str(trade.id), trade.time_ms, float(trade.price), float(trade.amount))
        for trade in held
        if trade.time_ms >= since_ms
    ]


async def test_past_trades_of_the_second_asked_for_are_not_cut_off(
    plugin: CryptoPlugin, exchange: LocalExchange
) -> None:
    # Bitstamp says 12:00:00 of a past trade that was made at 12:00:00.700.
    late = HeldTrade(9_000, exchange.time_ms + 700, "10000.00", "1.00000000")
    await exchange.bitstamp.push_trades("BTC/USD", [late])
    trades = await plugin.fetch_trades(BITSTAMP, since_ms=late.time_ms - 200)
    assert [trade.id for trade in trades] == ["511", "9000"]


async def test_fifty_callers_at_once_share_one_client_and_one_market_list(
    plugin: CryptoPlugin, exchange: LocalExchange
) -> None:
    lists = [plugin.fetch_instruments("bitstamp") for _ in range(40)]
    pages = [plugin.fetch_bars(BITSTAMP, MINUTE, start_ms=START_MS, limit=5) for _ in range(10)]
    answers = await asyncio.gather(*lists, *pages)
    assert len({answer[0].instrument for answer in answers[:40]}) == 1
    assert len({answer.rows for answer in answers[40:]}) == 1
    assert len(exchange.calls_of("bitstamp", "markets")) == 1
    assert len(exchange.calls_of("bitstamp", "bars")) == 10


async def test_unknown_names_bring_near_misses(plugin: CryptoPlugin) -> None:
    with pytest.raises(NotFound, match=r"no exchange bitstmp\. Did you mean bitstamp"):
        await plugin.profile("bitstmp")
    with pytest.raises(NotFound, match=r"no symbol BTC/UDS\. Did you mean BTC/USD"):
        await plugin.fetch_bars(Instrument("crypto", "bitstamp", "BTC/UDS"), MINUTE, start_ms=0, limit=1)
    with pytest.raises(NotFound, match="no timeframe 7m"):
        await plugin.fetch_bars(BITSTAMP, Timeframe(7, "m"), start_ms=0, limit=1)


async def test_it_opens_at_once_and_closes_before_it_is_ready() -> None:
    plugin = CryptoPlugin(PluginContext(Clock(), {}))
    async with asyncio.timeout(30):
        await plugin.open()
        await plugin.close()


async def test_the_recorded_hour_of_bitstamp_is_sixty_one_minutes(
    plugin: CryptoPlugin, exchange: LocalExchange
) -> None:
    trades = bitstamp_hour()
    exchange.time_ms = trades[-1].time_ms
    exchange.bitstamp.market_list = bitstamp_markets()
    exchange.bitstamp.hold_trades("BTC/USD", trades)
    page = await plugin.fetch_bars(BITSTAMP, MINUTE, start_ms=trades[0].time_ms - HOUR_MS, limit=1000)
    assert len(page.rows) == 61
    assert list(page.rows) == fold_floats(trades, MINUTE_MS)


async def test_the_recorded_market_lists_are_read_whole(
    plugin: CryptoPlugin, exchange: LocalExchange
) -> None:
    exchange.binance.market_list = binance_exchange_info()
    exchange.bitstamp.market_list = bitstamp_markets()
    binance = await plugin.fetch_instruments("binance")
    bitstamp = await plugin.fetch_instruments("bitstamp")
    assert len(binance) == 1695
    assert len(bitstamp) == len(exchange.bitstamp.market_list)
    assert not [spec for spec in (*binance, *bitstamp) if spec.price_step is None or not spec.spoken_name]


async def test_the_recorded_hours_of_coinbase_come_in_pages(
    plugin: CryptoPlugin, exchange: LocalExchange
) -> None:
    rows = coinbase_hours()
    exchange.time_ms = rows[-1].open_time_ms
    exchange.coinbase.hold_bars("BTC/USD", HOUR_MS, rows)
    start_ms, found = rows[0].open_time_ms, []
    for _ in range(3):
        page = await plugin.fetch_bars(COINBASE, HOUR, start_ms=start_ms, limit=300)
        found += sorted(page.rows)
        start_ms = found[-1][0] + HOUR_MS
    assert found == [tuple(float(value) for value in row) for row in rows[:900]]
