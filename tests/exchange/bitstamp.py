"""Bitstamp: bars over REST only, live trades one a frame; past trades are stamped to the second."""

from typing import Any

from aiohttp import web

from tests.exchange.fold import HeldTrade
from tests.exchange.markets import BITSTAMP_MARKETS
from tests.exchange.venue import Answer, Clock, LocalVenue, SocketRequest, encode, seconds

STEPS_S = frozenset({60, 180, 300, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 259200})
WINDOWS_S = {"minute": 60, "hour": 3600, "day": 86400}


class LocalBitstamp(LocalVenue):
    """Serve www.bitstamp.net and ws.bitstamp.net."""

    name = "bitstamp"

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.market_list: list[dict[str, Any]] = list(BITSTAMP_MARKETS)

    def rest_routes(self) -> dict[str, tuple[str, Answer]]:
        api = "www.bitstamp.net/api/v2"
        return {
            f"{api}/markets/": ("markets", lambda _: (200, encode(self.market_list))),
            f"{api}/ohlc/{{pair}}/": ("bars", self._ohlc),
            f"{api}/transactions/{{pair}}/": ("trades", self._transactions),
        }

    def socket_routes(self) -> tuple[str, ...]:
        return ("ws.bitstamp.net",)

    def read_request(self, message: Any) -> SocketRequest:
        return SocketRequest(message["event"].removeprefix("bts:"), (message["data"]["channel"],))

    def acknowledge(self, socket: web.WebSocketResponse, request: SocketRequest, _: Any) -> list[str]:
        channel = request.channels[0]
        if request.kind == "subscribe":
            self.sockets[socket].add(channel)
            event = "bts:subscription_succeeded"
        else:
            self.sockets[socket].discard(channel)
            event = "bts:unsubscription_succeeded"
        return [encode({"event": event, "channel": channel, "data": {}})]

    def trade_channel(self, symbol: str) -> str:
        return f"live_trades_{self._code(symbol)}"

    def trade_frames(self, symbol: str, trades: list[HeldTrade]) -> dict[str, list[str]]:
        channel = self.trade_channel(symbol)
        return {channel: [encode(self._frame(channel, trade)) for trade in trades]}

    def refusal(self, status: int) -> str:
        return encode({"code": f"{status}.001", "reason": "refused", "status": "error"})

    def _frame(self, channel: str, trade: HeldTrade) -> dict[str, Any]:
        return {
            "data": {
                "id": trade.id,
                "timestamp": str(trade.time_ms // 1000),
                "amount": float(trade.amount),
                "amount_str": trade.amount,
                "price": float(trade.price),
                "price_str": trade.price,
                "type": trade.id % 2,
                "microtimestamp": str(trade.time_ms * 1000),
                "buy_order_id": 1443875737346049,
                "sell_order_id": 1443875731320832,
            },
            "channel": channel,
            "event": "trade",
        }

    def _ohlc(self, asked: dict[str, str]) -> tuple[int, str]:
        symbol = self._symbol(asked["pair"])
        step_s, limit = int(asked["step"]), int(asked["limit"])
        if symbol is None:
            return 404, encode({"code": "404.002", "message": "Not Found"})
        if step_s not in STEPS_S or not 1 <= limit <= 1000:
            return 400, encode({"code": "400.000", "message": "Bad request"})
        rows = self.rows(
            symbol,
            step_s * 1000,
            start_ms=int(asked["start"]) * 1000 if "start" in asked else None,
            end_ms=int(asked["end"]) * 1000 if "end" in asked else None,
            limit=limit,
        )
        names = ("timestamp", "open", "high", "low", "close", "volume")
        texts = [dict(zip(names, (seconds(row.open_time_ms), *row[1:]), strict=True)) for row in rows]
        return 200, encode({"data": {"pair": symbol, "ohlc": texts}})

    def _transactions(self, asked: dict[str, str]) -> tuple[int, str]:
        symbol = self._symbol(asked["pair"])
        since_ms = self.clock.time_ms - WINDOWS_S[asked.get("time", "hour")] * 1000
        recent = [trade for trade in self.trades(symbol or "") if trade.time_ms >= since_ms]
        newest_first = [
            {
                "date": str(trade.time_ms // 1000),
                "tid": str(trade.id),
                "amount": trade.amount,
                "type": str(trade.id % 2),
                "price": trade.price,
            }
            for trade in reversed(recent)
        ]
        return 200, encode(newest_first)

    def _code(self, symbol: str) -> str:
        return next(market["market_symbol"] for market in self.market_list if market["name"] == symbol)

    def _symbol(self, code: str) -> str | None:
        named = (market["name"] for market in self.market_list if market["market_symbol"] == code)
        return next(named, None)
