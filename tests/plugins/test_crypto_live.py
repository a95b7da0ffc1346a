"""Live trades and bars of the real ccxt classes: all of them, once, in order."""

from collections import Counter

import pytest

from plugins.crypto import CryptoPlugin
from tests.exchange import LocalExchange, fold_floats
from tests.exchange.recordings import binance_trades, bitstamp_hour
from tests.plugins.conftest import VENUES
from tests.plugins.hearing import as_row, fresh, listening, seen
from utils.domain import MINUTE_MS, BarSource, BarState, Instrument, Timeframe

MINUTE = Timeframe(1, "m")
BITSTAMP, BINANCE, COINBASE = VENUES

every_venue = pytest.mark.parametrize("instrument", VENUES, ids=lambda each: each.exchange)


@every_venue
async def test_each_trade_is_heard_once_and_in_order(
    plugin: CryptoPlugin, exchange: LocalExchange, instrument: Instrument
) -> None:
    venue, trades = exchange.venue(instrument.exchange), fresh(exchange, 50)
    async with listening(plugin.watch_trades(instrument)) as heard:
        await venue.until_subscribed(instrument.symbol)
        for trade in trades:
            await venue.push_trades(instrument.symbol, [trade])
        # Coinbase sends its last trades on subscribing, which are trades too.
        await heard.until_last_id(trades[-1].id)
        assert heard.items[-50:] == seen(trades)
        assert max(Counter(trade.id for trade in heard.items).values()) == 1


@every_venue
async def test_the_last_trade_of_a_burst_does_not_wait_for_the_next(
    plugin: CryptoPlugin, exchange: LocalExchange, instrument: Instrument
) -> None:
    venue, trades = exchange.venue(instrument.exchange), fresh(exchange, 3_600)
    async with listening(plugin.watch_trades(instrument)) as heard:
        await venue.until_subscribed(instrument.symbol)
        for start in range(0, 3_600, 600):
            await venue.push_trades(instrument.symbol, trades[start : start + 600])
        await heard.until_last_id(trades[-1].id)
        assert heard.items[-3_600:] == seen(trades)


async def test_listeners_of_one_symbol_share_a_subscription_and_not_an_end(
    plugin: CryptoPlugin, exchange: LocalExchange
) -> None:
    trades = fresh(exchange, 20)
    async with listening(plugin.watch_trades(BITSTAMP)) as stays:
        async with listening(plugin.watch_trades(BITSTAMP)) as leaves:
            await exchange.bitstamp.until_subscribed("BTC/USD")
            await exchange.bitstamp.push_trades("BTC/USD", trades[:10])
            await leaves.until_count(10)
        await exchange.bitstamp.push_trades("BTC/USD", trades[10:])
        await stays.until_count(20)
        assert stays.items == seen(trades)
        assert leaves.items == seen(trades[:10])
    assert len(exchange.calls_of("bitstamp", "subscribe")) == 1
    assert len(exchange.calls_of("bitstamp", "connect")) == 1


async def test_what_was_heard_before_is_not_news_to_the_next_listener(
    plugin: CryptoPlugin, exchange: LocalExchange
) -> None:
    trades = fresh(exchange, 20)
    for part in (trades[:10], trades[10:]):
        async with listening(plugin.watch_trades(BITSTAMP)) as heard:
            await exchange.bitstamp.until_subscribed("BTC/USD")
            await exchange.bitstamp.push_trades("BTC/USD", part)
            await heard.until_last_id(part[-1].id)
            assert heard.items == seen(part)
        await exchange.until(lambda: not exchange.bitstamp.sockets)


@pytest.mark.parametrize("instrument", [BITSTAMP, COINBASE], ids=lambda each: each.exchange)
async def test_trades_repeated_by_the_exchange_are_not_heard_twice(
    plugin: CryptoPlugin, exchange: LocalExchange, instrument: Instrument
) -> None:
    venue, trades = exchange.venue(instrument.exchange), fresh(exchange, 30)
    async with listening(plugin.watch_trades(instrument)) as heard:
        await venue.until_subscribed("BTC/USD")
        for start in range(0, 30, 5):
            # Each time the five before are sent once more.
            await venue.push_trades("BTC/USD", trades[max(0, start - 5) : start + 5])
        await heard.until_last_id(trades[-1].id)
        assert heard.items[-30:] == seen(trades)


async def test_live_bars_grow_into_the_bars_of_history(plugin: CryptoPlugin, exchange: LocalExchange) -> None:
    trades = fresh(exchange, 1_000)
    async with listening(plugin.watch_bars(BINANCE, MINUTE)) as heard:
        await exchange.binance.until_channel("btcusdt@kline_1m")
        for start in range(0, 1_000, 7):
            await exchange.binance.push_trades("BTC/USDT", trades[start : start + 7])
        expected = fold_floats(exchange.binance.trades("BTC/USDT"), MINUTE_MS)
        await heard.until_last_row(expected[-1])
    last_seen = {bar.open_time_ms: bar for bar in heard.items}
    assert [as_row(bar) for bar in last_seen.values()] == expected[-len(last_seen) :]
    assert {(bar.state, bar.source) for bar in heard.items} == {(BarState.FORMING, BarSource.EXCHANGE)}
    assert len(last_seen) >= 4


async def test_two_timeframes_of_one_symbol_do_not_mix(plugin: CryptoPlugin, exchange: LocalExchange) -> None:
    five = Timeframe(5, "m")
    async with (
        listening(plugin.watch_bars(BINANCE, MINUTE)) as minutes,
        listening(plugin.watch_bars(BINANCE, five)) as fives,
    ):
        await exchange.binance.until_channel("btcusdt@kline_1m")
        await exchange.binance.until_channel("btcusdt@kline_5m")
        await exchange.binance.push_trades("BTC/USDT", fresh(exchange, 10))
        held = exchange.binance.trades("BTC/USDT")
        for heard, length_ms in ((minutes, MINUTE_MS), (fives, 5 * MINUTE_MS)):
            newest = fold_floats(held, length_ms)[-1]
            await heard.until_last_row(newest)


async def test_the_recorded_hour_of_bitstamp_is_heard_whole(
    plugin: CryptoPlugin, exchange: LocalExchange
) -> None:
    trades = list(bitstamp_hour())
    exchange.time_ms = trades[0].time_ms - 1
    exchange.bitstamp.hold_trades("BTC/USD", trades)
    async with listening(plugin.watch_trades(BITSTAMP)) as heard:
        await exchange.bitstamp.until_subscribed("BTC/USD")
        while exchange.time_ms < trades[-1].time_ms:
            await exchange.play_until(exchange.time_ms + MINUTE_MS)
        await heard.until_count(len(trades))
        assert heard.items == seen(trades)


async def test_the_recorded_frames_of_binance_fold_into_the_same_bars_however_they_come(
    plugin: CryptoPlugin, exchange: LocalExchange
) -> None:
    trades = binance_trades()
    exchange.time_ms = trades[0].time_ms - 1
    exchange.binance.hold_trades("BTC/USDT", [])
    async with (
        listening(plugin.watch_trades(BINANCE)) as single,
        listening(plugin.watch_bars(BINANCE, MINUTE)) as bars,
    ):
        await exchange.binance.until_subscribed("BTC/USDT")
        await exchange.binance.until_channel("btcusdt@kline_1m")
        size, start = 1, 0
        while start < len(trades):
            await exchange.binance.push_trades("BTC/USDT", trades[start : start + size])
            start, size = start + size, size * 3 % 1_001 + 1
        await single.until_count(len(trades))
        expected = fold_floats(trades, MINUTE_MS)
        await bars.until_last_row(expected[-1])
    assert single.items == seen(trades)
    last_seen = {bar.open_time_ms: as_row(bar) for bar in bars.items}
    assert list(last_seen.values()) == expected
