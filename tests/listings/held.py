"""Coins that a test holds, and their shapes at the two providers."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

NOW_MS = 1_795_000_000_000
HOUR_MS = 3_600_000


@dataclass(frozen=True)
class HeldCoin:
    """One coin: everything else about it follows from its number, which is its rank."""

    number: int

    @property
    def coin_id(self) -> str:
        return f"coin-{self.number}"

    @property
    def price(self) -> float:
        return 50_000.25 / self.number

    @property
    def supply(self) -> float:
        return 1_000_000.0


def held_coins(count: int) -> tuple[HeldCoin, ...]:
    return tuple(HeldCoin(number) for number in range(1, count + 1))


def iso(time_ms: int) -> str:
    return (
        datetime.fromtimestamp(time_ms / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


def coingecko_listed(coin: HeldCoin) -> dict[str, Any]:
    return {
        "id": coin.coin_id,
        "symbol": f"c{coin.number % 7}",
        "name": f"Coin {coin.number}",
        "image": f"https://images.example/{coin.number}.png",
        "current_price": coin.price,
        "market_cap": coin.price * coin.supply,
        "market_cap_rank": coin.number,
        "fully_diluted_valuation": None,
        "total_volume": 1_000 * coin.price,
        "circulating_supply": coin.supply,
        "total_supply": coin.supply,
        "max_supply": None,
        "ath": coin.price * 2,
        "ath_date": "2021-04-14T11:54:46.763Z",
        "atl": coin.price / 2,
        "atl_date": "2013-07-06T00:00:00.000Z",
        "roi": None,
        "last_updated": iso(NOW_MS - 30_000),
        "price_change_percentage_24h": -4.5,
        "price_change_percentage_1h_in_currency": 0.25,
        "price_change_percentage_24h_in_currency": -4.5,
        "price_change_percentage_7d_in_currency": None,
        "price_change_percentage_30d_in_currency": 12.125,
    }


def coingecko_coin(coin: HeldCoin) -> dict[str, Any]:
    listed = coingecko_listed(coin)
    amounts = (
        "current_price", "market_cap", "fully_diluted_valuation", "total_volume", "ath", "ath_date", "atl",
        "atl_date",
    )  # fmt: skip
    return {
        **{name: listed[name] for name in ("id", "symbol", "name", "market_cap_rank", "last_updated")},
        "description": {"en": f"Coin number {coin.number}.\r\nSecond line."},
        "links": {"homepage": ["https://coin.example", "", ""], "subreddit_url": "https://forum.example/c"},
        "image": {"large": listed["image"]},
        "market_data": {
            **{name: {"usd": listed[name], "eur": 1.0} for name in amounts if listed[name] is not None},
            **{name: listed[name] for name in ("circulating_supply", "total_supply", "max_supply")},
            "price_change_percentage_24h_in_currency": {"usd": -4.5},
            "last_updated": listed["last_updated"],
        },
    }


def coingecko_chart(coin: HeldCoin, days: int) -> dict[str, Any]:
    times = range(NOW_MS - days * 24 * HOUR_MS, NOW_MS + 1, HOUR_MS)
    return {
        "prices": [[time_ms, coin.price] for time_ms in times],
        "market_caps": [[time_ms, coin.price * coin.supply] for time_ms in times],
        "total_volumes": [[time_ms, 5.5] for time_ms in times],
    }


def coinmarketcap_coin(coin: HeldCoin) -> dict[str, Any]:
    return {
        "id": coin.number,
        "name": f"Coin {coin.number}",
        "symbol": f"C{coin.number % 7}",
        "slug": coin.coin_id,
        "cmc_rank": coin.number,
        "circulating_supply": coin.supply,
        "total_supply": coin.supply,
        "max_supply": None,
        "last_updated": iso(NOW_MS - 30_000),
        "quote": {
            "USD": {
                "price": coin.price,
                "volume_24h": 1_000 * coin.price,
                "percent_change_1h": 0.25,
                "percent_change_24h": -4.5,
                "percent_change_7d": None,
                "percent_change_30d": 12.125,
                "market_cap": coin.price * coin.supply,
                "fully_diluted_market_cap": None,
                "last_updated": iso(NOW_MS - 30_000),
            }
        },
    }


def coinmarketcap_about(coin: HeldCoin) -> dict[str, Any]:
    return {
        "id": coin.number,
        "logo": f"https://images.example/{coin.number}.png",
        "description": f"Coin number {coin.number}.",
        "urls": {
            "website": ["https://coin.example"],
            "source_code": [],
            "twitter": ["https://social.example/c"],
        },
    }


def coinmarketcap_status(code: int = 0, message: str | None = None) -> dict[str, Any]:
    return {
        "timestamp": iso(NOW_MS),
        "error_code": code,
        "error_message": message,
        "elapsed": 10,
        "credit_count": 1,
    }
