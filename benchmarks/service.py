"""The whole service for a benchmark, on servers of its own, and clients that each have their own address."""

import contextlib
import itertools
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from app_extensions.embedded import embedded_servers
from app_extensions.migrations import migrate_blocking
from benchmarks.harness import free_port, server

ANSWER_TIMEOUT = aiohttp.ClientTimeout(total=30)

addresses = (f"127.9.{number // 250 % 250}.{number % 250 + 1}" for number in itertools.count())


@dataclass(frozen=True)
class Running:
    """Where the services answer, by the name of their server, and where their database is."""

    ports: dict[str, int]
    dsn: str


@contextlib.contextmanager
def services(names: Sequence[str]) -> Iterator[Running]:
    """Run the service once on each of these servers, all on one empty database, without a limit on calls."""
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        found = stack.enter_context(embedded_servers(scratch, postgres=True, valkey=True, durable=False))
        assert found.db_connection_string
        assert found.redis_url
        migrate_blocking(found.db_connection_string)
        ports = {name: free_port() for name in names}
        for name, port in ports.items():
            environment = {
                "ENV": "development",
                "DB_CONNECTION_STRING": found.db_connection_string,
                "REDIS_URL": found.redis_url,
                "VAR_DIR": str(scratch),
                "SERVER": name,
                "PORT": str(port),
                "RATE_LIMIT_PER_MINUTE": "1000000",
                "LOG_LEVEL": "WARNING",
            }
            url = f"http://127.0.0.1:{port}/live"
            stack.enter_context(server([sys.executable, "app.py"], environment, url))
        yield Running(ports, found.db_connection_string)


def client(port: int) -> aiohttp.ClientSession:
    """Return a client at an address of its own."""
    connector = aiohttp.TCPConnector(local_addr=(next(addresses), 0))
    return aiohttp.ClientSession(f"http://127.0.0.1:{port}", connector=connector, timeout=ANSWER_TIMEOUT)
