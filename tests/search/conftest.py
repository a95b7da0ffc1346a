"""The search over a market of exchanges that tests let answer, hang and forget."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

import asyncpg
import pytest

from plugins import PluginRegistry
from plugins.base import BarPage
from plugins.simulated import SimulatedPlugin
from plugins.simulated_faults import SimulatedFaults
from services.catalog import Catalog
from services.search.instrument_search import InstrumentSearch
from tests.search.listings import spec_of
from utils.clock import Clock
from utils.domain import InstrumentSpec
from utils.errors import UpstreamDown

CLOSE_TIMEOUT_S = 10
NOW_MS = 1_795_000_000_000


class ManyExchanges(SimulatedPlugin):
    """Exchanges whose lists are set by hand; one that is closed does not answer until it is opened."""

    market = "crypto"

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock, 1, SimulatedFaults())
        self.symbols: dict[str, list[str]] = {"bitstamp": ["BTC/USD", "ETH/USD"], "kraken": ["BTC/EUR"]}
        self.gates: dict[str, asyncio.Event] = {}
        self.down: set[str] = set()
        self.asked: list[str] = []

    async def list_exchanges(self) -> tuple[str, ...]:
        return tuple(sorted(self.symbols))

    async def fetch_instruments(self, exchange: str) -> tuple[InstrumentSpec, ...]:
        self.asked.append(exchange)
        if exchange in self.gates:
            await self.gates[exchange].wait()
        if exchange in self.down:
            raise UpstreamDown(f"{exchange} is away. Try again.")
        return tuple(spec_of(symbol, exchange) for symbol in sorted(self.symbols[exchange]))

    async def fetch_bars(self, *_: object, **__: object) -> BarPage:
        raise AssertionError("a search asks for no bars")


@dataclass
class SearchHouse:
    """A search, its exchanges, and the clock that it reads."""

    pool: asyncpg.Pool
    now_ms: int = NOW_MS
    market: ManyExchanges = field(init=False)
    catalog: Catalog = field(init=False)
    search: InstrumentSearch = field(init=False)

    def __post_init__(self) -> None:
        clock = Clock(now_ms=lambda: self.now_ms)
        self.market = ManyExchanges(clock)
        simulated = SimulatedPlugin(clock, 1, SimulatedFaults())
        registry = PluginRegistry({"crypto": self.market, "simulated": simulated})
        self.catalog = Catalog(registry, clock, default_market="crypto", default_exchange="bitstamp")
        self.search = InstrumentSearch(catalog=self.catalog, pool=self.pool, clock=clock)

    async def found(self, text: str, exchange: str | None = None) -> list[str]:
        found = await self.search.search(text, exchange=exchange)
        return [f"{each.instrument.exchange}:{each.instrument.symbol}" for each in found]

    async def read_all(self) -> None:
        """Wait until every list is there that can be."""
        for _ in range(3):
            await self.search.search("")
            await asyncio.gather(*self.search._shelves._tasks.values())

    async def store(self, name: str, rows: Iterable[tuple[float, float]], timeframe: str = "1h") -> None:
        """Store bars of an instrument that end now; each row is a close and a volume."""
        exchange, symbol = name.split(":", 1)
        series_id = await self.pool.fetchval(
            "INSERT INTO series (market, exchange, symbol, timeframe) VALUES ('crypto', $1, $2, $3)"
            " RETURNING series_id",
            exchange,
            symbol,
            timeframe,
        )
        rows = list(rows)
        await self.pool.executemany(
            "INSERT INTO bar VALUES"
            " ($1, 3600, to_timestamp($2), $3, $3, $3, $3, $4, 0, 'closed', 'exchange')",
            [
                (series_id, self.now_ms // 1_000 - 3600 * (len(rows) - place), close, volume)
                for place, (close, volume) in enumerate(rows)
            ],
        )


@pytest.fixture
async def house(pool: asyncpg.Pool) -> AsyncIterator[SearchHouse]:
    house = SearchHouse(pool)
    yield house
    async with asyncio.timeout(CLOSE_TIMEOUT_S):
        await house.search.close()
        await house.catalog.close()
