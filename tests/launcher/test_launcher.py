"""The launcher as an operator meets it: what it says, how it stops, what it leaves behind."""

import asyncio
import errno
import os
import resource
import signal
import socket
import urllib.request
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from app_extensions.embedded import running_addresses
from app_extensions.server_socket import ListenError, bound_socket
from tests.embedded.processes import command_of, descendants, wait_for, watching
from tests.launcher.conftest import APP, Service
from utils.scheduling import SHORT_SLICE_NS, slice_ns


def workers_of(service: Service) -> set[int]:
    return {pid for pid in descendants(service.process.pid) if "--worker" in command_of(pid)}


def assert_answers(worker: int) -> None:
    """Ask a worker whose launcher has told nobody where it listens; it may still be starting."""
    port = Path(f"/proc/{worker}/environ").read_text().split("\0PORT=")[1].split("\0")[0]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=20) as answer:
        assert answer.status == 200


def test_the_service_says_where_it_is_what_to_try_and_how_to_stop(launch: Callable[..., Service]) -> None:
    service = launch(APP)
    url = service.url
    assert service.said.splitlines()[-7:] == [
        f"AccessibleTrader is ready at {url}",
        "Try:",
        f"  {url}/health",
        f"  {url}/market/get_symbols?market=simulated&exchange=simex",
        f"  {url}/market/fetch_ohlcv?market=simulated&exchange=simex&symbol=BTC/USD&timeframe=1h&limit=5",
        f"Metrics for Prometheus are at {service.metrics_url}",
        "To stop it, press Ctrl-C.",
    ]
    for tried in [line.strip() for line in service.said.splitlines() if line.startswith("  http")]:
        with urllib.request.urlopen(tried, timeout=20) as answer:
            assert answer.status == 200
    with watching(descendants(service.process.pid)) as still_running_after:
        assert service.stop(signal.SIGTERM) == 0
        assert still_running_after(0.5) == []
    assert service.said.splitlines()[-1] == "Stopped."
    assert "Traceback" not in service.complained


def test_a_ctrl_c_in_the_terminal_stops_everything_in_order(launch: Callable[..., Service]) -> None:
    service = launch()
    session = os.getsid(service.process.pid)
    with watching(descendants(service.process.pid)) as still_running_after:
        assert session not in {os.getsid(pid) for pid in descendants(service.process.pid)}
        # A terminal sends it to the whole group, not to the launcher alone; twice, as impatient people do.
        os.killpg(service.process.pid, signal.SIGINT)
        service.wait_until_said("Stopping.")
        os.killpg(service.process.pid, signal.SIGINT)
        assert service.exit_code() == 0
        assert still_running_after(0.5) == []
    assert service.said.splitlines()[-1] == "Stopped."
    assert service.complained == ""


def test_a_killed_launcher_leaves_nothing_behind_and_loses_nothing(
    launch: Callable[..., Service], tmp_path: Path
) -> None:
    async def store_and_read() -> int:
        addresses = running_addresses(tmp_path / "var")
        assert addresses
        connection = await asyncpg.connect(addresses.db_connection_string, timeout=10)
        try:
            await connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
            await connection.execute("INSERT INTO kept VALUES (1)")
            return await connection.fetchval("SELECT count(*) FROM kept")
        finally:
            await connection.close()

    service = launch()
    assert asyncio.run(store_and_read()) == 1
    # Neither a request that never ends nor a websocket may keep a worker alive.
    with (
        service.begin("/endless"),
        service.ask(service.upgrade("/polite")),
        watching(descendants(service.process.pid)) as still_running_after,
    ):
        service.process.kill()
        assert still_running_after(20) == []
    launch()
    assert asyncio.run(store_and_read()) == 2


def test_a_stop_during_the_first_start_leaves_nothing_behind(
    launch: Callable[..., Service], tmp_path: Path
) -> None:
    service = launch(wait=False)
    wait_for((tmp_path / "var/postgres/data.new/base").exists, timeout_s=60, what="a cluster in the making")
    with watching(descendants(service.process.pid)) as still_running_after:
        assert service.stop(signal.SIGTERM) == 0
        assert still_running_after(5) == []
    assert service.said.splitlines()[-1] == "Stopped before it was ready."
    assert service.complained == ""


def test_a_taken_port_is_named_before_anything_is_started(
    launch: Callable[..., Service], tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        service = launch(wait=False, PORT=str(port))
        assert service.exit_code() == 1
    assert service.complained == (
        f"Port {port} is already taken: stop the program that uses it, or set PORT to another number.\n"
    )
    assert not (tmp_path / "var" / "postgres").exists()


@pytest.mark.parametrize("host", ["no.such.host.invalid", "203.0.113.7", "a" * 70])
def test_an_address_that_is_not_ours_is_named(launch: Callable[..., Service], host: str) -> None:
    service = launch(wait=False, HOST=host)
    assert service.exit_code() == 1
    assert service.complained.startswith(f"HOST {host} is not")
    assert service.complained.count("\n") == 1


def test_a_machine_without_ipv6_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    known = socket.socket

    def without_ipv6(family: int, *more: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
        return known(family, *more)

    monkeypatch.setattr(socket, "socket", without_ipv6)
    with pytest.raises(
        ListenError, match=r"^METRICS_HOST ::1 is an address of IPv6, which this machine does not"
    ):
        bound_socket("::1", 0, ("METRICS_HOST", "METRICS_PORT"))


def test_wrong_settings_are_all_named_at_once(launch: Callable[..., Service]) -> None:
    service = launch(wait=False, ENV="production", TRUSTED_ORIGINS="*", DEBUG="yes")
    assert service.exit_code() == 2
    assert [line.split()[0] for line in service.complained.splitlines()[1:]] == [
        "SECRET_KEY",
        "TRUSTED_ORIGINS",
        "DEBUG",
    ]


def test_a_database_that_does_not_answer_is_named_without_its_password(
    launch: Callable[..., Service], beside: dict[str, str]
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"postgresql://someone:hidden-word@127.0.0.1:{closed.getsockname()[1]}/prices"
        service = launch(wait=False, DB_CONNECTION_STRING=address, REDIS_URL=beside["REDIS_URL"])
        assert service.exit_code() == 1
    assert service.complained == (
        "No database answers at 127.0.0.1: start it, or check DB_CONNECTION_STRING.\n"
    )
    assert "hidden-word" not in service.said


def test_a_second_launcher_on_the_same_data_is_refused(launch: Callable[..., Service]) -> None:
    launch()
    second = launch(wait=False)
    assert second.exit_code() == 1
    assert second.complained.startswith("The service already runs with the data in ")


def test_a_worker_that_dies_is_replaced_and_no_connection_is_refused(
    launch: Callable[..., Service], beside: dict[str, str]
) -> None:
    service = launch(**beside)
    (worker,) = workers_of(service)
    assert service.get("/health")["worker"] == worker
    os.kill(worker, signal.SIGKILL)
    # The listening socket is the launcher's: this request waits for the next worker.
    assert service.get("/health", timeout_s=30)["worker"] != worker
    assert "Worker 1 ended unexpectedly (by signal SIGKILL). Starting another." in service.said
    assert service.stop() == 0


def test_a_worker_that_keeps_dying_ends_the_service(
    launch: Callable[..., Service], beside: dict[str, str]
) -> None:
    service = launch(**beside)
    for _ in range(5):
        wait_for(lambda: len(workers_of(service)) == 1, timeout_s=20, what="a worker")
        (worker,) = workers_of(service)
        with watching({worker}) as still_running_after:
            os.kill(worker, signal.SIGKILL)
            assert still_running_after(5) == []
    assert service.exit_code() == 1
    assert "Worker 1 ended 5 times within a minute: giving up." in service.said


def test_a_worker_that_cannot_be_started_for_a_moment_is_started_then(
    launch: Callable[..., Service], beside: dict[str, str]
) -> None:
    service = launch(**beside)
    (worker,) = workers_of(service)
    # From here on the launcher can open no file, and so no pipe to a worker.
    before = resource.prlimit(service.process.pid, resource.RLIMIT_NOFILE, (3, 4096))
    os.kill(worker, signal.SIGKILL)
    service.wait_until_said("Worker 1 could not be started (Too many open files). Trying again.")
    resource.prlimit(service.process.pid, resource.RLIMIT_NOFILE, (min(before[0], 4096), 4096))
    assert service.get("/health", timeout_s=30)["worker"] != worker
    assert service.stop() == 0
    assert "ExceptionGroup" not in service.complained


@pytest.mark.parametrize("server", ["hypercorn", "uvicorn"])
def test_an_app_that_cannot_start_ends_the_service_with_its_reason(
    launch: Callable[..., Service], beside: dict[str, str], server: str
) -> None:
    service = launch(wait=False, TINY_BROKEN="yes", SERVER=server, **beside)
    assert service.exit_code() == 1
    assert "Worker 1 could not start; what it wrote above says why." in service.said
    assert "broken on purpose" in service.complained


def test_two_workers_share_the_port_and_both_stop(
    launch: Callable[..., Service], beside: dict[str, str]
) -> None:
    service = launch(WORKERS="2", **beside)
    workers = workers_of(service)
    assert len(workers) == 2
    answered: set[int] = set()
    wait_for(
        lambda: answered.add(service.get("/health")["worker"]) or answered == workers,
        timeout_s=20,
        what="an answer of each worker",
    )
    with watching(workers) as still_running_after:
        assert service.stop() == 0
        assert still_running_after(0.5) == []


@pytest.mark.skipif(slice_ns() is None, reason="NOT TESTED: this system tells of no slices")
def test_a_worker_waits_for_nobodys_slice_of_its_core(
    launch: Callable[..., Service], beside: dict[str, str]
) -> None:
    (worker,) = workers_of(launch(**beside))
    assert slice_ns(worker) == SHORT_SLICE_NS


@pytest.mark.parametrize("given", [{}, {"MALLOC_ARENA_MAX": "3"}])
def test_a_worker_has_one_heap_unless_told_otherwise(
    launch: Callable[..., Service], beside: dict[str, str], given: dict[str, str]
) -> None:
    (worker,) = workers_of(launch(**beside, **given))
    environment = Path(f"/proc/{worker}/environ").read_text().split("\0")
    assert f"MALLOC_ARENA_MAX={given.get('MALLOC_ARENA_MAX', '1')}" in environment


def test_the_secret_and_the_addresses_are_passed_on_but_never_said(
    launch: Callable[..., Service], beside: dict[str, str]
) -> None:
    secret = "5f2c-not-an-example-8d41-0123456789abcdef"
    service = launch(SECRET_KEY=secret, **beside)
    (worker,) = workers_of(service)
    environment = Path(f"/proc/{worker}/environ").read_text().split("\0")
    assert f"SECRET_KEY={secret}" in environment
    assert f"PORT={service.address[1]}" in environment
    assert secret not in service.said + service.complained + command_of(worker)


def test_a_listener_who_has_left_does_not_stop_the_service(
    launch: Callable[..., Service], beside: dict[str, str]
) -> None:
    # ./start.sh | head -1: what the launcher says after that has nowhere to go.
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as listening:
        service = launch(wait=False, listening=listening, **beside)
    wait_for(lambda: bool(workers_of(service)), timeout_s=30, what="a worker")
    (worker,) = workers_of(service)
    assert_answers(worker)
    assert service.stop() == 0
    assert service.complained == ""
