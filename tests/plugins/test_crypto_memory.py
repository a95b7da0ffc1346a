"""What the crypto plugin lets go of when it has been read: answers, market lists, failures, ccxt's caches."""

import asyncio
import gc
import queue
from typing import Any

import pytest

from plugins.base import PluginContext
from plugins.crypto import CryptoPlugin
from plugins.crypto_answers import Answer
from plugins.crypto_clients import ExchangeClient, Limits
from tests.exchange import LocalExchange
from tests.exchange.faults import Fault
from tests.exchange.markets import walk
from tests.plugins.conftest import START_MS, VENUES
from tests.plugins.hearing import DEADLINE_S, fresh, listening, seen
from utils.clock import Clock
from utils.domain import Instrument, Timeframe
from utils.errors import UpstreamDown, UpstreamError

MINUTE = Timeframe(1, "m")
_, BINANCE, COINBASE = VENUES

every_venue = pytest.mark.parametrize("instrument", VENUES, ids=lambda each: each.exchange)


@pytest.fixture
def limits() -> Limits:
    return Limits(left_over_max=1)


def alive(kind: type) -> list[Any]:
    gc.collect()
    return [each for each in gc.get_objects() if isinstance(each, kind)]


def failures() -> list[BaseException]:
    # From Python 3.12 on, a thread of a pool that waits for work holds that it found none.
    return [each for each in alive(BaseException) if not isinstance(each, queue.Empty)]


def ccxt_client() -> Any:
    (client,) = alive(ExchangeClient)
    return client.ccxt


async def all_ended() -> None:
    """Wait until every subscription that was given up has ended."""
    (client,) = alive(ExchangeClient)
    async with asyncio.timeout(DEADLINE_S):
        await asyncio.gather(*client.live._ending.values())


@every_venue
async def test_an_answer_that_was_read_is_not_kept_by_the_connection_it_came_over(
    plugin: CryptoPlugin, exchange: LocalExchange, instrument: Instrument
) -> None:
    before = len(alive(Answer))
    await plugin.fetch_instruments(instrument.exchange)
    await plugin.fetch_bars(instrument, MINUTE, start_ms=START_MS, limit=20)
    assert len(alive(Answer)) == before
    assert ccxt_client().last_http_response is None


@every_venue
async def test_a_market_list_that_could_not_be_read_leaves_nothing_of_the_attempt(
    plugin: CryptoPlugin, exchange: LocalExchange, instrument: Instrument
) -> None:
    before = len(failures())
    venue = exchange.venue(instrument.exchange)
    venue.fault, venue.fault_kinds = Fault.UNAVAILABLE, ("markets",)
    for _ in range(3):
        with pytest.raises(UpstreamError):
            await plugin.fetch_instruments(instrument.exchange)
    # The turn of the event loop that brought the error holds it.
    await asyncio.sleep(0)
    assert len(failures()) == before
    venue.fault = None
    assert await plugin.fetch_instruments(instrument.exchange)


async def test_an_exchange_that_nobody_asks_any_more_is_let_go_of(exchange: LocalExchange) -> None:
    now_s = 0.0
    bitstamp, binance, coinbase = VENUES
    settings = {"CRYPTO_ENDPOINT": exchange.endpoint, "CRYPTO_EXCHANGES": "bitstamp,binance,coinbase"}
    plugin = CryptoPlugin(PluginContext(Clock(steady_s=lambda: now_s), settings))

    def names() -> set[str]:
        return {each.ccxt.id for each in alive(ExchangeClient)}

    for venue in VENUES:
        await plugin.fetch_instruments(venue.exchange)
    async with listening(plugin.watch_trades(coinbase)):
        await exchange.coinbase.until_subscribed(coinbase.symbol)
        now_s += Limits().idle_max_s - 1
        await plugin.fetch_bars(binance, MINUTE, start_ms=START_MS, limit=20)
        assert names() == {"bitstamp", "binance", "coinbase"}
        now_s += 1
        await plugin.fetch_bars(binance, MINUTE, start_ms=START_MS, limit=20)
        await asyncio.gather(*plugin._closing)
        assert names() == {"binance", "coinbase"}
        # And is there again for whoever asks.
        assert await plugin.fetch_instruments(bitstamp.exchange)
    await plugin.close()


@every_venue
async def test_trades_that_nobody_follows_any_more_are_forgotten(
    plugin: CryptoPlugin, exchange: LocalExchange, instrument: Instrument
) -> None:
    venue, symbol, trades = exchange.venue(instrument.exchange), instrument.symbol, fresh(exchange, 20)
    async with listening(plugin.watch_trades(instrument)) as heard:
        await venue.until_subscribed(symbol)
        await venue.push_trades(symbol, trades[:10])
        await heard.until_last_id(trades[9].id)
        assert len(ccxt_client().trades[symbol]) >= 10
    await all_ended()
    assert symbol not in ccxt_client().trades
    async with listening(plugin.watch_trades(instrument)) as again:
        await venue.until_subscribed(symbol)
        await venue.push_trades(symbol, trades[10:])
        await again.until_last_id(trades[-1].id)
        assert again.items[-10:] == seen(trades[10:])


@every_venue
async def test_trades_of_a_socket_that_broke_are_forgotten(
    plugin: CryptoPlugin, exchange: LocalExchange, instrument: Instrument
) -> None:
    venue, symbol, trades = exchange.venue(instrument.exchange), instrument.symbol, fresh(exchange, 5)
    async with listening(plugin.watch_trades(instrument)) as heard:
        await venue.until_subscribed(symbol)
        await venue.push_trades(symbol, trades)
        await heard.until_last_id(trades[-1].id)
        await exchange.drop_sockets()
        await heard.until_ended()
    await all_ended()
    assert symbol not in ccxt_client().trades


async def test_bars_of_one_timeframe_are_forgotten_and_those_of_another_are_not(
    plugin: CryptoPlugin, exchange: LocalExchange
) -> None:
    async with listening(plugin.watch_bars(BINANCE, Timeframe(5, "m"))) as stays:
        async with listening(plugin.watch_bars(BINANCE, MINUTE)) as leaves:
            await exchange.binance.until_channel("btcusdt@kline_1m")
            await exchange.binance.until_channel("btcusdt@kline_5m")
            await exchange.binance.push_trades("BTC/USDT", fresh(exchange, 10))
            await leaves.until_count(1)
        await all_ended()
        assert set(ccxt_client().ohlcvs["BTC/USDT"]) == {"5m"}
        before = len(stays.items)
        await exchange.binance.push_trades("BTC/USDT", fresh(exchange, 10, first_id=50_000))
        await stays.until_count(before + 1)
    await all_ended()
    assert not ccxt_client().ohlcvs["BTC/USDT"]


async def test_a_socket_with_too_much_that_nobody_follows_is_made_anew(
    plugin: CryptoPlugin, exchange: LocalExchange
) -> None:
    # Coinbase cannot end one subscription of several.
    async with listening(plugin.watch_trades(COINBASE)) as stays:
        for place, symbol in enumerate(("ETH/USD", "ETH/BTC")):
            assert stays.ended is None
            exchange.coinbase.hold_trades(symbol, walk(5, start_ms=START_MS, first_id=100 * (place + 1)))
            async with listening(plugin.watch_trades(Instrument("crypto", "coinbase", symbol))) as leaves:
                await exchange.coinbase.until_subscribed(symbol)
                await exchange.coinbase.push_trades(symbol, fresh(exchange, 1, first_id=20_000 + place))
                await leaves.until_last_id(20_000 + place)
        assert isinstance(await stays.until_ended(), UpstreamDown)
    await all_ended()
    assert not ccxt_client().trades
