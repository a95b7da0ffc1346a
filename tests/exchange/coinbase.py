"""Coinbase Advanced: bars over REST, newest first; live trades many a frame, after a snapshot of the last."""

from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from tests.exchange.fold import HeldTrade
from tests.exchange.markets import COINBASE_PRODUCTS
from tests.exchange.venue import Answer, Clock, LocalVenue, SocketRequest, encode, seconds

GRANULARITIES_S = {
    "ONE_MINUTE": 60,
    "FIVE_MINUTE": 300,
    "FIFTEEN_MINUTE": 900,
    "THIRTY_MINUTE": 1800,
    "ONE_HOUR": 3600,
    "TWO_HOUR": 7200,
    "SIX_HOUR": 21600,
    "ONE_DAY": 86400,
}
CANDLES_MAX = 350
SNAPSHOT_TRADES = 20


class LocalCoinbase(LocalVenue):
    """Serve api.coinbase.com and advanced-trade-ws.coinbase.com."""

    name = "coinbase"

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.market_list: list[dict[str, Any]] = list(COINBASE_PRODUCTS)

    def rest_routes(self) -> dict[str, tuple[str, Answer]]:
        market = "api.coinbase.com/api/v3/brokerage/market/products"
        listing = "api.coinbase.com/v2"
        return {
            market: ("markets", self._products),
            f"{market}/{{product}}/candles": ("bars", self._candles),
            f"{market}/{{product}}/ticker": ("trades", self._ticker),
            f"{listing}/currencies": (
                "currencies",
                lambda _: (200, '{"data":[{"id":"USD","name":"United States Dollar","min_size":"0.01"}]}'),
            ),
            f"{listing}/currencies/crypto": (
                "currencies",
                lambda _: (200, '{"data":[{"code":"BTC","name":"Bitcoin","exponent":8,"type":"crypto"}]}'),
            ),
            f"{listing}/exchange-rates": (
                "currencies",
                lambda _: (200, '{"data":{"currency":"USD","rates":{"BTC":"0.00001"}}}'),
            ),
        }

    def socket_routes(self) -> tuple[str, ...]:
        return ("advanced-trade-ws.coinbase.com",)

    def read_request(self, message: Any) -> SocketRequest:
        channels = tuple(f"{message['channel']}:{product}" for product in message["product_ids"])
        return SocketRequest(message["type"], channels)

    def acknowledge(self, socket: web.WebSocketResponse, request: SocketRequest, message: Any) -> list[str]:
        listening = self.sockets[socket]
        frames = []
        if request.kind == "subscribe":
            listening.update(request.channels)
            frames = [self._snapshot(product) for product in message["product_ids"]]
        else:
            listening.difference_update(request.channels)
        by_channel: dict[str, list[str]] = {}
        for name, product in (each.split(":") for each in sorted(listening)):
            by_channel.setdefault(name, []).append(product)
        frames.append(self._envelope("subscriptions", [{"subscriptions": by_channel}]))
        return frames

    def trade_channel(self, symbol: str) -> str:
        return f"market_trades:{self._code(symbol)}"

    def trade_frames(self, symbol: str, trades: list[HeldTrade]) -> dict[str, list[str]]:
        event = {"type": "update", "trades": self._newest_first(self._code(symbol), trades)}
        return {self.trade_channel(symbol): [self._envelope("market_trades", [event])]}

    def refusal(self, status: int) -> str:
        return encode({"error": "refused", "message": f"status {status}"})

    def _snapshot(self, product: str) -> str:
        last = self.trades(product.replace("-", "/"))[-SNAPSHOT_TRADES:]
        event = {"type": "snapshot", "trades": self._newest_first(product, last)}
        return self._envelope("market_trades", [event])

    def _envelope(self, channel: str, events: list[dict[str, Any]]) -> str:
        stamp = _iso(self.clock.time_ms)
        return encode(
            {"channel": channel, "client_id": "", "timestamp": stamp, "sequence_num": 0, "events": events}
        )

    def _newest_first(self, product: str, trades: list[HeldTrade]) -> list[dict[str, str]]:
        return [
            {
                "trade_id": str(trade.id),
                "product_id": product,
                "price": trade.price,
                "size": trade.amount,
                "time": _iso(trade.time_ms),
                "side": "BUY" if trade.id % 2 else "SELL",
            }
            for trade in reversed(trades)
        ]

    def _products(self, asked: dict[str, str]) -> tuple[int, str]:
        kind = asked.get("product_type", "SPOT")
        listed = [product for product in self.market_list if product["product_type"] == kind]
        return 200, encode({"products": listed, "num_products": len(listed)})

    def _candles(self, asked: dict[str, str]) -> tuple[int, str]:
        step_s = GRANULARITIES_S[asked["granularity"]]
        start_s, end_s = int(asked["start"]), int(asked["end"])
        if (end_s - start_s) // step_s > CANDLES_MAX:
            return 400, encode({"error": "INVALID_ARGUMENT", "message": "too many candles asked for"})
        rows = self.rows(
            asked["product"].replace("-", "/"),
            step_s * 1000,
            start_ms=start_s * 1000,
            end_ms=end_s * 1000,
            limit=CANDLES_MAX,
        )
        names = ("start", "open", "high", "low", "close", "volume")
        texts = [dict(zip(names, (seconds(row.open_time_ms), *row[1:]), strict=True)) for row in rows]
        return 200, encode({"candles": texts[::-1]})

    def _ticker(self, asked: dict[str, str]) -> tuple[int, str]:
        product = asked["product"]
        recent = self.trades(product.replace("-", "/"))[-int(asked.get("limit", 100)) :]
        trades = self._newest_first(product, recent)
        return 200, encode({"trades": trades, "best_bid": "", "best_ask": ""})

    def _code(self, symbol: str) -> str:
        return symbol.replace("/", "-")


def _iso(time_ms: int) -> str:
    moment = datetime.fromtimestamp(time_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ms % 1000:03d}Z"
