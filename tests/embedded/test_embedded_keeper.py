"""A server that dies while the service runs is started again, with its data."""

import contextlib
import os
import signal
from pathlib import Path

import asyncpg
import pytest
from redis.exceptions import RedisError

from app_extensions.embedded import embedded_servers
from tests.embedded.conftest import cache, sql
from tests.embedded.processes import descendants, wait_for, watching

DEADLINE_S = 30


def process_of(address: str) -> int:
    # The server says it itself: by name one would also find its own fork while it writes its file anew.
    return cache(address, "INFO", "server")["process_id"]


def answers(ask, address: str) -> bool:
    with contextlib.suppress(RedisError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return ask(address) is not None
    return False


def test_a_killed_valkey_comes_back_with_what_it_held_and_it_is_said(tmp_path: Path) -> None:
    said: list[str] = []
    with embedded_servers(tmp_path, postgres=False, valkey=True, say=said.append) as addresses:
        address = addresses.redis_url
        cache(address, "SET", "kept", "8")
        killed = process_of(address)
        os.kill(killed, signal.SIGKILL)
        wait_for(lambda: answers(lambda it: cache(it, "PING"), address), timeout_s=DEADLINE_S, what="Valkey")
        assert cache(address, "GET", "kept") == "8"
        again = process_of(address)
        assert again != killed
        assert {killed, again} & descendants(os.getpid()) == {again}
    assert said[1:] == ["The embedded Valkey ended unexpectedly. Starting it again."]
    assert again not in descendants(os.getpid())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_postgresql_comes_back_with_its_data(tmp_path: Path, number: signal.Signals) -> None:
    with embedded_servers(tmp_path, postgres=True, valkey=False) as addresses:
        address = addresses.db_connection_string
        sql(address, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7)")
        killed = int((tmp_path / "postgres/data/postmaster.pid").read_text().split()[0])
        with watching({killed}) as still_running_after:
            os.kill(killed, number)
            assert still_running_after(DEADLINE_S) == []
        wait_for(
            lambda: answers(lambda it: sql(it, "SELECT 1"), address), timeout_s=DEADLINE_S, what="PostgreSQL"
        )
        assert sql(address, "SELECT n FROM kept") == 7
