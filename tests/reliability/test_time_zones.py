"""The time zone of the machine changes no byte of an answer, not on a leap day, not where clocks change."""

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from quart.testing.app import TestApp as ServedApp

from app import create_app
from config import Config
from utils.clock import Clock

NOW_MS = 1_795_000_000_000
PLACE = "market=simulated&exchange=simex&symbol=BTC/USD"
# Newfoundland puts its clocks forward in the night to 10 March 2024.
CHANGED = "since=2024-03-09&until=2024-03-11"
PATHS = (
    *(f"/market/fetch_ohlcv?{PLACE}&timeframe=1h&{CHANGED}&format={shape}" for shape in ("native", "csv")),
    f"/market/fetch_ohlcv?{PLACE}&timeframe=1d&since=2024-02-27&until=2024-03-02",
    f"/market/fetch_ohlcv?{PLACE}&timeframe=1w&since=2024-02-27&until=2024-04-09",
    f"/market/fetch_ohlcv?{PLACE}&timeframe=1M&since=2024-02-01&until=2024-04-01&format=highcharts",
    f"/market/fetch_ohlcv?{PLACE}&timeframe=1h&limit=30&format=lightweight",
    f"/market/describe?{PLACE}&timeframe=1d&since=2024-02-20&until=2024-04-05",
    f"/market/describe?{PLACE}&timeframe=1h&limit=50&say=window&locale=de",
    f"/api/candles/BTC/USD?exchange=simex&interval=1h&{CHANGED}",
    "/udf/history?symbol=simulated:simex:BTC/USD&resolution=60&from=1709942400&to=1710115200",
    "/udf/time",
)  # fmt: skip
ZONES = ("UTC", "Asia/Kathmandu", "America/St_Johns")


@pytest.fixture
def in_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator:
    def move(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield move
    monkeypatch.undo()
    time.tzset()


async def answers(config: Config) -> list[bytes]:
    app = create_app(replace(config, answer_cache_mb=0), Clock(now_ms=lambda: NOW_MS))
    found = []
    async with ServedApp(app):
        client = app.test_client()
        for path in PATHS:
            answer = await client.get(path)
            body = await answer.get_data(as_text=False)
            assert answer.status_code == 200, (path, body)
            found.append(body)
    return found


async def test_the_zone_of_the_machine_changes_no_byte_of_an_answer(config: Config, in_zone) -> None:
    # What a busy machine does not build in time is stale in the first answer, and there in the second.
    await answers(config)
    found = {}
    for zone in ZONES:
        in_zone(zone)
        assert zone == "UTC" or time.localtime(NOW_MS / 1_000).tm_gmtoff
        found[zone] = await answers(config)
    assert all(len(body) > 5 for body in found["UTC"])
    for zone in ZONES[1:]:
        differing = [path for path, a, b in zip(PATHS, found["UTC"], found[zone], strict=True) if a != b]
        assert not differing, zone
