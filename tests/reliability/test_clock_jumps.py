"""A machine whose clock jumps, by libfaketime: no bar and no duration is wrong, and no token lives longer.

Where the library is elsewhere, ``LIBFAKETIME`` says where. Only the clock of the day jumps, as on a machine.
"""

import asyncio
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from tests.launcher.conftest import APP, Service
from tests.reliability.server_losses import PASSWORD, PLACE, asked

LIBRARY = os.environ.get("LIBFAKETIME") or next(
    (str(path) for path in Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), ""
)
MINUTE_S, HOUR_S = 60, 3_600
PATIENCE_S = 60
TOKEN_S = 15 * MINUTE_S
LEAP_DAY_S = datetime(2028, 2, 29, 12, tzinfo=UTC).timestamp() - time.time()
# By how much the clock is off, and whether a token of the right time is good then. What the bar allows on
# each side is thirty seconds, and the service ten: a busy machine may take some of them.
JUMPS = (
    (HOUR_S, False),
    (-HOUR_S, False),
    (0, True),
    (-5 * MINUTE_S, False),
    (-5, True),
    (-45, False),
    (TOKEN_S - 15, True),
    (TOKEN_S + 45, False),
    (LEAP_DAY_S, False),
    (0, True),
)
QUERY = PLACE | {"symbol": "BTC/USD", "timeframe": "1m", "limit": "5"}


async def answer_of(http: aiohttp.ClientSession, method: str, path: str, **more) -> tuple[int, dict]:
    """Ask until there is an answer: what a busy machine cannot do in time is no matter of its clock."""
    async with asyncio.timeout(PATIENCE_S):
        while (answer := await asked(http, method, path, **more))[0] == 503:
            pass
    return answer


async def until_jumped(http: aiohttp.ClientSession, off_s: float) -> None:
    """Wait until the service has looked where its clock stands, which it does once a second."""
    async with asyncio.timeout(PATIENCE_S):
        while abs((await asked(http, "GET", "/udf/time"))[1] - time.time() - off_s) > PATIENCE_S / 20:
            pass


async def check_bars(http: aiohttp.ClientSession, off_s: float) -> None:
    """Check that the newest bars are those of the clock as it stands now."""
    before_ms = (time.time() + off_s) * 1_000
    status, body = await answer_of(http, "GET", "/market/fetch_ohlcv", params=QUERY)
    after_ms = (time.time() + off_s) * 1_000
    assert status == 200, body
    opens = [row[0] for row in body["ohlcv"]]
    length_ms = MINUTE_S * 1_000
    assert opens == sorted(set(opens))
    assert not any(opened % length_ms for opened in opens)
    assert before_ms - 2 * length_ms <= opens[-1] <= after_ms


def check_durations(metrics: str) -> None:
    sums = [line.rsplit(" ", 1) for line in metrics.splitlines() if "_seconds_sum" in line and line[0] != "#"]
    assert sums
    assert not [name for name, total in sums if float(total) < 0]


@pytest.mark.long
@pytest.mark.skipif(not LIBRARY, reason="NOT TESTED: there is no libfaketime to let a clock jump")
async def test_a_clock_that_jumps_makes_no_bar_wrong_and_no_token_good(
    launch: Callable[..., Service], beside: dict[str, str], tmp_path: Path
) -> None:
    stands = tmp_path / "clock"
    stands.write_text("+0")
    faked = {
        "LD_PRELOAD": LIBRARY,
        "FAKETIME_TIMESTAMP_FILE": str(stands),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    quiet = {"RATE_LIMIT_PER_MINUTE": "100000", "REGISTRATION": "open", "JOBS": "apart"}
    service = launch(APP, **quiet, **faked, **beside)
    async with aiohttp.ClientSession(service.url) as http:
        body = {"username": "jumper", "password": PASSWORD}
        await answer_of(http, "POST", "/auth/register", json=body)
        _, signed_in = await answer_of(http, "POST", "/auth/login", json=body)
        mine = {"Authorization": f"Bearer {signed_in['access_token']}"}
        began_s = time.time()
        for jump_s, good in JUMPS:
            off_s = jump_s + began_s - time.time()
            new = stands.with_name("next")
            new.write_text(f"{off_s:+.3f}")
            new.rename(stands)
            await until_jumped(http, off_s)
            await check_bars(http, off_s)
            status, body = await answer_of(http, "GET", "/api/v1/alerts", headers=mine)
            assert status == (200 if good else 401), (jump_s, body)
        async with http.get(service.metrics_url) as answer:
            check_durations(await answer.text())
    assert "Traceback" not in service.complained
    assert service.stop() == 0
