"""What goes wrong at an exchange leaves no bar open, moves no clock, and is made good to those who listen."""

import asyncio
from dataclasses import replace

from services.bar_writer import write_bars
from services.live import feed
from services.stores.bars import select_bars
from services.stores.series import select_series
from tests.exchange import Fault
from tests.live.talk import Talk
from tests.live.test_bitstamp import REST, WS, client, exchange, get_json, trades
from utils.domain import DAY_MS, MINUTE_MS, BarSource, Topic

__all__ = ["client", "exchange", "trades"]

TOPIC = Topic.parse("bars:crypto:bitstamp:BTC/USD:1m")
COMPARED_EVERY_S = 0.2
AWAY_MS = 5 * MINUTE_MS


async def joined(client, connection, exchange):
    talk = Talk(connection)
    await talk.until("snapshot")
    await talk.until("status", state="live")
    await exchange.bitstamp.until_subscribed("BTC/USD")
    return talk


async def test_a_close_that_could_not_be_asked_for_is_told_when_the_exchange_is_back(
    client, exchange, trades
):
    """The bar in whose middle the client joined is known to the exchange alone, which does not answer."""
    exchange.time_ms = trades[0].time_ms + 3 * MINUTE_MS + 30_000
    open_ms = exchange.time_ms // MINUTE_MS * MINUTE_MS
    async with client.websocket(WS) as connection:
        talk = await joined(client, connection, exchange)
        exchange.bitstamp.fault = Fault.UNAVAILABLE
        until_ms = exchange.time_ms + AWAY_MS
        while exchange.time_ms < until_ms:
            await exchange.play_until(exchange.time_ms + 20_000)
        while open_ms + 3 * MINUTE_MS not in talk.closed_opens:
            await talk.next()
        assert open_ms not in talk.closed_opens
        exchange.bitstamp.fault = None
        # The exchange is asked again every thirty seconds of its own time, and our breaker has to close.
        async with asyncio.timeout(60):
            while open_ms not in talk.closed_opens:
                exchange.time_ms += 1_000
                await exchange.play_until(exchange.time_ms)
                await talk.next()


async def test_a_trade_of_the_future_moves_no_clock_and_makes_no_bar(client, exchange, trades):
    exchange.time_ms = trades[0].time_ms + 3 * MINUTE_MS + 30_000
    now_ms, open_ms = exchange.time_ms, exchange.time_ms // MINUTE_MS * MINUTE_MS
    told: dict[int, set[float]] = {}
    async with client.websocket(WS) as connection:
        talk = await joined(client, connection, exchange)
        wrong = trades[0]._replace(id=trades[-1].id + 1, time_ms=now_ms + 30 * DAY_MS, price="1.5")
        await exchange.bitstamp.push_trades("BTC/USD", [wrong])
        # A trade that is pushed sets the clock; nobody but the trade says that it is so late.
        exchange.time_ms = now_ms
        while open_ms + 3 * MINUTE_MS not in told:
            await exchange.play_until(min(exchange.time_ms + 10_000, now_ms + 5 * MINUTE_MS))
            bar = (await talk.until("bar"))["bar"]
            assert bar["open_time_ms"] <= exchange.time_ms
            if bar["state"] != "forming":
                told.setdefault(bar["open_time_ms"], set()).add(bar["volume"])
    assert all(len(volumes) == 1 for volumes in told.values()), told


async def test_a_correction_that_somebody_else_stored_is_told(client, exchange, trades, pool, monkeypatch):
    """A reader of history, an import or a repair finds out what the feed did not see."""
    monkeypatch.setattr(feed, "COMPARE_EVERY_S", COMPARED_EVERY_S)
    exchange.time_ms = trades[0].time_ms + 3 * MINUTE_MS + 30_000
    async with client.websocket(WS) as connection:
        talk = await joined(client, connection, exchange)
        while not talk.closed_opens:
            await exchange.play_until(exchange.time_ms + 20_000)
            await talk.until("bar")
        open_ms = talk.closed_opens[-1]
        series = await select_series(pool, TOPIC.instrument, TOPIC.timeframe)
        assert series is not None
        stored = await select_bars(pool, series, start_ms=open_ms, end_ms=open_ms + MINUTE_MS, limit=1)
        late = replace(stored[0], volume=stored[0].volume + 1, source=BarSource.EXCHANGE)
        async with pool.acquire() as store, store.transaction():
            await write_bars(store, series, [late])
        told = await talk.until("bar")
        while told["bar"]["open_time_ms"] != open_ms or told["bar"]["volume"] != late.volume:
            await exchange.play_until(exchange.time_ms + 1_000)
            told = await talk.until("bar")
    assert (told["bar"]["state"], told["bar"]["revision"]) == ("corrected", stored[0].revision + 1)
    answer = await get_json(client, f"{REST}&timeframe=1m&since={open_ms}&until={open_ms + MINUTE_MS}")
    assert answer["ohlcv"][0][5] == late.volume
