"""What the venues share: the trades and bars they hold, and who is subscribed to what."""

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
from aiohttp import web

from tests.exchange.faults import Fault, break_rows
from tests.exchange.fold import HeldTrade, Row, fold

# An answer of REST, from the path's and the query's parameters: a status and a body.
Answer = Callable[[dict[str, str]], tuple[int, str]]


class Clock(Protocol):
    time_ms: int

    async def until(self, condition: Any, *, deadline_s: float = ...) -> None: ...


@dataclass(frozen=True)
class SocketRequest:
    """A subscribe or unsubscribe message, read: its kind and the channels it names."""

    kind: str
    channels: tuple[str, ...]


class LocalVenue:
    """Hold trades by symbol and serve them; the subclasses say it in the venue's own shape."""

    name: str

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.fault: Fault | None = None
        self.fault_kinds: tuple[str, ...] = ("bars",)
        self.retry_after_s: float | str | None = 7
        # What hangs goes on when this is set.
        self.released = asyncio.Event()
        # A mute venue takes subscriptions and says nothing.
        self.mute = False
        self.sockets: dict[web.WebSocketResponse, set[str]] = {}
        self._trades: dict[str, list[HeldTrade]] = {}
        self._bars: dict[tuple[str, int], list[Row]] = {}

    def rest_routes(self) -> dict[str, tuple[str, Answer]]:
        """Return the kind of call and the answer for each ``host/path``."""
        raise NotImplementedError

    def socket_routes(self) -> tuple[str, ...]:
        """Return each ``host/path`` that is a WebSocket."""
        raise NotImplementedError

    def read_request(self, message: Any) -> SocketRequest:
        raise NotImplementedError

    def acknowledge(self, socket: web.WebSocketResponse, request: SocketRequest, message: Any) -> list[str]:
        """Subscribe or unsubscribe the socket, and return the frames that say so."""
        raise NotImplementedError

    def trade_frames(self, symbol: str, trades: list[HeldTrade]) -> dict[str, list[str]]:
        """Return the frames that tell of new trades, by channel."""
        raise NotImplementedError

    def trade_channel(self, symbol: str) -> str:
        """Return the channel of a symbol's trades."""
        raise NotImplementedError

    def refusal(self, status: int) -> str:
        """Return the body that goes with a status of failure."""
        return orjson.dumps({"error": status}).decode()

    def hold_trades(self, symbol: str, trades: Iterable[HeldTrade]) -> None:
        """Add trades, seen once the clock has passed them."""
        held = {trade.id: trade for trade in (*self._trades.get(symbol, ()), *trades)}
        self._trades[symbol] = sorted(held.values(), key=lambda trade: (trade.time_ms, trade.id))

    def hold_bars(self, symbol: str, length_ms: int, rows: Iterable[Row]) -> None:
        """Serve these bars of a length in place of folded trades."""
        self._bars[symbol, length_ms] = sorted(rows)

    def trades(self, symbol: str) -> list[HeldTrade]:
        """Return the trades up to the clock, oldest first."""
        held = self._trades.get(symbol, [])
        return held[: bisect_right(held, self.clock.time_ms, key=lambda trade: trade.time_ms)]

    def rows(
        self, symbol: str, length_ms: int, *, start_ms: int | None, end_ms: int | None, limit: int
    ) -> list[Row]:
        """Return the bars that open between two instants, both included: the first ones, or the last.

        Without a start, and only then, the last ``limit`` are meant.
        """
        held = self._bars.get((symbol, length_ms))
        if held is None:
            held = fold(self.trades(symbol), length_ms)
        upper_ms = self.clock.time_ms if end_ms is None else min(end_ms, self.clock.time_ms)
        inside = [row for row in held if (start_ms or 0) <= row.open_time_ms <= upper_ms]
        chosen = inside[-limit:] if start_ms is None else inside[:limit]
        return break_rows(self.fault if "bars" in self.fault_kinds else None, chosen, length_ms)

    async def push_trades(self, symbol: str, trades: Iterable[HeldTrade]) -> None:
        """Hold trades and send them to whoever is subscribed; the clock moves to the last of them."""
        trades = list(trades)
        self.hold_trades(symbol, trades)
        self.clock.time_ms = max([self.clock.time_ms, *(trade.time_ms for trade in trades)])
        await self._send(symbol, trades)

    async def send_between(self, after_ms: int, until_ms: int) -> None:
        """Send the held trades of a stretch of time, the second instant included."""
        for symbol in self._trades:
            fresh = [trade for trade in self.trades(symbol) if after_ms < trade.time_ms <= until_ms]
            await self._send(symbol, fresh)

    async def send_text(self, text: str) -> None:
        """Send the same text to every socket, for frames that are recorded or broken."""
        for socket in list(self.sockets):
            await socket.send_str(text)

    async def until_subscribed(self, symbol: str, *, sockets: int = 1) -> None:
        """Wait until this many sockets listen to the trades of a symbol."""
        await self.until_channel(self.trade_channel(symbol), sockets=sockets)

    async def until_channel(self, channel: str, *, sockets: int = 1) -> None:
        """Wait until exactly this many sockets listen to a channel."""
        await self.clock.until(lambda: len(self.listeners(channel)) == sockets)

    def listeners(self, channel: str) -> list[web.WebSocketResponse]:
        """Return the sockets that listen to a channel."""
        return [socket for socket, channels in self.sockets.items() if channel in channels]

    def take_sockets(self) -> list[web.WebSocketResponse]:
        """Return every socket and forget it."""
        sockets = list(self.sockets)
        self.sockets.clear()
        return sockets

    async def _send(self, symbol: str, trades: list[HeldTrade]) -> None:
        if not trades:
            return
        for channel, frames in self.trade_frames(symbol, trades).items():
            for socket in self.listeners(channel):
                for frame in frames:
                    await socket.send_str(frame)


def encode(value: Any) -> str:
    return orjson.dumps(value).decode()


def seconds(time_ms: int | None) -> str | None:
    """Return a time as the venues that count in seconds write it; a fault may have taken it."""
    return None if time_ms is None else str(time_ms // 1000)
