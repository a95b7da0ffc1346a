"""Questions put straight to the ASGI door, so that every byte of an answer can be seen."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from quart import Quart

QUERY = "market=simulated&exchange=simex&symbol=BTC/USD&timeframe=1h&limit=5"
SETTLED = f"{QUERY}&since=1763596800000&until=1763614800000"
PATH = "/market/fetch_ohlcv"
# Means nothing to the answer, and is not plain: such a request goes the slow way.
SLOWLY = ("te", "trailers")

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Seen:
    """One answer: its headers in their order, and its body."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def header(self, name: str) -> str | None:
        found = [text.decode() for key, text in self.headers if key == name.encode()]
        return found[0] if found else None


async def ask(app: Quart, query: str = QUERY, headers: Headers = (), **scope: Any) -> Seen:
    sent: list[Any] = []
    asked = iter([{"type": "http.request", "body": b"", "more_body": False}])
    answered = asyncio.Event()

    async def receive() -> Any:
        if question := next(asked, None):
            return question
        # As servers do: who reads on is told so once the answer is out, and Quart 0.23 waits for that.
        await answered.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            answered.set()

    whole = {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "path": PATH,
        "raw_path": PATH.encode(),
        "query_string": query.encode(),
        "http_version": "1.1",
        "headers": [(name.encode(), text.encode()) for name, text in (("host", "localhost"), *headers)],
        "client": ("192.0.2.1", 1),
    }
    await app(whole | scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return Seen(sent[0]["status"], list(sent[0]["headers"]), body)
