"""The launcher: ``python app.py`` brings up everything the service needs, and takes it down in order.

Listening socket, embedded servers where none are set, schema, workers; then the same backwards.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from quart import Quart

from app_extensions.certificate import CertificateError, certificate_of
from app_extensions.embedded import EmbeddedError, embedded_servers
from app_extensions.first_accounts import FirstAccounts, prepare_accounts
from app_extensions.hypercorn_guard import GuardError
from app_extensions.launcher_voice import Say, complain, say_last, speaking
from app_extensions.metrics import LauncherMetrics, launcher_metrics
from app_extensions.migrations import MigrationError, migrate
from app_extensions.reports_elsewhere import check_extras
from app_extensions.server_socket import BACKLOG, ListenError, bound_socket, listen_error, url_of
from app_extensions.server_workers import Workers
from app_extensions.stop_signals import stop_signals
from app_extensions.worker import Inherited, run_worker
from config import Config, ConfigError, load_config
from services.stores.losses import DATABASE_FAULTS
from utils.metrics import DIRECTORY

EXIT_STOPPED = 0
EXIT_FAILED = 1
EXIT_SETTINGS = 2

TRY = (
    "/health",
    "/market/get_symbols?market=simulated&exchange=simex",
    "/market/fetch_ohlcv?market=simulated&exchange=simex&symbol=BTC/USD&timeframe=1h&limit=5",
)


class DatabaseError(Exception):
    """Say in one sentence why the database cannot be used, then what to do."""


def main(create_app: Callable[[Config], Quart], arguments: Sequence[str] | None = None) -> int:
    """Run the service until it is told to stop, and return the exit code.

    0 after a stop, 1 when something failed, 2 when the settings are wrong. The launcher starts the same
    program again for each worker, with ``--worker``.
    """
    options = _parse(arguments)
    try:
        config = load_config()
        if options.worker:
            return run_worker(create_app, config, Inherited(options.fd, options.lifeline, options.ready))
        _refuse_demo(config, demo=options.demo)
        check_extras(config)
        _check_certificate(config)
        with speaking(json=config.env == "production") as say:
            return _launch(config, say, demo=options.demo)
    except ConfigError as error:
        complain("The service does not start, because its settings are not right.", *error.problems)
        return EXIT_SETTINGS
    except (EmbeddedError, ListenError, DatabaseError, GuardError) as error:
        complain(str(error))
        return EXIT_FAILED
    except KeyboardInterrupt:
        say_last("Stopped before it was ready.")
        return EXIT_STOPPED


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="app.py",
        description="Run AccessibleTrader. Settings come from the environment and .env; see .env.example.",
    )
    parser.add_argument("--demo", action="store_true", help="Make two users to try things with.")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    for name in ("--fd", "--lifeline", "--ready"):
        parser.add_argument(name, type=int, default=-1, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _refuse_demo(config: Config, *, demo: bool) -> None:
    if demo and config.env == "production":
        raise ConfigError(["--demo makes users to try things with: leave it out in production."])


def _check_certificate(config: Config) -> None:
    try:
        certificate = certificate_of(config.certfile, config.keyfile, config.server)
        if certificate:
            certificate.check()
    except CertificateError as error:
        raise ConfigError([str(error)]) from error


def _launch(config: Config, say: Say, *, demo: bool) -> int:
    # Until the workers run there is nothing to drain: every request to stop ends the start where it is.
    for number in stop_signals():
        signal.signal(number, signal.default_int_handler)
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(bound_socket(config.host, config.port))
        addresses = stack.enter_context(
            embedded_servers(
                config.var_dir,
                postgres=not config.db_connection_string,
                valkey=not config.redis_url,
                say=say,
            )
        )
        config = dataclasses.replace(
            config,
            db_connection_string=config.db_connection_string or addresses.db_connection_string or "",
            redis_url=config.redis_url or addresses.redis_url or "",
        )
        _bring_up_to_date(config.db_connection_string, say)
        accounts = asyncio.run(prepare_accounts(config, demo=demo))
        metrics = stack.enter_context(launcher_metrics(config, say))
        well = _serve(config, listener, accounts, metrics, say)
        # Only taking down is left, and it is bounded: a second Ctrl-C would leave it half done.
        for number in stop_signals():
            signal.signal(number, signal.SIG_IGN)
    say("Stopped.")
    return EXIT_STOPPED if well else EXIT_FAILED


def _bring_up_to_date(dsn: str, say: Say) -> None:
    say("Bringing the database up to date.")
    try:
        applied = asyncio.run(migrate(dsn))
    except MigrationError as error:
        raise DatabaseError(str(error)) from error
    except DATABASE_FAULTS as error:
        raise DatabaseError(f"The database refused: {error}. Check DB_CONNECTION_STRING.") from error
    except (OSError, TimeoutError) as error:
        host = urlsplit(dsn).hostname or "this machine"
        raise DatabaseError(
            f"No database answers at {host}: start it, or check DB_CONNECTION_STRING."
        ) from error
    for name in applied:
        say(f"Applied {name}.")


def _serve(
    config: Config,
    listener: socket.socket,
    accounts: FirstAccounts,
    metrics: LauncherMetrics | None,
    say: Say,
) -> bool:
    try:
        listener.listen(BACKLOG)
    except OSError as error:
        raise listen_error(config.host, config.port, error) from error
    count = f"{config.workers} workers" if config.workers > 1 else "one worker"
    say(f"Starting {count} on {config.server}.")

    program = str(Path(sys.argv[0]).resolve())

    async def keep_workers() -> bool:
        workers = Workers(
            count=config.workers,
            program=program,
            listener=listener,
            environment=_worker_environment(config, listener, metrics),
            say=say,
            when_ready=lambda: _say_ready(
                url_of(listener, tls=bool(config.certfile)),
                TRY[:1] if config.role == "feed" else TRY,
                accounts,
                metrics,
                say,
            ),
            watch=metrics,
        )
        async with metrics.listening() if metrics else contextlib.nullcontext():
            return await workers.run()

    return asyncio.run(keep_workers())


def _worker_environment(
    config: Config, listener: socket.socket, metrics: LauncherMetrics | None
) -> Mapping[str, str]:
    # What the launcher decided; everything else a worker reads for itself, from the same places.
    environment = os.environ | {
        "DB_CONNECTION_STRING": config.db_connection_string,
        "REDIS_URL": config.redis_url,
        "SECRET_KEY": config.secret_key,
        "PORT": str(listener.getsockname()[1]),
    }
    # The GNU C library gives each thread a heap of its own, of whose free pieces no other thread makes use.
    environment.setdefault("MALLOC_ARENA_MAX", "1")
    environment.pop(DIRECTORY, None)
    if metrics is not None:
        environment[DIRECTORY] = str(metrics.directory)
    return environment


def _say_ready(
    url: str, paths: Sequence[str], accounts: FirstAccounts, metrics: LauncherMetrics | None, say: Say
) -> None:
    say(f"AccessibleTrader is ready at {url}", "Try:", *(f"  {url}{path}" for path in paths))
    if metrics is not None:
        say(f"Metrics for Prometheus are at {metrics.url}")
    say(*accounts.sentences)
    if accounts.link_path:
        say(
            "Nobody is an admin yet. This link makes the first one, within an hour:",
            f"  {url}{accounts.link_path}",
        )
    say("To stop it, press Ctrl-C.")
