"""What the crypto plugin lets go of when it has been read: answers, market lists, failures, ccxt's caches."""

import asyncio
import gc
from typing import Any

import pytest

from plugins.crypto import CryptoPlugin
from plugins.crypto_answers import Answer
from plugins.crypto_clients import ExchangeClient
from tests.exchange import LocalExchange
from tests.exchange.faults import Fault
from tests.plugins.conftest import START_MS, VENUES
from utils.domain import Instrument, Timeframe
from utils.errors import UpstreamError

MINUTE = Timeframe(1, "m")
BITSTAMP, BINANCE, COINBASE = VENUES

every_venue = pytest.mark.parametrize("instrument", VENUES, ids=lambda each: each.exchange)


def alive(kind: type) -> list[Any]:
    gc.collect()
    return [each for each in gc.get_objects() if isinstance(each, kind)]


@every_venue
async def test_an_answer_that_was_read_is_not_kept_by_the_connection_it_came_over(
    plugin: CryptoPlugin, exchange: LocalExchange, instrument: Instrument
) -> None:
    before = len(alive(Answer))
    await plugin.fetch_instruments(instrument.exchange)
    await plugin.fetch_bars(instrument, MINUTE, start_ms=START_MS, limit=20)
    assert len(alive(Answer)) == before
    (client,) = alive(ExchangeClient)
    assert client.ccxt.last_http_response is None


@every_venue
async def test_a_market_list_that_could_not_be_read_leaves_nothing_of_the_attempt(
    plugin: CryptoPlugin, exchange: LocalExchange, instrument: Instrument
) -> None:
    before = len(alive(BaseException))
    venue = exchange.venue(instrument.exchange)
    venue.fault, venue.fault_kinds = Fault.UNAVAILABLE, ("markets",)
    for _ in range(3):
        with pytest.raises(UpstreamError):
            await plugin.fetch_instruments(instrument.exchange)
    # The turn of the event loop that brought the error holds it.
    await asyncio.sleep(0)
    assert len(alive(BaseException)) == before
    venue.fault = None
    assert await plugin.fetch_instruments(instrument.exchange)
