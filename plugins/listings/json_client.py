"""Questions to one provider by HTTP: each has a deadline, each answer is bounded and read as JSON.

It knows no provider: what an answer means is for the provider's own module to say.
"""

import asyncio
import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from yarl import URL

from plugins.crypto_answers import Answer
from plugins.crypto_session import make_tls_context, route
from plugins.listings import failures
from utils.version import VERSION

# A page of 250 coins is about 250 KB.
ANSWER_BYTES_MAX = 5 * 1024 * 1024
READ_BYTES = 64 * 1024
CALL_TIMEOUT_S = 8.0
# Half a megabyte of JSON takes some milliseconds to read: longer ones leave the event loop.
INLINE_BYTES = 500_000


# Made once for all providers.
_tls_context = functools.cache(make_tls_context)

# What no JSON can be.
NOT_JSON = object()


@dataclass(frozen=True, slots=True)
class JsonAnswer:
    """Hold a status, how long the provider asked us to wait, and the body as JSON, NOT_JSON if it is none.

    NaN, which JSON does not have, is left in as a float for whoever reads the field.
    """

    status: int
    retry_after_s: float | None
    body: object


class JsonClient:
    """Ask one provider; failures of transport leave as errors of ours, answers of any status as they are."""

    def __init__(self, title: str, *, endpoint: str, timeout_s: float) -> None:
        self._title = title
        self._endpoint = endpoint
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Get ready to ask; needs no network."""
        tls = await asyncio.to_thread(_tls_context)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls, limit=4),
            headers={"Accept": "application/json", "User-Agent": f"AccessibleTrader/{VERSION}"},
            # The deadline below counts the waiting for a connection too.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def close(self) -> None:
        """Let go of every connection."""
        if self._session is not None:
            await self._session.close()

    async def get(
        self, address: str, query: Mapping[str, str], *, headers: Mapping[str, str] | None = None
    ) -> JsonAnswer:
        """Return the answer to a question. Raises: UpstreamDown, UpstreamTimeout, UpstreamGarbage."""
        assert self._session is not None, "open the client first"
        where = route(self._endpoint, address) if self._endpoint else address
        try:
            async with asyncio.timeout(self._timeout_s):
                # Nobody is followed elsewhere: the key goes to its provider only.
                async with self._session.get(
                    URL(where, encoded=True), params=query, headers=headers, allow_redirects=False
                ) as response:
                    body = await self._read(response)
                return await _answer(response, body)
        # The causes are left out: aiohttp's carry the headers of the request, and with them the key.
        except TimeoutError:
            raise failures.timed_out(self._title) from None
        except (aiohttp.ClientError, OSError):
            raise failures.away(self._title) from None
        except ValueError:
            # An address or a header that cannot be sent, or an encoding that cannot be read.
            raise failures.garbage(self._title) from None

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_chunked(READ_BYTES):
            body += chunk
            if len(body) > ANSWER_BYTES_MAX:
                response.close()
                raise failures.too_long(self._title, ANSWER_BYTES_MAX)
        return bytes(body)


async def _answer(response: aiohttp.ClientResponse, body: bytes) -> JsonAnswer:
    headers = {name.lower(): text for name, text in response.headers.items()}
    waits = Answer(strict=True, status=response.status, headers=headers)
    read = read_json(body) if len(body) <= INLINE_BYTES else await asyncio.to_thread(read_json, body)
    return JsonAnswer(response.status, waits.retry_after_s, read)


def read_json(body: bytes) -> object:
    """Return the JSON of a body, NOT_JSON when it is something else."""
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError):
        return NOT_JSON
    return value
