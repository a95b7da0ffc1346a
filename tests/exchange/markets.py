"""Small market lists, written for these tests in the shape that each exchange documents.

Bitstamp: GET /api/v2/markets/. Binance: GET /api/v3/exchangeInfo. Coinbase: GET
/api/v3/brokerage/market/products. Read in the exchanges' documentation on 2026-11-21, by way of ccxt 4.5.90.
"""

from typing import Any

from tests.exchange.fold import HeldTrade

NAMES = {
    "BTC": "Bitcoin",
    "ETH": "Ethereum",
    "USD": "U.S. dollar",
    "USDT": "Tether",
    "BONK": "BONK",
}


def bitstamp_market(
    base: str, quote: str, *, price_decimals: int, trading: str = "Enabled"
) -> dict[str, Any]:
    return {
        "name": f"{base}/{quote}",
        "market_symbol": f"{base}{quote}".lower(),
        "base_currency": base,
        "base_decimals": 8,
        "counter_currency": quote,
        "counter_decimals": price_decimals,
        "minimum_order_value": "10",
        "trading": trading,
        "instant_order_counter_decimals": price_decimals,
        "instant_and_market_orders": trading,
        "description": f"{NAMES.get(base, base)} / {NAMES.get(quote, quote)}",
        "market_type": "SPOT",
    }


BITSTAMP_MARKETS = [
    bitstamp_market("BTC", "USD", price_decimals=0),
    bitstamp_market("ETH", "USD", price_decimals=1),
    bitstamp_market("ETH", "BTC", price_decimals=8),
    bitstamp_market("BONK", "USD", price_decimals=8, trading="Disabled"),
    bitstamp_market("BTC", "USD", price_decimals=0)
    | {
        "name": "BTC/USD-PERP",
        "market_symbol": "btcusd-perp",
        "market_type": "PERPETUAL",
        "payoff_type": "Linear",
        "contract_size": "1.00000000",
        "description": "Bitcoin / U.S. dollar Perpetual",
    },
]


def binance_symbol(base: str, quote: str, *, tick: str, step: str = "0.00001000") -> dict[str, Any]:
    return {
        "symbol": base + quote,
        "status": "TRADING",
        "baseAsset": base,
        "baseAssetPrecision": 8,
        "quoteAsset": quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "orderTypes": ["LIMIT", "MARKET"],
        "icebergAllowed": True,
        "ocoAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000.00", "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": step, "maxQty": "9000.00000000", "stepSize": step},
            {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True},
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
    }


BINANCE_EXCHANGE_INFO = {
    "timezone": "UTC",
    "serverTime": 0,
    "rateLimits": [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000}
    ],
    "exchangeFilters": [],
    "symbols": [
        binance_symbol("BTC", "USDT", tick="0.01000000"),
        binance_symbol("ETH", "USDT", tick="0.01000000"),
        binance_symbol("ETH", "BTC", tick="0.00001000"),
    ],
}


def coinbase_product(base: str, quote: str, *, tick: str) -> dict[str, Any]:
    return {
        "product_id": f"{base}-{quote}",
        "price": "1",
        "base_increment": "0.00000001",
        "quote_increment": tick,
        "quote_min_size": "1",
        "quote_max_size": "150000000",
        "base_min_size": "0.00000001",
        "base_max_size": "3400",
        "base_name": NAMES[base],
        "quote_name": NAMES[quote],
        "is_disabled": False,
        "new": False,
        "status": "online",
        "trading_disabled": False,
        "product_type": "SPOT",
        "quote_currency_id": quote,
        "base_currency_id": base,
        "alias": "",
        "alias_to": [],
        "view_only": False,
        "price_increment": tick,
        "display_name": f"{base}-{quote}",
    }


COINBASE_PRODUCTS = [
    coinbase_product("BTC", "USD", tick="0.01"),
    coinbase_product("ETH", "USD", tick="0.01"),
    coinbase_product("ETH", "BTC", tick="0.00001"),
]


def walk(count: int, *, start_ms: int, every_ms: int = 7_000, first_id: int = 1) -> list[HeldTrade]:
    """Return trades that rise and fall, in the manner of a market; the same arguments, the same trades."""
    trades = []
    for place in range(count):
        cents = 1_000_000 + (place * 7_919) % 10_007 - (place * 104_729) % 5_003
        amount = 1 + (place * 65_537) % 99_991
        trades.append(
            HeldTrade(
                first_id + place,
                start_ms + place * every_ms,
                f"{cents // 100}.{cents % 100:02d}",
                f"{amount // 10_000}.{amount % 10_000:04d}0000",
            )
        )
    return trades
