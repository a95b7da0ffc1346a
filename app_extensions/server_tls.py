"""The two servers, each with a certificate that may change while they serve, and a bound on its handshake."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator

import hypercorn
import uvicorn

from app_extensions.certificate import HANDSHAKE_TIMEOUT_S, Certificate


class HypercornSettings(hypercorn.Config):
    """Hypercorn's settings, with a certificate in the place of its two files."""

    def __init__(self, certificate: Certificate | None) -> None:
        super().__init__()
        self._certificate = certificate
        self.ssl_handshake_timeout = HANDSHAKE_TIMEOUT_S

    @property
    def ssl_enabled(self) -> bool:
        """Tell whether the listening socket speaks TLS."""
        return self._certificate is not None

    def create_ssl_context(self) -> ssl.SSLContext | None:
        """Return what the listening socket speaks TLS with."""
        return self._certificate.context() if self._certificate else None


class QuietUvicorn(uvicorn.Server):
    """A uvicorn that leaves the signals to us and says when it serves."""

    def __init__(
        self,
        settings: uvicorn.Config,
        announce_ready: Callable[[], None],
        certificate: Certificate | None,
    ) -> None:
        super().__init__(settings)
        self._announce_ready = announce_ready
        self._certificate = certificate

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve, and say so."""
        if self._certificate is None:
            await super().startup(sockets)
        else:
            await self._startup_with(self._certificate, sockets or [])
        self._announce_ready()

    async def _startup_with(self, certificate: Certificate, sockets: list[socket.socket]) -> None:
        # Uvicorn itself leaves a minute to a client that connects and never shakes hands.
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            raise SystemExit(1)
        loop = asyncio.get_running_loop()

        def connection() -> asyncio.Protocol:
            return self.config.http_protocol_class(  # type: ignore[call-arg]
                config=self.config, server_state=self.server_state, app_state=self.lifespan.state
            )

        self.servers = [
            await loop.create_server(
                connection,
                sock=listener,
                ssl=certificate.context(),
                ssl_handshake_timeout=HANDSHAKE_TIMEOUT_S,
                backlog=self.config.backlog,
            )
            for listener in sockets
        ]
        self.started = True
