"""The HTTP session of one ccxt client: where its requests go, and how much of an answer is read."""

import ssl
from collections.abc import Mapping
from typing import Any

import aiohttp
import certifi
from yarl import URL

from plugins.crypto_answers import current_answer
from utils.errors import UpstreamGarbage

# A page of bars is far below this; a market list of the largest exchange is about 20 MB.
ANSWER_BYTES_MAX = 5 * 1024 * 1024
LIST_BYTES_MAX = 64 * 1024 * 1024
READ_BYTES = 64 * 1024


class BoundedResponse(aiohttp.ClientResponse):
    """Read an answer up to a bound, so that no exchange can fill our memory."""

    async def read(self) -> bytes:
        """Return the body. Raises: UpstreamGarbage when it is longer than the bound."""
        if self._body is not None:
            return self._body
        answer = current_answer()
        limit = ANSWER_BYTES_MAX if answer is not None and answer.strict else LIST_BYTES_MAX
        body = bytearray()
        async for chunk in self.content.iter_chunked(READ_BYTES):
            body += chunk
            if len(body) > limit:
                self.close()
                raise UpstreamGarbage(
                    f"{self.url.host} sent an answer of more than {limit} bytes. Try again later.",
                    retry_after_s=60,
                )
        self._body = bytes(body)
        return self._body


class RoutedSession:
    """Send every request of a session to one endpoint instead, WebSockets included.

    It sits below ccxt, so that addresses an exchange hands out at run time are covered too.
    """

    def __init__(self, session: aiohttp.ClientSession, endpoint: str) -> None:
        self._session = session
        self._endpoint = endpoint

    # ccxt decides about the options; they are passed on as they come.
    def get(self, address: str | URL, **options: Any) -> Any:
        """Send a GET request to the endpoint."""
        return self._session.get(self._route(address), **options)

    def post(self, address: str | URL, **options: Any) -> Any:
        """Send a POST request to the endpoint."""
        return self._session.post(self._route(address), **options)

    def ws_connect(self, address: str | URL, **options: Any) -> Any:
        """Open a WebSocket to the endpoint."""
        return self._session.ws_connect(self._route(address), **options)

    @property
    def cookie_jar(self) -> aiohttp.abc.AbstractCookieJar:
        """Return the cookies of the session."""
        return self._session.cookie_jar

    @property
    def headers(self) -> Mapping[str, str]:
        """Return the headers every request carries."""
        return self._session.headers

    async def close(self) -> None:
        """Close the session."""
        await self._session.close()

    def _route(self, address: str | URL) -> URL:
        return URL(route(self._endpoint, str(address)), encoded=True)


def route(endpoint: str, address: str) -> str:
    """Return the address at the endpoint; the real host becomes the first path segment.

    ``https://www.bitstamp.net/api/v2/`` at ``http://127.0.0.1:9911`` is
    ``http://127.0.0.1:9911/www.bitstamp.net/api/v2/``; ``wss`` becomes ``ws`` there, and stays ``wss`` at an
    endpoint with TLS.
    """
    scheme, _, rest = address.partition("://")
    endpoint_scheme, _, base = endpoint.rstrip("/").partition("://")
    if scheme in ("ws", "wss"):
        endpoint_scheme = "wss" if endpoint_scheme == "https" else "ws"
    return f"{endpoint_scheme}://{base}/{rest}"


def open_session(endpoint: str, tls: ssl.SSLContext) -> "aiohttp.ClientSession | RoutedSession":
    """Open a session for one exchange; an empty endpoint means the real addresses."""
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=tls, limit=16), response_class=BoundedResponse
    )
    return RoutedSession(session, endpoint) if endpoint else session


def make_tls_context() -> ssl.SSLContext:
    """Return the certificate authorities that ccxt ships with; about 20 ms, so once for all exchanges."""
    return ssl.create_default_context(cafile=certifi.where())
