"""The crypto plugin on the local exchange, which holds an hour of trades of three venues."""

from collections.abc import AsyncIterator

import ccxt.pro  # noqa: F401  # a second and more of importing, before any deadline runs
import pytest

from plugins.base import PluginContext
from plugins.crypto import CryptoPlugin
from plugins.crypto_clients import Limits
from tests.exchange import LocalExchange
from tests.exchange.markets import walk
from utils.clock import Clock
from utils.domain import HOUR_MS, Instrument

# Long past, so that a clock read from the wrong side shows at once.
START_MS = 419_527 * HOUR_MS
VENUES = (
    Instrument("crypto", "bitstamp", "BTC/USD"),
    Instrument("crypto", "binance", "BTC/USDT"),
    Instrument("crypto", "coinbase", "BTC/USD"),
)


@pytest.fixture
async def exchange() -> AsyncIterator[LocalExchange]:
    async with LocalExchange(time_ms=START_MS + HOUR_MS - 30_000) as local:
        for instrument in VENUES:
            local.venue(instrument.exchange).hold_trades(instrument.symbol, walk(700, start_ms=START_MS))
        yield local


@pytest.fixture
def limits() -> Limits:
    return Limits()


@pytest.fixture
async def plugin(exchange: LocalExchange, limits: Limits) -> AsyncIterator[CryptoPlugin]:
    settings = {"CRYPTO_ENDPOINT": exchange.endpoint, "CRYPTO_EXCHANGES": "bitstamp,binance,coinbase"}
    created = CryptoPlugin(PluginContext(Clock(), settings), limits)
    await created.open()
    yield created
    await created.close()
    assert not exchange.calls_of_unknown(), "a call went to an address the venue does not have"
