"""Recorded market data, where the folder is present; a test that wants it is skipped, aloud, where it is not.

The folder is RECORDED_DATA_DIR, or ``../shared/data`` beside the project. Origins and licences of the files
are in its README.
"""

import csv
import gzip
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.exchange.fold import HeldTrade, Row

PROJECT = Path(__file__).resolve().parents[2]
HOUR_MS = 3_600_000


def recorded_path(name: str) -> Path:
    """Return a recorded file; skips the test when it is not there."""
    folder = Path(os.environ.get("RECORDED_DATA_DIR", PROJECT / ".." / "shared" / "data"))
    path = folder / name
    if not path.exists():
        pytest.skip(f"The recording {name} is not in RECORDED_DATA_DIR. Set it to the folder that holds it.")
    return path


@cache
def bitstamp_hour() -> tuple[HeldTrade, ...]:
    """Return the BTC/USD trades of Bitstamp, 2017-11-29 05:07:34 to 06:07:24, by time and then id."""
    with recorded_path("bitstamp-trades/bitstamp_btcusd_trades_20171129.csv").open(newline="") as file:
        trades = [
            HeldTrade(int(row["tid"]), int(row["date"]) * 1000, row["price"], row["amount"])
            for row in csv.DictReader(file)
        ]
    return tuple(sorted(trades, key=lambda trade: (trade.time_ms, trade.id)))


def bitstamp_markets() -> list[dict[str, Any]]:
    """Return the recorded market list of Bitstamp, its fields named as /api/v2/markets/ names them now."""
    listed = _recorded_answer("exchange-recordings/BITSTAMP.0")
    return [
        {
            "name": market["name"],
            "market_symbol": market["url_symbol"],
            "base_currency": market["name"].split("/")[0],
            "base_decimals": market["base_decimals"],
            "counter_currency": market["name"].split("/")[1],
            "counter_decimals": market["counter_decimals"],
            "minimum_order_value": market["minimum_order"].split()[0],
            "trading": market["trading"],
            "instant_order_counter_decimals": market["counter_decimals"],
            "instant_and_market_orders": market["instant_and_market_orders"],
            "description": market["description"],
            "market_type": "SPOT",
        }
        for market in listed
    ]


def binance_exchange_info() -> dict[str, Any]:
    """Return the recorded exchangeInfo of Binance: 1,695 symbols of 2021."""
    return _recorded_answer("exchange-recordings/BINANCE.0")


def binance_frames(name: str = "spot_btcusdt_20240808") -> Iterator[dict[str, Any]]:
    """Yield the recorded trade events of Binance, as sent: 2024-08-08 23:54:15 UTC to midnight.

    ``spot_btcusdt_20240809`` goes on to 00:05:05.
    """
    with gzip.open(recorded_path(f"binance-spot-stream/{name}.gz"), "rt") as file:
        for line in file:
            _, _, text = line.partition(" ")
            frame = orjson.loads(text)
            if frame.get("stream", "").endswith("@trade"):
                yield frame["data"]


def binance_trades(name: str = "spot_btcusdt_20240808") -> list[HeldTrade]:
    """Return the trades of ``binance_frames``, each once."""
    events = {event["t"]: event for event in binance_frames(name)}
    return [HeldTrade(key, event["T"], event["p"], event["q"]) for key, event in sorted(events.items())]


def coinbase_hours() -> list[Row]:
    """Return the hourly BTC/USD bars of Coinbase, 2023-12-31 23:00 to 2024-09-11."""
    with recorded_path("coinbase-1h/ArdRay_coinbase_BTCUSD_1h_2024.csv").open(newline="") as file:
        return [
            Row(int(row["unix"]) * 1000, row["open"], row["high"], row["low"], row["close"], row["volume"])
            for row in csv.DictReader(file)
        ]


def _recorded_answer(name: str) -> Any:
    with recorded_path(name).open() as file:
        _, _, body = file.readline().partition(": ")
    return orjson.loads(body)
