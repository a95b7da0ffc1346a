"""Binance spot: bars and trades over REST and WebSocket; a live bar is sent whole with each change."""

from typing import Any

from aiohttp import web

from tests.exchange.fold import HeldTrade, Row, fold
from tests.exchange.markets import BINANCE_EXCHANGE_INFO
from tests.exchange.venue import Answer, Clock, LocalVenue, SocketRequest, encode

MINUTE_MS = 60_000
INTERVALS_MS = {
    "1s": 1_000,
    "1m": MINUTE_MS,
    "3m": 3 * MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": 60 * MINUTE_MS,
    "2h": 120 * MINUTE_MS,
    "4h": 240 * MINUTE_MS,
    "6h": 360 * MINUTE_MS,
    "8h": 480 * MINUTE_MS,
    "12h": 720 * MINUTE_MS,
    "1d": 1440 * MINUTE_MS,
}


class LocalBinance(LocalVenue):
    """Serve api.binance.com and stream.binance.com."""

    name = "binance"

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.market_list: dict[str, Any] = dict(BINANCE_EXCHANGE_INFO)

    def rest_routes(self) -> dict[str, tuple[str, Answer]]:
        api = "api.binance.com/api/v3"
        return {
            f"{api}/exchangeInfo": ("markets", lambda _: (200, encode(self.market_list))),
            f"{api}/klines": ("bars", self._klines),
            f"{api}/trades": ("trades", self._recent_trades),
        }

    def socket_routes(self) -> tuple[str, ...]:
        return ("stream.binance.com:9443/ws/{stream}",)

    def read_request(self, message: Any) -> SocketRequest:
        return SocketRequest(message["method"].lower(), tuple(message["params"]))

    def acknowledge(self, socket: web.WebSocketResponse, request: SocketRequest, message: Any) -> list[str]:
        if request.kind == "subscribe":
            self.sockets[socket].update(request.channels)
        else:
            self.sockets[socket].difference_update(request.channels)
        return [encode({"result": None, "id": message["id"]})]

    def trade_channel(self, symbol: str) -> str:
        return f"{self._code(symbol).lower()}@trade"

    def bar_channel(self, symbol: str, interval: str) -> str:
        """Return the channel of a symbol's live bars."""
        return f"{self._code(symbol).lower()}@kline_{interval}"

    def trade_frames(self, symbol: str, trades: list[HeldTrade]) -> dict[str, list[str]]:
        code = self._code(symbol)
        frames = {self.trade_channel(symbol): [encode(self._trade_event(code, trade)) for trade in trades]}
        for interval, length_ms in INTERVALS_MS.items():
            channel = self.bar_channel(symbol, interval)
            if self.listeners(channel):
                frames[channel] = self._bar_events(symbol, interval, length_ms, trades[0].time_ms)
        return frames

    def refusal(self, status: int) -> str:
        if status in (418, 429):
            return encode(
                {"code": -1003, "msg": "Too much request weight used; please use WebSocket streams."}
            )
        return encode({"code": 0, "msg": "Service unavailable from a restricted location"})

    def _trade_event(self, code: str, trade: HeldTrade) -> dict[str, Any]:
        return {
            "e": "trade",
            "E": trade.time_ms + 1,
            "s": code,
            "t": trade.id,
            "p": trade.price,
            "q": trade.amount,
            "T": trade.time_ms,
            "m": bool(trade.id % 2),
            "M": True,
        }

    # One event for each bar the new trades fell into, as it is after them; all but the newest are over.
    def _bar_events(self, symbol: str, interval: str, length_ms: int, since_ms: int) -> list[str]:
        first_ms = since_ms - since_ms % length_ms
        rows = fold((trade for trade in self.trades(symbol) if trade.time_ms >= first_ms), length_ms)
        return [
            encode(self._bar_event(self._code(symbol), interval, length_ms, row, over=row is not rows[-1]))
            for row in rows
        ]

    def _bar_event(self, code: str, interval: str, length_ms: int, row: Row, *, over: bool) -> dict[str, Any]:
        return {
            "e": "kline",
            "E": self.clock.time_ms,
            "s": code,
            "k": {
                "t": row.open_time_ms,
                "T": row.open_time_ms + length_ms - 1,
                "s": code,
                "i": interval,
                "f": 1,
                "L": 2,
                "o": row.open,
                "c": row.close,
                "h": row.high,
                "l": row.low,
                "v": row.volume,
                "n": 2,
                "x": over,
                "q": "0",
                "V": "0",
                "Q": "0",
                "B": "0",
            },
        }

    def _klines(self, asked: dict[str, str]) -> tuple[int, str]:
        symbol = self._symbol(asked["symbol"])
        length_ms = INTERVALS_MS.get(asked["interval"])
        if symbol is None:
            return 400, encode({"code": -1121, "msg": "Invalid symbol."})
        if length_ms is None:
            return 400, encode({"code": -1120, "msg": "Invalid interval."})
        rows = self.rows(
            symbol,
            length_ms,
            start_ms=int(asked["startTime"]) if "startTime" in asked else None,
            end_ms=int(asked["endTime"]) if "endTime" in asked else None,
            limit=min(int(asked.get("limit", 500)), 1000),
        )
        tail = ["0", 2, "0", "0", "0"]
        return 200, encode([[*row, (row.open_time_ms or 0) + length_ms - 1, *tail] for row in rows])

    def _recent_trades(self, asked: dict[str, str]) -> tuple[int, str]:
        recent = self.trades(self._symbol(asked["symbol"]) or "")[-int(asked.get("limit", 500)) :]
        return 200, encode(
            [
                {
                    "id": trade.id,
                    "price": trade.price,
                    "qty": trade.amount,
                    "quoteQty": "0",
                    "time": trade.time_ms,
                    "isBuyerMaker": bool(trade.id % 2),
                    "isBestMatch": True,
                }
                for trade in recent
            ]
        )

    def _code(self, symbol: str) -> str:
        return symbol.replace("/", "")

    def _symbol(self, code: str) -> str | None:
        for listed in self.market_list["symbols"]:
            if listed["symbol"] == code:
                return f"{listed['baseAsset']}/{listed['quoteAsset']}"
        return None
