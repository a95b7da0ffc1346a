"""Live trades and bars of the real ccxt classes, over WebSockets that break."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from plugins.crypto import CryptoPlugin
from plugins.crypto_clients import Limits
from tests.exchange import HeldTrade, LocalExchange, fold_floats
from tests.exchange.markets import walk
from tests.exchange.recordings import binance_trades, bitstamp_hour
from tests.plugins.conftest import VENUES
from utils.domain import MINUTE_MS, Bar, BarSource, BarState, Instrument, Timeframe, Trade
from utils.errors import NotFound, UpstreamDown, UpstreamError, UpstreamGarbage

MINUTE = Timeframe(1, "m")
BITSTAMP, BINANCE, COINBASE = VENUES
ETHER = Instrument("crypto", "bitstamp", "ETH/USD")
DEADLINE_S = 10

every_venue = pytest.mark.parametrize("instrument", VENUES, ids=lambda each: each.exchange)


@pytest.fixture
def limits() -> Limits:
    return Limits(unwatch_timeout_s=0.3)


class Heard:
    """What a listener has heard; `ended` is the error its stream ended with."""

    def __init__(self) -> None:
        self.items: list[Trade | Bar] = []
        self.ended: BaseException | None = None
        self._changed = asyncio.Condition()

    async def listen(self, stream: AsyncGenerator[tuple, None]) -> None:
        try:
            async for items in stream:
                assert items
                self.items += items
                await self._notify()
        except UpstreamError as error:
            self.ended = error
            await self._notify()
        finally:
            await stream.aclose()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S), self._changed:
            await self._changed.wait_for(condition)

    async def until_count(self, count: int) -> None:
        await self.until(lambda: len(self.items) >= count)

    async def until_last_row(self, row: tuple[float, ...]) -> None:
        await self.until(lambda: bool(self.items) and as_row(self.items[-1]) == row)

    async def until_last_id(self, trade_id: int) -> None:
        await self.until(lambda: bool(self.items) and self.items[-1].id == str(trade_id))

    async def until_ended(self) -> BaseException | None:
        await self.until(lambda: self.ended is not None)
        return self.ended

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


@asynccontextmanager
async def listening(stream: AsyncGenerator[tuple, None]) -> AsyncIterator[Heard]:
    heard = Heard()
    task = asyncio.create_task(heard.listen(stream))
    try:
        yield heard
    finally:
        task.cancel()
        await asyncio.wait([task])


def seen(trades: list[HeldTrade]) -> list[Trade]:
    return [Trade(str(each.id), each.time_ms, float(each.price), float(each.amount)) for each in trades]


def fresh(exchange: LocalExchange, count: int, *, first_id: int = 10_000) -> list[HeldTrade]:
    """Return trades that follow everything held so far."""
    return walk(count, start_ms=exchange.time_ms + 1_000, every_ms=250, first_id=first_id)


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


async def test_more_at_once_than_can_be_kept_is_told_and_not_passed_over(
    plugin: CryptoPlugin, exchange: LocalExchange
) -> None:
    trades = fresh(exchange, 1_501)
    async with listening(plugin.watch_trades(COINBASE)) as heard:
        await exchange.coinbase.until_subscribed("BTC/USD")
        await exchange.coinbase.push_trades("BTC/USD", trades[:1])
        await heard.until_last_id(trades[0].id)
        await exchange.coinbase.push_trades("BTC/USD", trades[1:])
        assert "too much at once" in str(await heard.until_ended())


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


async def test_the_last_listener_gone_closes_the_socket(
    plugin: CryptoPlugin, exchange: LocalExchange
) -> None:
    async with listening(plugin.watch_trades(BITSTAMP)):
        await exchange.bitstamp.until_subscribed("BTC/USD")
    await exchange.until(lambda: not exchange.bitstamp.sockets)


async def test_one_of_two_symbols_is_unsubscribed_on_the_shared_socket(
    plugin: CryptoPlugin, exchange: LocalExchange
) -> None:
    trades = fresh(exchange, 10)
    async with listening(plugin.watch_trades(BITSTAMP)) as stays:
        async with listening(plugin.watch_trades(ETHER)):
            await exchange.bitstamp.until_subscribed("BTC/USD")
            await exchange.bitstamp.until_subscribed("ETH/USD")
        await exchange.bitstamp.until_subscribed("ETH/USD", sockets=0)
        await exchange.bitstamp.push_trades("BTC/USD", trades)
        await stays.until_count(10)
        assert stays.ended is None
        async with listening(plugin.watch_trades(ETHER)) as again:
            await exchange.bitstamp.until_subscribed("ETH/USD")
            await exchange.bitstamp.push_trades("ETH/USD", fresh(exchange, 5, first_id=90_000))
            await again.until_count(5)
    assert len(exchange.calls_of("bitstamp", "connect")) == 1


async def test_an_unsubscription_without_answer_ends_the_connection_for_all_on_it(
    plugin: CryptoPlugin, exchange: LocalExchange
) -> None:
    async with listening(plugin.watch_trades(BITSTAMP)) as other:
        async with listening(plugin.watch_trades(ETHER)):
            await exchange.bitstamp.until_subscribed("BTC/USD")
            await exchange.bitstamp.until_subscribed("ETH/USD")
            exchange.bitstamp.mute = True
        assert isinstance(await other.until_ended(), UpstreamDown)
    exchange.bitstamp.mute = False
    async with listening(plugin.watch_trades(ETHER)) as again:
        await exchange.bitstamp.until_subscribed("ETH/USD")
        await exchange.bitstamp.push_trades("ETH/USD", fresh(exchange, 5))
        await again.until_count(5)


@every_venue
async def test_a_dropped_socket_ends_every_listener_and_the_next_one_reconnects(
    plugin: CryptoPlugin, exchange: LocalExchange, instrument: Instrument
) -> None:
    venue, trades = exchange.venue(instrument.exchange), fresh(exchange, 20)
    async with (
        listening(plugin.watch_trades(instrument)) as one,
        listening(plugin.watch_trades(instrument)) as two,
    ):
        await venue.until_subscribed(instrument.symbol)
        await venue.push_trades(instrument.symbol, trades[:10])
        await one.until_last_id(trades[9].id)
        await exchange.drop_sockets()
        for heard in (one, two):
            ended = await heard.until_ended()
            assert isinstance(ended, UpstreamDown)
            assert "was lost. Connect again." in str(ended)
            assert heard.items[-10:] == seen(trades[:10])
    async with listening(plugin.watch_trades(instrument)) as again:
        await venue.until_subscribed(instrument.symbol)
        await venue.push_trades(instrument.symbol, trades[10:])
        await again.until_last_id(trades[-1].id)
        assert again.items[-10:] == seen(trades[10:])


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


async def test_a_listener_who_is_slow_to_leave_does_not_keep_the_broken_channel(
    plugin: CryptoPlugin, exchange: LocalExchange
) -> None:
    trades = fresh(exchange, 10)
    slow = plugin.watch_trades(BITSTAMP)
    first = asyncio.create_task(anext(slow))
    async with listening(plugin.watch_trades(BITSTAMP)) as quick:
        await exchange.bitstamp.until_subscribed("BTC/USD")
        await exchange.bitstamp.push_trades("BTC/USD", trades[:1])
        assert list(await first) == seen(trades[:1])
        await exchange.bitstamp.push_trades("BTC/USD", trades[1:5])
        await quick.until_last_id(trades[4].id)
        await exchange.drop_sockets()
        await quick.until_ended()
    async with listening(plugin.watch_trades(BITSTAMP)) as heard:
        await exchange.bitstamp.until_subscribed("BTC/USD")
        await exchange.bitstamp.push_trades("BTC/USD", trades[5:])
        await heard.until_last_id(trades[-1].id)
        assert heard.items == seen(trades[5:])
        # What came before the end is still handed on, and only then the end.
        assert list(await anext(slow)) == seen(trades[1:5])
        with pytest.raises(UpstreamDown):
            await anext(slow)
        await slow.aclose()
        await exchange.bitstamp.push_trades("BTC/USD", fresh(exchange, 1, first_id=77_777))
        await heard.until_last_id(77_777)


@pytest.mark.parametrize("turns", range(0, 24, 3))
async def test_who_comes_while_a_socket_closes_gets_one_of_its_own(
    plugin: CryptoPlugin, exchange: LocalExchange, turns: int
) -> None:
    async with listening(plugin.watch_trades(BITSTAMP)):
        await exchange.bitstamp.until_subscribed("BTC/USD")
    for _ in range(turns):
        await asyncio.sleep(0)
    async with listening(plugin.watch_trades(ETHER)) as heard:
        await exchange.bitstamp.until_subscribed("ETH/USD")
        for last_id in range(50_000, 50_005):
            await exchange.bitstamp.push_trades("ETH/USD", fresh(exchange, 1, first_id=last_id))
            await heard.until_last_id(last_id)
        assert len(heard.items) == 5
        assert len(exchange.bitstamp.sockets) == 1


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


@pytest.mark.parametrize(
    "text", ['{"event":"trade","data":', "{]", '["nonsense"]', '{"event":"trade","chann']
)
async def test_a_frame_that_is_no_json_ends_the_stream_rather_than_deafen_it(
    plugin: CryptoPlugin, exchange: LocalExchange, text: str
) -> None:
    async with listening(plugin.watch_trades(BITSTAMP)) as heard:
        await exchange.bitstamp.until_subscribed("BTC/USD")
        await exchange.bitstamp.send_text(text)
        await exchange.bitstamp.push_trades("BTC/USD", fresh(exchange, 3))
        await heard.until(lambda: heard.ended is not None or len(heard.items) == 3)
        assert heard.ended is None or isinstance(heard.ended, UpstreamGarbage)


async def test_an_error_frame_ends_the_stream(plugin: CryptoPlugin, exchange: LocalExchange) -> None:
    async with listening(plugin.watch_trades(COINBASE)) as heard:
        await exchange.coinbase.until_subscribed("BTC/USD")
        await exchange.coinbase.send_text('{"type":"error","message":"rate limit exceeded"}')
        assert isinstance(await heard.until_ended(), UpstreamError)


async def test_an_unknown_symbol_is_refused_before_anything_is_opened(
    plugin: CryptoPlugin, exchange: LocalExchange
) -> None:
    stream = plugin.watch_trades(Instrument("crypto", "bitstamp", "NOT/REAL"))
    with pytest.raises(NotFound):
        await anext(stream)
    assert not exchange.calls_of("bitstamp", "connect")


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


def as_row(bar: Bar) -> tuple[float, ...]:
    return (bar.open_time_ms, *bar.values)
