"""The product on a port of its own, in a thread beside the test, and people who are signed in to it."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import uvicorn
from quart import Quart

from middleware.context import EXTENSION as SERVICES
from middleware.rate_limit import EXTENSION as LIMITS
from services import Services
from utils.accounts import Caller, Role

START_TIMEOUT_S = 60
CALL_TIMEOUT_S = 30
MANY = 1_000_000
PASSWORD = "a sentence that only they know"


@dataclass(frozen=True)
class Served:
    """A running service: where it is, and a way to do something on its loop."""

    url: str
    app: Quart
    loop: asyncio.AbstractEventLoop

    @property
    def services(self) -> Services:
        return self.app.extensions[SERVICES]

    def run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(CALL_TIMEOUT_S)

    def make_user(self, username: str, role: Role) -> int:
        return self.run(self.services.auth.create_user(username, PASSWORD, role)).user_id

    def sign_in(self, username: str) -> str:
        """Return an access token, however often somebody guessed at the password before."""
        return self.run(self._sign_in(username))

    async def _sign_in(self, username: str) -> str:
        pool = self.services.pool
        await pool.execute("DELETE FROM sign_in_throttle")
        # An admin may have shut out anybody, even themselves.
        await pool.execute("UPDATE app_user SET disabled_at = NULL WHERE username = $1", username)
        return (await self.services.auth.sign_in(username, PASSWORD, Caller("127.0.0.1"))).access_token


@contextlib.contextmanager
def desk(served: Served) -> Iterator[str]:
    """Give tokens to whoever asks ``/NAME``, until the end of the block; yields the address."""

    class Desk(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            token = served.sign_in(self.path.removeprefix("/")).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(token)))
            self.end_headers()
            self.wfile.write(token)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Desk) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(CALL_TIMEOUT_S)


@contextlib.contextmanager
def serving(app: Quart) -> Iterator[Served]:
    """Serve until the end of the block; nobody is held back by limits, and passwords are cheap to check."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(
            uvicorn.Config(app, log_config=None, access_log=False, server_header=False, ws="none")
        )
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=_serve, args=(loop, server, listening))
        thread.start()
        try:
            started = threading.Event()
            for _ in range(START_TIMEOUT_S * 20):
                if server.started or not thread.is_alive():
                    break
                started.wait(0.05)
            assert server.started, "the service did not start"
            host, port = listening.getsockname()
            served = Served(f"http://{host}:{port}", app, loop)
            app.extensions[LIMITS].per_minute.update(default=MANY, login=MANY)
            yield served
        finally:
            server.should_exit = True
            thread.join(START_TIMEOUT_S)


def _serve(loop: asyncio.AbstractEventLoop, server: uvicorn.Server, listening: socket.socket) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(server.serve(sockets=[listening]))
    finally:
        loop.close()
