"""1,000 hourly bars of one symbol by HTTP: the product, two peers and the floor, side by side in one run.

``python benchmarks/history.py --peers-python PATH [--repeats 5] [--seconds 3] [--write]``
"""

import argparse
import asyncio
import contextlib
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import asyncpg  # noqa: E402 - the product is found by its path

from app_extensions.embedded import embedded_servers  # noqa: E402
from app_extensions.migrations import migrate_blocking  # noqa: E402
from benchmarks.harness import (  # noqa: E402
    Load,
    fetch,
    free_port,
    put_load,
    server,
    spread,
    table,
    write_section,
)

BARS = 1_000
QUERY = f"market=simulated&exchange=simex&symbol=BTC/USD&timeframe=1h&limit={BARS}"
PEER_QUERY = f"symbol=BTC/USD&timeframe=1h&limit={BARS}"
CONNECTIONS = 16
SERVERS = ("hypercorn", "uvicorn")
PEER_TABLE = """
    CREATE TABLE peer_bar AS
    SELECT symbol, timeframe, open_time, open, high, low, close, volume
    FROM bar JOIN series USING (series_id)
    WHERE symbol = 'BTC/USD' AND timeframe = '1h';
    ALTER TABLE peer_bar ADD PRIMARY KEY (symbol, timeframe, open_time);
    ANALYZE peer_bar;
"""


@dataclass(frozen=True)
class Contender:
    name: str
    url: str
    pid: int


@dataclass(frozen=True)
class Bench:
    """What is running while this benchmark does."""

    stack: contextlib.ExitStack
    dsn: str
    redis_url: str
    scratch: Path

    def ours(self, server_name: str, *, cached: bool, log_level: str = "WARNING") -> Contender:
        port = free_port()
        environment = {
            "ENV": "development",
            "DB_CONNECTION_STRING": self.dsn,
            "REDIS_URL": self.redis_url,
            "VAR_DIR": str(self.scratch),
            "SERVER": server_name,
            "PORT": str(port),
            "RATE_LIMIT_PER_MINUTE": "1000000",
            "LOG_LEVEL": log_level,
            "ANSWER_CACHE_MB": "64" if cached else "0",
        }
        url = f"http://127.0.0.1:{port}/market/fetch_ohlcv?{QUERY}"
        pid = self.stack.enter_context(server([sys.executable, "app.py"], environment, url))
        kind = "warm" if cached else "from PostgreSQL, nothing cached"
        logged = ", a log line for each request" if log_level == "INFO" else ""
        return Contender(f"ours on {server_name}, {kind}{logged}", url, pid)

    def peer(self, python: str, module: str) -> Contender:
        port = free_port()
        environment = {
            "PEER_DSN": self.dsn,
            "PEER_SQLALCHEMY_URL": self.dsn.replace("postgresql://", "postgresql+psycopg://"),
        }
        command = [python, "-m", "uvicorn", f"benchmarks.peers.{module}:app", "--port", str(port)]
        command += ["--no-access-log", "--log-level", "warning"]
        url = f"http://127.0.0.1:{port}/bars?{PEER_QUERY}"
        pid = self.stack.enter_context(server(command, environment, url))
        return Contender(f"{module} FastAPI peer on uvicorn", url, pid)

    def floor(self, server_name: str, body: Path) -> Contender:
        port = free_port()
        url = f"http://127.0.0.1:{port}/"
        command = [sys.executable, "benchmarks/peers/floor.py", server_name, str(port), str(body)]
        pid = self.stack.enter_context(server(command, {}, url))
        return Contender(f"bare ASGI callable on {server_name}", url, pid)


def contenders(bench: Bench, peers_python: str) -> list[Contender]:
    found = [bench.ours(name, cached=True) for name in SERVERS]
    found += [bench.ours(name, cached=False) for name in SERVERS]
    found.append(bench.ours("uvicorn", cached=True, log_level="INFO"))
    body = bench.scratch / "body.json"
    body.write_bytes(fetch(found[0].url))
    asyncio.run(_copy_for_peers(bench.dsn))
    found += [bench.peer(peers_python, module) for module in ("common", "tuned")]
    found += [bench.floor(name, body) for name in SERVERS]
    return found


async def _copy_for_peers(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(PEER_TABLE)
    finally:
        await connection.close()


def measure(found: list[Contender], repeats: int, seconds: int) -> dict[str, list[Load]]:
    """Return what each did, in turn, so that what disturbs the machine disturbs all alike."""
    loads: dict[str, list[Load]] = {each.name: [] for each in found}
    for each in found:
        put_load(each.url, each.pid, seconds=1, connections=CONNECTIONS)
    for repeat in range(repeats):
        for each in found:
            done = put_load(each.url, each.pid, seconds=seconds, connections=CONNECTIONS)
            loads[each.name].append(done)
        print(f"Repeat {repeat + 1} of {repeats} is done.", flush=True)
    return loads


def ratio(mine: list[Load], theirs: list[Load], pick: Callable[[Load], float]) -> str:
    """Return the median of the ratios within each repeat."""
    pairs = zip(mine, theirs, strict=True)
    return f"{statistics.median(pick(one) / pick(other) for one, other in pairs):.2f}"


def report(loads: dict[str, list[Load]], command: str) -> str:
    parts = [
        f"`{command}`",
        "Requests a second, as wrk counted them:",
        compare(loads, attrgetter("per_second")),
        "Requests for each second of the server's processor time, disturbed less by what else runs:",
        compare(loads, attrgetter("per_cpu_second")),
    ]
    return "\n\n".join(parts)


def compare(loads: dict[str, list[Load]], pick: Callable[[Load], float]) -> str:
    rows = []
    for name, done in loads.items():
        floor = f"bare ASGI callable on {'hypercorn' if 'hypercorn' in name else 'uvicorn'}"
        others = ("common FastAPI peer on uvicorn", "tuned FastAPI peer on uvicorn", floor)
        rows.append(
            [name, spread([pick(each) for each in done]), *(ratio(done, loads[it], pick) for it in others)]
        )
    return table(["what answers", "median (range)", "x common", "x tuned", "x floor"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers-python", required=True, help="Python of an environment with the peers")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="write the table into docs/performance.md")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench")))
        addresses = stack.enter_context(embedded_servers(scratch, postgres=True, valkey=True, durable=False))
        dsn = addresses.db_connection_string or ""
        migrate_blocking(dsn)
        bench = Bench(stack, dsn, addresses.redis_url or "", scratch)
        loads = measure(contenders(bench, options.peers_python), options.repeats, options.seconds)
    shown = f"python benchmarks/history.py --peers-python PATH --repeats {options.repeats}"
    text = report(loads, f"{shown} --seconds {options.seconds}")
    print(text)
    if options.write:
        write_section("history", text)


if __name__ == "__main__":
    main()
