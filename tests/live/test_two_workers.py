"""Two apps over one store and one cache, as two workers are: what one asks, the other need not."""

import asyncio
from dataclasses import replace

import ccxt.pro  # noqa: F401 - loading it takes seconds, which no request here should wait for
import pytest

from app import create_app
from tests.exchange import LocalExchange
from tests.exchange.markets import walk
from utils.domain import MINUTE_MS

START_MS = 1_700_000_040_000
PATH = f"/market/fetch_ohlcv?market=crypto&exchange=bitstamp&symbol=BTC/USD&timeframe=1m&since={START_MS}"


@pytest.fixture
async def exchange():
    async with LocalExchange(time_ms=START_MS + 34 * MINUTE_MS) as exchange:
        exchange.bitstamp.hold_trades("BTC/USD", walk(300, start_ms=START_MS + 1_000))
        yield exchange


@pytest.fixture
async def workers(config, exchange):
    settings = replace(config, crypto_endpoint=exchange.endpoint, crypto_exchanges="bitstamp")
    one, other = create_app(settings), create_app(settings)
    async with one.test_app(), other.test_app():
        yield one.test_client(), other.test_client()


# Each round begins with an empty store and two new workers.
@pytest.mark.parametrize("_round", [1, *(pytest.param(n, marks=pytest.mark.long) for n in range(2, 12))])
async def test_five_hundred_cold_requests_on_two_workers_make_one_call(workers, exchange, _round):
    for client in workers:
        await client.get("/market/get_symbols?market=crypto&exchange=bitstamp")
    answers = await asyncio.gather(*(workers[number % 2].get(PATH) for number in range(500)))
    assert {answer.status_code for answer in answers} == {200}
    bodies = {repr((await answer.get_json())["ohlcv"]) for answer in answers}
    assert len(bodies) == 1
    assert len(exchange.calls_of("bitstamp", "bars")) == 1
