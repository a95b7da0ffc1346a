"""Sockets that break, listeners that leave and come back: nobody is left deaf, and nobody is told twice."""

import asyncio

import pytest

from plugins.crypto import CryptoPlugin
from plugins.crypto_clients import Limits
from tests.exchange import LocalExchange
from tests.plugins.conftest import VENUES
from tests.plugins.hearing import fresh, listening, seen
from utils.domain import Instrument
from utils.errors import NotFound, UpstreamDown, UpstreamError, UpstreamGarbage

BITSTAMP, _, COINBASE = VENUES
ETHER = Instrument("crypto", "bitstamp", "ETH/USD")

every_venue = pytest.mark.parametrize("instrument", VENUES, ids=lambda each: each.exchange)


@pytest.fixture
def limits() -> Limits:
    return Limits(unwatch_timeout_s=0.3)


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


@pytest.mark.parametrize("turns", range(0, 24, 3))
async def test_who_comes_back_while_being_unsubscribed_hears_again(
    plugin: CryptoPlugin, exchange: LocalExchange, turns: int
) -> None:
    async with listening(plugin.watch_trades(BITSTAMP)) as stays:
        async with listening(plugin.watch_trades(ETHER)):
            await exchange.bitstamp.until_subscribed("BTC/USD")
            await exchange.bitstamp.until_subscribed("ETH/USD")
        for _ in range(turns):
            await asyncio.sleep(0)
        async with listening(plugin.watch_trades(ETHER)) as again:
            await exchange.until(lambda: len(exchange.calls_of("bitstamp", "subscribe")) == 3)
            await exchange.bitstamp.push_trades("ETH/USD", fresh(exchange, 3))
            await again.until_count(3)
        assert stays.ended is None


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
