"""The server: its clock, its log of calls, its sockets, and the faults of transport."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Self

from aiohttp import web

from tests.exchange.binance import LocalBinance
from tests.exchange.bitstamp import LocalBitstamp
from tests.exchange.coinbase import LocalCoinbase
from tests.exchange.faults import STATUSES, Fault, break_body
from tests.exchange.venue import Answer, LocalVenue

DRIP_PAUSE_S = 0.05
DEADLINE_S = 10.0


@dataclass(frozen=True)
class Call:
    """One request or subscription: ``bitstamp``, ``bars``, the real address, its query."""

    venue: str
    kind: str
    address: str
    query: dict[str, str]


class LocalExchange:
    """Serve all venues on one loopback port; see the package's docstring."""

    def __init__(self, *, time_ms: int) -> None:
        self.time_ms = time_ms
        self.calls: list[Call] = []
        self.bitstamp = LocalBitstamp(self)
        self.binance = LocalBinance(self)
        self.coinbase = LocalCoinbase(self)
        self.endpoint = ""
        self._changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    @property
    def venues(self) -> tuple[LocalVenue, ...]:
        return (self.bitstamp, self.binance, self.coinbase)

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.on_response_prepare.append(self._show_clock)
        for venue in self.venues:
            for host_path, (kind, answer) in venue.rest_routes().items():
                app.router.add_get("/" + host_path, self._rest_handler(venue, kind, answer))
            for host_path in venue.socket_routes():
                app.router.add_get("/" + host_path, self._socket_handler(venue))
        app.router.add_route("*", "/{rest:.*}", self._unknown)
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
        """Stop listening, as an exchange that is switched off; may be called twice."""
        await self.drop_sockets()
        await self._runner.cleanup()

    def calls_of(self, venue: str, kind: str) -> list[Call]:
        """Return the calls of one kind: markets, bars, trades, connect, subscribe, unsubscribe, unknown."""
        return [call for call in self.calls if (call.venue, call.kind) == (venue, kind)]

    def calls_of_unknown(self) -> list[Call]:
        """Return the calls to addresses that no venue has."""
        return [call for call in self.calls if call.kind == "unknown"]

    def venue(self, name: str) -> LocalVenue:
        """Return a venue by its exchange id."""
        return next(venue for venue in self.venues if venue.name == name)

    async def until(self, condition: Any, *, deadline_s: float = DEADLINE_S) -> None:
        """Wait until a function of no arguments holds; it is asked again after whatever happens here."""
        async with asyncio.timeout(deadline_s), self._changed:
            await self._changed.wait_for(condition)

    async def play_until(self, time_ms: int) -> None:
        """Move the clock on and send the held trades on the way to whoever is subscribed."""
        since_ms, self.time_ms = self.time_ms, time_ms
        for venue in self.venues:
            await venue.send_between(since_ms, time_ms)

    async def drop_sockets(self) -> None:
        """Close every WebSocket with 1012, as an exchange does that restarts."""
        for venue in self.venues:
            for socket in venue.take_sockets():
                await socket.close(code=1012, message=b"restart")

    async def note(self, venue: LocalVenue, kind: str, address: str, query: dict[str, str]) -> None:
        """Log a call and wake whoever waits for it."""
        async with self._changed:
            self.calls.append(Call(venue.name, kind, address, query))
            self._changed.notify_all()

    async def _show_clock(self, _: web.Request, response: web.StreamResponse) -> None:
        moment = datetime.fromtimestamp(self.time_ms // 1000, UTC)
        response.headers["Date"] = format_datetime(moment, usegmt=True)

    def _rest_handler(self, venue: LocalVenue, kind: str, answer: Answer) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            await self.note(venue, kind, request.path[1:], dict(request.query))
            fault = venue.fault if kind in venue.fault_kinds else None
            if fault is Fault.HANG:
                await venue.released.wait()
            if fault in STATUSES:
                return self._refuse(venue, STATUSES[fault])
            status, text = answer({**request.match_info, **request.query})
            if fault is Fault.DRIP:
                return await self._drip(request, text)
            if fault is Fault.CUT:
                return await self._cut(request, text)
            body = break_body(fault, text)
            html = "html" if fault is Fault.HTML else "json"
            content_type = "text/html" if html == "html" else "application/json"
            return web.Response(status=status, text=body, content_type=content_type)

        return handle

    def _refuse(self, venue: LocalVenue, status: int) -> web.Response:
        headers = {}
        if status in (418, 429) and venue.retry_after_s is not None:
            headers["Retry-After"] = str(venue.retry_after_s)
        text = venue.refusal(status)
        return web.Response(status=status, text=text, headers=headers, content_type="application/json")

    async def _drip(self, request: web.Request, text: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for character in text:
            await response.write(character.encode())
            await asyncio.sleep(DRIP_PAUSE_S)  # slowness is the fault itself
        return response

    async def _cut(self, request: web.Request, text: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.content_length = len(text)
        await response.prepare(request)
        await response.write(text.encode()[: len(text) // 2])
        request.transport.abort()
        return response

    def _socket_handler(self, venue: LocalVenue) -> Any:
        async def handle(request: web.Request) -> web.WebSocketResponse:
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            await self.note(venue, "connect", request.path[1:], dict(request.query))
            venue.sockets[socket] = set()
            try:
                async for message in socket:
                    await self._answer_socket(venue, socket, message.json())
            finally:
                venue.sockets.pop(socket, None)
                async with self._changed:
                    self._changed.notify_all()
            return socket

        return handle

    async def _answer_socket(self, venue: LocalVenue, socket: web.WebSocketResponse, message: Any) -> None:
        request = venue.read_request(message)
        if venue.mute:
            await self.note(venue, "ignored", venue.name, {})
            return
        for frame in venue.acknowledge(socket, request, message):
            await socket.send_str(frame)
        for channel in request.channels:
            await self.note(venue, request.kind, channel, {})

    async def _unknown(self, request: web.Request) -> web.Response:
        host = request.path[1:].split("/", 1)[0]
        self.calls.append(Call(host, "unknown", request.path[1:], dict(request.query)))
        return web.Response(status=404, text="{}", content_type="application/json")
