"""From a trade at the exchange to the page: each crossing once, and in order.

How soon is measured by ``benchmarks/speech_latency.py``.
"""

from collections.abc import Callable

import pytest

from tests.browser.conftest import PASSWORD, USERNAME, make_user
from tests.browser.crossings import measure
from tests.launcher.conftest import APP, Service
from utils.accounts import Role

CROSSINGS, CROSSINGS_LONG = 12, 300


async def cross(launch: Callable[..., Service], dsn: str, redis_url: str, chromium: str, count: int) -> None:
    await make_user(dsn, Role.USER)
    settings = {"DB_CONNECTION_STRING": dsn, "REDIS_URL": redis_url, "RATE_LIMIT_PER_MINUTE": "100000"}
    found = await measure(
        lambda venue: launch(APP, **settings, **venue).url,
        chromium,
        {"username": USERNAME, "password": PASSWORD},
        crossings=count,
        busy=False,
        pause_s=0.02,
    )
    assert len(found) == count
    for each in found:
        assert each.heard_ms > each.sent_ms
        assert (" rose to 60,100" if each.above else " fell to 59,900") in each.text, each
        assert float(each.text.rpartition(" now ")[2].rstrip(".").replace(",", "")) == each.price, each


async def test_every_crossing_at_the_exchange_is_heard_once_and_in_order(
    launch: Callable[..., Service], dsn: str, redis_url: str, chromium: str
) -> None:
    await cross(launch, dsn, redis_url, chromium, CROSSINGS)


@pytest.mark.long
async def test_three_hundred_crossings_are_heard_once_and_in_order(
    launch: Callable[..., Service], dsn: str, redis_url: str, chromium: str
) -> None:
    await cross(launch, dsn, redis_url, chromium, CROSSINGS_LONG)
