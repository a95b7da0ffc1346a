"""One worker process: the app on Hypercorn or uvicorn, from the first request to a clean drain.

It stops when it is told to, or when its launcher is gone.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import hypercorn.asyncio
import uvicorn
from hypercorn.utils import LifespanFailureError
from quart import Quart

from app_extensions import DRAIN, PATIENCE
from app_extensions.acceptor import patient
from app_extensions.certificate import Certificate, CertificateError, certificate_of
from app_extensions.collector import settle_collector
from app_extensions.db_pool import Patience
from app_extensions.hypercorn_guard import guard_hypercorn
from app_extensions.logging_setup import setup_logging
from app_extensions.metrics import figures_of_workers
from app_extensions.reports_elsewhere import reporting
from app_extensions.server_socket import BACKLOG
from app_extensions.server_tls import HypercornSettings, QuietUvicorn
from app_extensions.uvicorn_guard import (
    REQUEST_HEAD_BYTES_MAX,
    BoundedHttpToolsProtocol,
    FramesProtocol,
    takes_frames,
)
from app_extensions.websocket_guard import guard_websockets
from config import Config
from utils.metrics import reserve_files
from utils.scheduling import come_quickly

try:
    import uvloop
except ImportError:  # not on every platform
    new_event_loop = patient(asyncio.SelectorEventLoop)
else:
    new_event_loop = patient(uvloop.Loop)

# The launcher allows a start no more. Of that, this is for a database that is away: where five workers died
# over it within a minute, the service would end.
START_TIMEOUT_S = 90.0
DATABASE_PATIENCE_S = 70.0
# Stopping takes at most these one after the other, and then the process ends whatever hangs.
DRAIN_TIMEOUT_S = 5.0
REQUESTS_TIMEOUT_S = 6.0
CLOSE_TIMEOUT_S = 5.0
STOP_TIMEOUT_S = 18.0

WEBSOCKET_MESSAGE_BYTES_MAX = 64 * 1024
APP_QUEUE_MAX = 10
KEEP_ALIVE_TIMEOUT_S = 5

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Inherited:
    """Name the file descriptors a worker is born with."""

    listener: int
    lifeline: int  # ends when the launcher does
    ready: int  # one byte is written here when requests are served


@dataclass(frozen=True, slots=True)
class Stop:
    """Tell the one who serves when to begin and when to end."""

    requested: asyncio.Event
    announce_ready: Callable[[], None]

    async def drained(self, app: Quart) -> None:
        """Wait until a stop is requested and the app has said goodbye to its WebSockets."""
        await self.requested.wait()
        drain: Callable[[], Awaitable[None]] | None = app.extensions.get(DRAIN)
        if drain is None:
            return
        try:
            async with asyncio.timeout(DRAIN_TIMEOUT_S):
                await drain()
        except TimeoutError:
            log.warning("not every websocket was closed in time", extra={"timeout_s": DRAIN_TIMEOUT_S})


def run_worker(create_app: Callable[[Config], Quart], config: Config, inherited: Inherited) -> int:
    """Serve until told to stop, and return the exit code."""
    writer = setup_logging(config.log_level, json=config.env == "production")
    try:
        reserve_files(figures_of_workers())
    except OSError as error:
        log.warning("metrics of this worker are not kept", extra={"reason": str(error)})
    come_quickly()
    try:
        with reporting(config) as watch, asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(_serve(create_app, config, inherited, watch))
    except (LifespanFailureError, CertificateError) as error:
        log.critical("the app could not start", extra={"reason": str(error)})
        return 1
    finally:
        writer.close()
    return 0


async def _serve(
    create_app: Callable[[Config], Quart],
    config: Config,
    inherited: Inherited,
    watch: Callable[[Quart], None],
) -> None:
    loop = asyncio.get_running_loop()
    requested = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, requested.set)
    threading.Thread(
        target=_watch_lifeline, args=(inherited.lifeline, loop, requested), name="lifeline", daemon=True
    ).start()

    def announce_ready() -> None:
        with contextlib.suppress(BrokenPipeError):  # the launcher is gone: the lifeline will say so
            os.write(inherited.ready, b"1")
        os.close(inherited.ready)

    app = create_app(config)
    app.extensions[PATIENCE] = Patience(DATABASE_PATIENCE_S, requested)
    watch(app)
    settle_collector(loop)
    on_uvicorn = config.server == "uvicorn"
    guard_websockets(app, frames=takes_frames() or not on_uvicorn)
    serve = _serve_with_uvicorn if on_uvicorn else _serve_with_hypercorn
    certificate = certificate_of(config.certfile, config.keyfile, config.server)
    await serve(app, inherited.listener, Stop(requested, announce_ready), certificate)


async def _serve_with_hypercorn(
    app: Quart, listener: int, stop: Stop, certificate: Certificate | None
) -> None:
    connections = guard_hypercorn()
    settings = HypercornSettings(certificate)
    settings.bind = [f"fd://{listener}"]
    settings.backlog = BACKLOG
    settings.startup_timeout = START_TIMEOUT_S
    settings.graceful_timeout = REQUESTS_TIMEOUT_S + 1
    settings.shutdown_timeout = CLOSE_TIMEOUT_S
    settings.keep_alive_timeout = KEEP_ALIVE_TIMEOUT_S
    settings.h11_max_incomplete_size = REQUEST_HEAD_BYTES_MAX
    settings.websocket_max_message_size = WEBSOCKET_MESSAGE_BYTES_MAX
    settings.max_app_queue_size = APP_QUEUE_MAX
    settings.include_server_header = False
    # No websocket_ping_interval: it keeps every closed connection until its next tick and never looks for the
    # pong. No read_timeout: it would cut a listener who has nothing to say. The service's own heartbeat is a
    # write, and a write that is not acknowledged ends the connection.
    settings.errorlog = logging.getLogger("hypercorn.error")
    settings.errorlog.setLevel(logging.WARNING)  # the launcher says where the service listens

    async def shutdown_trigger() -> None:
        stop.announce_ready()
        await stop.drained(app)
        # From Python 3.12 on, Hypercorn waits for every open connection, however long it stays open.
        asyncio.get_running_loop().call_later(REQUESTS_TIMEOUT_S, connections.abort)

    await hypercorn.asyncio.serve(app, settings, shutdown_trigger=shutdown_trigger)


async def _serve_with_uvicorn(app: Quart, listener: int, stop: Stop, certificate: Certificate | None) -> None:
    settings = uvicorn.Config(
        app,
        lifespan="on",
        # Several times as fast as h11.
        http=BoundedHttpToolsProtocol,
        ws=FramesProtocol if takes_frames() else "wsproto",
        ws_max_size=WEBSOCKET_MESSAGE_BYTES_MAX,
        ws_per_message_deflate=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_TIMEOUT_S,
        timeout_graceful_shutdown=int(REQUESTS_TIMEOUT_S),
        # Whom to believe about addresses is decided by TRUSTED_PROXY_HOPS, for both servers alike.
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        log_level=logging.WARNING,
    )
    server = QuietUvicorn(settings, stop.announce_ready, certificate)

    async def end_when_drained() -> None:
        await stop.drained(app)
        server.should_exit = True

    ending = asyncio.create_task(end_when_drained())
    try:
        await server.serve(sockets=[socket.socket(fileno=listener)])
    finally:
        ending.cancel()


def _watch_lifeline(lifeline: int, loop: asyncio.AbstractEventLoop, requested: asyncio.Event) -> None:
    # Nothing is ever written to it: this read ends when the launcher has ended, however it ended.
    os.read(lifeline, 1)
    with contextlib.suppress(RuntimeError):  # the loop is closed already
        loop.call_soon_threadsafe(requested.set)
    time.sleep(STOP_TIMEOUT_S)
    os._exit(1)
