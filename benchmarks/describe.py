"""How long describing bars takes beside writing them as JSON, and how much it adds to an answer.

``python benchmarks/describe.py [--repeats 40] [--write]``
"""

import argparse
import asyncio
import gzip
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.harness import table, write_section  # noqa: E402 - the product is found by its path
from blueprints.formats.description import encode_description, with_accessibility  # noqa: E402
from blueprints.formats.highcharts import encode_history  # noqa: E402
from plugins.base import PluginContext  # noqa: E402
from plugins.simulated import create_plugin  # noqa: E402
from services.history_query import History, HistoryQuery  # noqa: E402
from services.narration.describe import describe  # noqa: E402
from services.narration.voice import Voice, voice_for  # noqa: E402
from utils.clock import Clock  # noqa: E402
from utils.domain import Bar, BarState, Instrument, Timeframe  # noqa: E402

NOW_MS = 1_763_596_800_000
HOUR = Timeframe.parse("1h")
SYMBOLS = ("BTC/USD", "EUR/USD", "PEPE/USDT")
COUNTS = (100, 500, 1_000, 5_000)
SIZED_BARS = 1_000
P95 = 19


async def history_of(symbol: str, count: int) -> History:
    """Return the newest hours of a simulated symbol."""
    plugin = create_plugin(PluginContext(Clock(now_ms=lambda: NOW_MS)))
    instrument = Instrument("simulated", "simex", symbol)
    (spec,) = [each for each in await plugin.fetch_instruments("simex") if each.instrument == instrument]
    start_ms = HOUR.shift(NOW_MS, -count)
    bars: list[Bar] = []
    while len(bars) < count:
        page = await plugin.fetch_bars(instrument, HOUR, start_ms=start_ms, limit=count - len(bars))
        bars += (Bar(*row, BarState.CLOSED) for row in page.rows)
        start_ms = HOUR.next(bars[-1].open_time_ms)
    return History(
        query=HistoryQuery(instrument, HOUR, limit=count),
        spec=spec,
        gaps=(),
        as_of_ms=NOW_MS,
        stale=False,
        next_ms=None,
        settled=True,
        bars=tuple(bars),
    )


def milliseconds(work: Callable[[], object]) -> tuple[float, float]:
    """Return how long the work took by the wall and by the processor."""
    began_s, used_s = time.perf_counter(), time.process_time()
    work()
    return (time.perf_counter() - began_s) * 1000, (time.process_time() - used_s) * 1000


def speed(voice: Voice, repeats: int) -> str:
    rows = []
    for count in COUNTS:
        history = asyncio.run(history_of("BTC/USD", count))

        def described(history: History = history) -> bytes:
            return encode_description(describe(history, voice))

        def written(history: History = history) -> bytes:
            return encode_history(history)

        described()
        # In turn, so that what disturbs the machine disturbs both.
        pairs = [(milliseconds(described), milliseconds(written)) for _ in range(repeats)]
        wall = sorted(each for (each, _), _ in pairs)
        used = sorted(each for (_, each), _ in pairs)
        base = statistics.median(each for _, (_, each) in pairs)
        rows.append(
            [
                f"{count:,}",
                f"{statistics.median(wall):.1f} ({wall[0]:.1f} to {wall[-1]:.1f})",
                f"{statistics.quantiles(wall, n=P95 + 1)[-1]:.1f}",
                f"{statistics.quantiles(used, n=P95 + 1)[-1]:.1f}",
                f"{statistics.median(used) / base:.0f}",
            ]
        )
    header = ["bars", "ms, median (range)", "p95", "p95 of processor time", "x writing the bars as JSON"]
    return table(header, rows)


def size(voice: Voice) -> str:
    rows = []
    for symbol in SYMBOLS:
        history = asyncio.run(history_of(symbol, SIZED_BARS))
        bars, description = encode_history(history), describe(history, voice)
        plain = len(gzip.compress(bars))
        cells = [symbol, f"{plain:,}"]
        for with_series in (False, True):
            block = encode_description(description, with_series=with_series)
            added = len(gzip.compress(with_accessibility(bars, block))) - plain
            cells += [f"{added:,}", f"{added / plain:.0%}"]
        rows.append(cells)
    header = [
        "1,000 bars of",
        "bars, bytes",
        "description adds",
        "share",
        "with sound adds",
        "share with sound",
    ]
    return table(header, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=40)
    parser.add_argument("--write", action="store_true", help="write the tables into docs/performance.md")
    options = parser.parse_args()
    voice = voice_for("en", None)
    text = "\n\n".join(
        (
            f"`python benchmarks/describe.py --repeats {options.repeats}`",
            speed(voice, options.repeats),
            "With gzip, as `include=accessibility` and `include=accessibility,sonification` send it:",
            size(voice),
        )
    )
    print(text)
    if options.write:
        write_section("describe", text)


if __name__ == "__main__":
    main()
