"""Real servers, started, killed and started again."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app_extensions.embedded import EmbeddedError, embedded_servers, running_addresses
from app_extensions.embedded_process import LOG_BYTES_MAX, rotate
from tests.embedded.conftest import Holder, cache, sql
from tests.embedded.processes import descendants, wait_for, watching

BOTH = ("postgres", "valkey")


def test_both_servers_answer_while_the_block_runs_and_are_gone_after_it(tmp_path: Path) -> None:
    before = descendants(os.getpid())
    with embedded_servers(tmp_path, postgres=True, valkey=True) as addresses:
        assert str(sql(addresses.db_connection_string, "SELECT version()")).startswith("PostgreSQL 18")
        assert sql(addresses.db_connection_string, "SHOW timezone") == "UTC"
        assert cache(addresses.redis_url, "PING") is True
        assert running_addresses(tmp_path) == addresses
    assert descendants(os.getpid()) <= before
    assert running_addresses(tmp_path) is None


def test_only_the_server_that_is_asked_for_runs(tmp_path: Path) -> None:
    with embedded_servers(tmp_path, postgres=False, valkey=True) as addresses:
        assert addresses.db_connection_string is None
        assert running_addresses(tmp_path) == addresses
    assert not (tmp_path / "postgres").exists()


def test_a_second_start_keeps_the_data(tmp_path: Path) -> None:
    with embedded_servers(tmp_path, postgres=True, valkey=True) as addresses:
        sql(addresses.db_connection_string, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7)")
        cache(addresses.redis_url, "SET", "kept", "8")
    with embedded_servers(tmp_path, postgres=True, valkey=True) as addresses:
        assert sql(addresses.db_connection_string, "SELECT n FROM kept") == 7
        assert cache(addresses.redis_url, "GET", "kept") == "8"


def test_only_the_user_may_enter_the_data_and_the_sockets(tmp_path: Path) -> None:
    var_dir = tmp_path / "var"
    with embedded_servers(var_dir, postgres=True, valkey=True, durable=False):
        for private in (var_dir, var_dir / "postgres", var_dir / "valkey", var_dir / "run"):
            assert private.stat().st_mode & 0o077 == 0, private


def test_a_server_for_tests_does_not_wait_for_the_disk(tmp_path: Path) -> None:
    with embedded_servers(tmp_path, postgres=True, valkey=True, durable=False) as addresses:
        assert sql(addresses.db_connection_string, "SHOW fsync") == "off"
        assert cache(addresses.redis_url, "CONFIG", "GET", "appendonly")["appendonly"] == "no"


def test_the_live_log_is_kept_on_disk_and_never_evicted(tmp_path: Path) -> None:
    with embedded_servers(tmp_path, postgres=False, valkey=True) as addresses:
        assert cache(addresses.redis_url, "CONFIG", "GET", "appendonly")["appendonly"] == "yes"
        assert cache(addresses.redis_url, "CONFIG", "GET", "maxmemory-policy") == {
            "maxmemory-policy": "noeviction"
        }


@pytest.mark.parametrize("fatal", [signal.SIGKILL, signal.SIGTERM])
def test_no_process_outlives_a_killed_parent_and_the_data_survives(
    tmp_path: Path, hold: Callable[..., Holder], fatal: signal.Signals
) -> None:
    holder = hold(tmp_path, *BOTH)
    database, live = holder.wait_ready()
    sql(database, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7)")
    cache(live, "SET", "kept", "8")
    with watching(descendants(holder.process.pid)) as still_running_after:
        holder.process.send_signal(fatal)
        assert still_running_after(10) == []
    with embedded_servers(tmp_path, postgres=True, valkey=True) as addresses:
        assert sql(addresses.db_connection_string, "SELECT n FROM kept") == 7
        assert cache(addresses.redis_url, "GET", "kept") == "8"


def test_data_survives_when_everything_is_killed_at_once(tmp_path: Path, hold: Callable[..., Holder]) -> None:
    holder = hold(tmp_path, *BOTH)
    database, live = holder.wait_ready()
    sql(database, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7)")
    cache(live, "SET", "kept", "8")
    everything = {holder.process.pid, *descendants(holder.process.pid)}
    with watching(everything) as still_running_after:
        for pid in everything:
            # A process of PostgreSQL ends by itself when the one before it in this loop was its parent.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert still_running_after(10) == []
    with embedded_servers(tmp_path, postgres=True, valkey=True) as addresses:
        assert sql(addresses.db_connection_string, "SELECT n FROM kept") == 7
        assert cache(addresses.redis_url, "GET", "kept") == "8"


def test_a_start_right_after_a_kill_waits_for_the_former_servers(
    tmp_path: Path, hold: Callable[..., Holder]
) -> None:
    holder = hold(tmp_path, *BOTH)
    holder.wait_ready()
    for _ in range(3):
        holder.process.kill()
        holder.process.wait()
        holder = hold(tmp_path, *BOTH)
        holder.wait_ready()
    holder.stop()


def test_a_second_starter_is_refused_at_once(tmp_path: Path, hold: Callable[..., Holder]) -> None:
    with embedded_servers(tmp_path, postgres=False, valkey=True) as addresses:
        began = time.monotonic()
        refusal = hold(tmp_path, *BOTH).refusal()
        assert refusal.startswith(f"The service already runs with the data in {tmp_path}")
        assert "set VAR_DIR" in refusal
        assert time.monotonic() - began < 10
        assert cache(addresses.redis_url, "PING") is True


def test_another_process_finds_the_running_servers(tmp_path: Path, hold: Callable[..., Holder]) -> None:
    assert running_addresses(tmp_path) is None
    holder = hold(tmp_path, *BOTH)
    database, live = holder.wait_ready()
    found = running_addresses(tmp_path)
    assert found is not None
    assert (found.db_connection_string, found.redis_url) == (database, live)
    with watching(descendants(holder.process.pid)) as still_running_after:
        holder.process.kill()
        assert still_running_after(10) == []
    assert running_addresses(tmp_path) is None


def test_an_interrupted_first_start_leaves_no_half_cluster(
    tmp_path: Path, hold: Callable[..., Holder]
) -> None:
    holder = hold(tmp_path, "postgres")
    draft = tmp_path / "postgres" / "data.new"
    wait_for((draft / "base").exists, timeout_s=30, what="a cluster in the making")
    with watching(descendants(holder.process.pid)) as still_running_after:
        holder.process.kill()
        assert still_running_after(10) == []
    assert not (tmp_path / "postgres" / "data").exists()
    with embedded_servers(tmp_path, postgres=True, valkey=False) as addresses:
        assert sql(addresses.db_connection_string, "SELECT 1") == 1
    assert not draft.exists()


@pytest.mark.parametrize("program", ["cat", "true"], ids=["a stranger", "a zombie"])
def test_a_pid_file_that_names_somebody_else_does_not_stop_the_start(tmp_path: Path, program: str) -> None:
    # After a restart, a container gives the old ids to other programs, and nobody buries its dead.
    with embedded_servers(tmp_path, postgres=True, valkey=False):
        pid_file = tmp_path / "postgres" / "data" / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
    with subprocess.Popen([program], stdin=subprocess.PIPE) as other:
        pid_file.write_text("\n".join([str(other.pid), *lines[1:]]) + "\n")
        with embedded_servers(tmp_path, postgres=True, valkey=False) as addresses:
            assert sql(addresses.db_connection_string, "SELECT 1") == 1


def test_a_path_too_long_for_a_socket_gets_a_short_one_of_its_own(tmp_path: Path) -> None:
    first = tmp_path / ("a" * 120)
    second = tmp_path / ("b" * 120)
    with (
        embedded_servers(first, postgres=True, valkey=True, durable=False) as one,
        embedded_servers(second, postgres=False, valkey=True, durable=False) as two,
    ):
        assert one.redis_url != two.redis_url
        assert sql(one.db_connection_string, "SELECT 1") == 1
        assert cache(one.redis_url, "PING") is True
        assert running_addresses(first) == one
        short = Path((first / "sockets.txt").read_text())
        assert short.stat().st_mode & 0o777 == 0o700
    for var_dir in (first, second):
        Path((var_dir / "sockets.txt").read_text()).rmdir()


def test_a_short_socket_directory_open_to_others_is_refused(tmp_path: Path) -> None:
    long = tmp_path / ("a" * 120)
    with embedded_servers(long, postgres=False, valkey=True, durable=False):
        short = Path((long / "sockets.txt").read_text())
    short.chmod(0o777)
    try:
        with (
            pytest.raises(EmbeddedError, match="not a private directory"),
            embedded_servers(long, postgres=False, valkey=True),
        ):
            pass
    finally:
        short.rmdir()


@pytest.mark.parametrize("name", ["with a space", "with,comma", "mit Umläuten", "per%cent", "quo'te"])
def test_any_name_of_a_directory_will_do(tmp_path: Path, name: str) -> None:
    var_dir = tmp_path / name
    with embedded_servers(var_dir, postgres=True, valkey=True, durable=False) as addresses:
        assert sql(addresses.db_connection_string, "SELECT 1") == 1
        assert cache(addresses.redis_url, "PING") is True
        assert running_addresses(var_dir) == addresses
        sockets = Path((var_dir / "sockets.txt").read_text())
    sockets.rmdir()


def test_a_cluster_of_another_version_is_named_in_one_sentence(tmp_path: Path) -> None:
    with embedded_servers(tmp_path, postgres=True, valkey=False, durable=False):
        pass
    (tmp_path / "postgres" / "data" / "PG_VERSION").write_text("12\n")
    with (
        pytest.raises(EmbeddedError, match="database files are incompatible with server"),
        embedded_servers(tmp_path, postgres=True, valkey=False),
    ):
        pass


def test_a_log_that_has_grown_too_long_is_put_aside(tmp_path: Path) -> None:
    log = tmp_path / "postgres.log"
    assert rotate(log) == 0
    log.write_bytes(b"short")
    assert rotate(log) == 5
    with log.open("r+b") as file:
        file.truncate(LOG_BYTES_MAX)
    assert rotate(log) == 0
    assert not log.exists()
    assert (tmp_path / "postgres.old.log").stat().st_size == LOG_BYTES_MAX
