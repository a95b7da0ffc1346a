"""Recorded answers of both providers, where the folder is present; origins and licences are in its README."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson

from tests.exchange.recordings import recorded_path

# What our figures are called in the answers of each provider.
OF_COINGECKO = {
    "price": "current_price",
    "market_cap": "market_cap",
    "fully_diluted_valuation": "fully_diluted_valuation",
    "volume_24h": "total_volume",
    "circulating_supply": "circulating_supply",
    "total_supply": "total_supply",
    "max_supply": "max_supply",
    "all_time_high": "ath",
    "all_time_high_ms": "ath_date",
    "all_time_low": "atl",
    "all_time_low_ms": "atl_date",
    "change_24h_percent": "price_change_percentage_24h",
    "updated_ms": "last_updated",
}
OF_COINMARKETCAP = {
    "price": "price",
    "market_cap": "market_cap",
    "volume_24h": "volume_24h",
    "change_1h_percent": "percent_change_1h",
    "change_24h_percent": "percent_change_24h",
    "change_7d_percent": "percent_change_7d",
    "updated_ms": "last_updated",
}


@dataclass(frozen=True)
class Recording:
    """One answer of CoinGecko, of 2021."""

    url: str
    status: int
    body: bytes

    @property
    def value(self) -> Any:
        return orjson.loads(self.body)


@cache
def coingecko_recordings() -> tuple[Recording, ...]:
    rows = orjson.loads(recorded_path("coingecko/index.json").read_bytes())
    return tuple(
        Recording(row["url"], row["status"], recorded_path(f"coingecko/{row['file']}").read_bytes())
        for row in rows
    )


def coingecko(beginning: str) -> list[Recording]:
    """Return the recordings whose path begins so: ``coins/markets``."""
    base = f"https://api.coingecko.com/api/v3/{beginning}"
    found = [recording for recording in coingecko_recordings() if recording.url.startswith(base)]
    assert found, beginning
    return found


def coinmarketcap(name: str) -> Any:
    """Return an answer of CoinMarketCap, of 2019, kept as a JavaScript literal: ``quotes_latest``."""
    text = recorded_path(f"coinmarketcap/{name}.js").read_text()
    literal = text.removeprefix("export default").strip().removesuffix(";")
    return orjson.loads(re.sub(r"^(\s*)(\w+):", r'\1"\2":', literal, flags=re.MULTILINE))
