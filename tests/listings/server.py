"""The server: what it was asked, what it says, and the faults of transport."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import orjson
from aiohttp import web

from tests.listings.held import (
    HeldCoin,
    coingecko_chart,
    coingecko_coin,
    coingecko_listed,
    coinmarketcap_about,
    coinmarketcap_coin,
    coinmarketcap_status,
    held_coins,
)

DEADLINE_S = 10.0
COINGECKO_HOSTS = ("api.coingecko.com", "pro-api.coingecko.com")
COINMARKETCAP_HOST = "pro-api.coinmarketcap.com"


@dataclass(frozen=True)
class Call:
    """One question: ``api.coingecko.com``, ``coins/markets``, its query, its headers in lower case."""

    host: str
    path: str
    query: dict[str, str]
    headers: dict[str, str] = field(repr=False)


@dataclass(frozen=True)
class Reply:
    """What is said in place of the honest answer; ``cut`` ends the connection in the middle of it."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    hang: bool = False

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else orjson.dumps(self.body)


NOT_FOUND = Reply({"error": "coin not found"}, 404)


class LocalListings:
    """Serve both providers on one loopback port; see the package's docstring.

    ``say`` may give a reply to a call in place of the honest one, by returning it.
    """

    def __init__(self, coins: tuple[HeldCoin, ...] = held_coins(600)) -> None:
        self.coins = coins
        self.calls: list[Call] = []
        self.say: Callable[[Call], Reply | None] = lambda _: None
        self.endpoint = ""
        self._asked = asyncio.Condition()
        self._released = asyncio.Event()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/{host}/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.endpoint = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Stop listening; may be called twice."""
        self._released.set()
        await self._runner.cleanup()

    async def until_asked(self, count: int) -> None:
        """Wait until so many questions were put in all."""
        async with asyncio.timeout(DEADLINE_S), self._asked:
            await self._asked.wait_for(lambda: len(self.calls) >= count)

    def always(self, reply: Reply) -> None:
        """Say the same to everything."""
        self.say = lambda _: reply

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): text for name, text in request.headers.items()}
        path = request.match_info["path"].removeprefix("api/v3/")
        call = Call(request.match_info["host"], path, dict(request.query), headers)
        async with self._asked:
            self.calls.append(call)
            self._asked.notify_all()
        reply = self.say(call) or self._honest(call)
        if reply.hang:
            await self._released.wait()
        headers = {"Content-Type": "application/json", **reply.headers}
        if not reply.cut:
            return web.Response(status=reply.status, body=reply.content, headers=headers)
        response = web.StreamResponse(status=reply.status, headers=headers)
        response.content_length = len(reply.content)
        await response.prepare(request)
        await response.write(reply.content[: len(reply.content) // 2])
        request.transport.abort()
        return response

    def _honest(self, call: Call) -> Reply:
        if call.host in COINGECKO_HOSTS:
            return self._coingecko(call)
        assert call.host == COINMARKETCAP_HOST, call
        return self._coinmarketcap(call)

    def _coingecko(self, call: Call) -> Reply:
        if call.path == "coins/markets":
            count, page = int(call.query["per_page"]), int(call.query["page"])
            found = self.coins[count * (page - 1) : count * page]
            return Reply([coingecko_listed(coin) for coin in found])
        _, coin_id, *part = call.path.split("/")
        coin = next((coin for coin in self.coins if coin.coin_id == coin_id), None)
        if coin is None:
            return NOT_FOUND
        return Reply(coingecko_chart(coin, int(call.query["days"])) if part else coingecko_coin(coin))

    def _coinmarketcap(self, call: Call) -> Reply:
        if call.path == "v1/cryptocurrency/listings/latest":
            start, limit = int(call.query["start"]), int(call.query["limit"])
            found = self.coins[start - 1 : start - 1 + limit]
            data: Any = [coinmarketcap_coin(coin) for coin in found]
            return Reply({"status": coinmarketcap_status(), "data": data})
        shape = {
            "v2/cryptocurrency/quotes/latest": coinmarketcap_coin,
            "v2/cryptocurrency/info": coinmarketcap_about,
        }[call.path]
        coin = next((coin for coin in self.coins if str(coin.number) == call.query["id"]), None)
        if coin is None:
            message = f'Invalid value for "id": "{call.query["id"]}"'
            return Reply({"status": coinmarketcap_status(400, message)}, 400)
        return Reply({"status": coinmarketcap_status(), "data": {str(coin.number): shape(coin)}})
