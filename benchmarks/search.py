"""How long a search takes over the instruments of some exchanges, and resolving one symbol.

``python benchmarks/search.py [--instruments 1000] [--exchanges 1] [--repeats 3] [--write]``
"""

import argparse
import asyncio
import random
import statistics
import sys
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.harness import table, write_section  # noqa: E402 - the product is found by its path
from plugins import PluginRegistry  # noqa: E402
from plugins.simulated import SimulatedPlugin  # noqa: E402
from plugins.simulated_faults import SimulatedFaults  # noqa: E402
from services.catalog import Catalog  # noqa: E402
from services.narration.assets import ASSETS  # noqa: E402
from services.search.instrument_search import InstrumentSearch  # noqa: E402
from utils.clock import Clock  # noqa: E402
from utils.domain import Instrument, InstrumentSpec  # noqa: E402

SEED = 7
QUOTES = ("USD", "USDT", "EUR", "BTC", "USDC")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ASKED = 200
P95 = 19

Question = Callable[[str], Awaitable[object]]


class EmptyDatabase:
    """Stands where the pool would: no bars are stored, and nobody is asked over a network."""

    async def fetch(self, *_: object) -> list[object]:
        """Return no rows."""
        return []


class MadeUpMarket(SimulatedPlugin):
    """Exchanges that list as many instruments as asked for."""

    market = "crypto"

    def __init__(self, clock: Clock, exchanges: int, instruments: int) -> None:
        super().__init__(clock, 1, SimulatedFaults())
        self._names = tuple(f"exchange{number}" for number in range(exchanges))
        self.symbols = made_up_symbols(instruments)

    async def list_exchanges(self) -> tuple[str, ...]:
        """Return their names."""
        return self._names

    async def fetch_instruments(self, exchange: str) -> tuple[InstrumentSpec, ...]:
        """Return the same instruments for each."""
        return tuple(InstrumentSpec.unlisted(Instrument("crypto", exchange, each)) for each in self.symbols)


def made_up_symbols(count: int) -> list[str]:
    """Return so many symbols, real codes first, in the order of a list."""
    rng = random.Random(SEED)
    codes = list(ASSETS)
    while len(codes) * len(QUOTES) < count:
        codes.append("".join(rng.choices(LETTERS, k=rng.randint(3, 6))))
    pairs = [f"{code}/{quote}" for code in dict.fromkeys(codes) for quote in QUOTES if code != quote]
    return sorted(pairs[:count])


def misspelled(text: str, rng: random.Random) -> str:
    """Return the text with one slip."""
    place = rng.randrange(len(text))
    letter = rng.choice(LETTERS)
    return rng.choice(
        (
            text[:place] + text[place + 1 :],
            text[:place] + letter + text[place:],
            text[: place + 1] + text[place:],
        )
    )


def questions(symbols: Sequence[str]) -> dict[str, list[str]]:
    """Return what is asked, by what kind of question it is."""
    rng = random.Random(SEED)
    chosen = rng.choices(symbols, k=ASKED)
    names = [asset.name for asset in ASSETS.values()]
    return {
        "The symbol itself, `BTC/USD`": chosen,
        "One letter, one code, one currency": [
            *(rng.choice(LETTERS) for _ in range(ASKED // 3)),
            *(symbol.partition("/")[0] for symbol in rng.choices(symbols, k=ASKED // 3)),
            *(rng.choice(QUOTES) for _ in range(ASKED // 3)),
        ],
        "The name of an asset, `bitcoin`": rng.choices(names, k=ASKED),
        "A symbol with one slip": [misspelled(symbol, rng) for symbol in chosen],
        "A name with one slip": [misspelled(name, rng) for name in rng.choices(names, k=ASKED)],
        "Three words, one with a slip": [f"{misspelled(name, rng)} usd exchange0" for name in names[:ASKED]],
        "Nothing of the kind": ["".join(rng.choices(LETTERS, k=rng.randint(5, 12))) for _ in range(ASKED)],
    }


async def milliseconds(ask: Question, texts: Sequence[str], repeats: int) -> tuple[float, float]:
    """Return the median and the 95th percentile of one question, in milliseconds."""
    took = []
    for _ in range(repeats):
        for text in texts:
            began_s = time.perf_counter()
            await ask(text)
            took.append((time.perf_counter() - began_s) * 1_000)
    return statistics.median(took), statistics.quantiles(took, n=20)[P95 - 1]


async def measure(instruments: int, exchanges: int, repeats: int) -> list[list[str]]:
    """Return a row for each kind of question, and one for the index itself."""
    clock = Clock()
    market = MadeUpMarket(clock, exchanges, instruments)
    catalog = Catalog(
        PluginRegistry({"crypto": market}), clock, default_market="crypto", default_exchange="exchange0"
    )
    search = InstrumentSearch(catalog=catalog, pool=EmptyDatabase(), clock=clock)  # type: ignore[arg-type]
    tracemalloc.start()
    began_s = time.perf_counter()
    while await search.unread():
        await search.search("")
        await asyncio.sleep(0)
    built_ms = (time.perf_counter() - began_s) * 1_000
    size_mb = tracemalloc.get_traced_memory()[0] / 1e6
    tracemalloc.stop()
    rows = []
    for kind, texts in questions(market.symbols).items():
        median_ms, p95_ms = await milliseconds(search.search, texts, repeats)
        rows.append([kind, f"{median_ms:.3f} ms", f"{p95_ms:.3f} ms"])
    written = [text for symbol in market.symbols[:ASKED] for text in (symbol, symbol.replace("/", "-"))]
    median_ms, p95_ms = await milliseconds(search.resolve, written, repeats)
    rows.append(["Resolving a symbol", f"{median_ms:.3f} ms", f"{p95_ms:.3f} ms"])
    rows.append([f"Reading and indexing, while watched; {size_mb:.1f} MB", f"{built_ms:.0f} ms", ""])
    await search.close()
    await catalog.close()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instruments", type=int, default=1_000)
    parser.add_argument("--exchanges", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    options = parser.parse_args()
    rows = asyncio.run(measure(options.instruments, options.exchanges, options.repeats))
    found = table(["Question", "Median", "95th percentile"], rows)
    print(found)
    if options.write:
        write_section("search", found)


if __name__ == "__main__":
    main()
