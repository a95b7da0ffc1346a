"""History is kept warm in the background, by one worker, without haste, and ends when the app does."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace

import asyncpg
import pytest

from app import create_app
from app_extensions.jobs import LOOK_EVERY_S, PAUSE_S, TIDY_EVERY_S, WARM_EVERY_S
from config import Config, ConfigError, load_config
from plugins.simulated_path import ORIGIN_MS
from services.stores.series import upsert_series
from utils.clock import Clock
from utils.domain import DAY_MS, HOUR_MS, Instrument, Timeframe

DEADLINE_S = 20
NOW_MS = ORIGIN_MS + 100 * DAY_MS
SINCE = "2024-01-01"
BTC = Instrument("simulated", "simex", "BTC/USD")
HOUR = Timeframe.parse("1h")


@dataclass
class Naps:
    """A clock that stands still; pauses of the job are noted, and the long ones last until the end."""

    slept_s: list[float] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    next_round: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def clock(self) -> Clock:
        return Clock(now_ms=lambda: NOW_MS, sleep_s=self.sleep_s)

    async def sleep_s(self, seconds: float) -> None:
        if seconds == TIDY_EVERY_S:
            # Another job, of which nothing is told here.
            await asyncio.Event().wait()
        async with self.changed:
            self.slept_s.append(seconds)
            self.changed.notify_all()
        if seconds != PAUSE_S:
            await self.next_round.wait()
            self.next_round.clear()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S), self.changed:
            await self.changed.wait_for(condition)

    async def until_round_over(self, rounds: int = 1) -> None:
        await self.until(lambda: self.slept_s.count(WARM_EVERY_S) == rounds)


@pytest.fixture
def naps() -> Naps:
    return Naps()


def warming(config: Config, *items: str) -> Config:
    return replace(config, backfill=items)


async def hours_known(pool: asyncpg.Pool, instrument: Instrument = BTC) -> float:
    series = await upsert_series(pool, instrument, HOUR)
    return sum(span.end_ms - span.start_ms for span in series.known) / HOUR_MS


async def test_the_history_that_is_named_is_fetched_with_pauses(
    config: Config, naps: Naps, pool: asyncpg.Pool
) -> None:
    app = create_app(warming(config, f"simulated:simex:BTC/USD:1h:{SINCE}"), naps.clock)
    async with app.test_app():
        await naps.until_round_over()
        assert await hours_known(pool) == 100 * 24
    # Two full pages and the rest; one look before the first.
    assert naps.slept_s == [PAUSE_S] * 4 + [WARM_EVERY_S]


async def test_later_rounds_ask_for_nothing_that_is_known(config: Config, naps: Naps) -> None:
    app = create_app(warming(config, f"simulated:simex:BTC/USD:1h:{SINCE}"), naps.clock)
    async with app.test_app():
        await naps.until_round_over()
        before = naps.slept_s.count(PAUSE_S)
        naps.next_round.set()
        await naps.until_round_over(2)
    assert naps.slept_s.count(PAUSE_S) == before


async def test_one_worker_does_it_and_another_takes_over(config: Config, pool: asyncpg.Pool) -> None:
    first, second = Naps(), Naps()
    config = warming(config, f"simulated:simex:BTC/USD:1h:{SINCE}")
    async with AsyncExitStack() as stack:
        async with create_app(config, first.clock).test_app():
            await first.until_round_over()
            await pool.execute("TRUNCATE bar, series CASCADE")
            await stack.enter_async_context(create_app(config, second.clock).test_app())
            await second.until(lambda: bool(second.slept_s))
            assert second.slept_s == [LOOK_EVERY_S]
        second.next_round.set()
        await second.until_round_over()
        assert await hours_known(pool) == 100 * 24


async def test_an_order_that_fails_does_not_keep_the_others_waiting(
    config: Config, naps: Naps, pool: asyncpg.Pool, caplog: pytest.LogCaptureFixture
) -> None:
    items = ("simulated:simex:NOT/THERE:1h:2024-01-01", f"simulated:simex:ETH/USD:1h:{SINCE}")
    with caplog.at_level(logging.INFO, "app_extensions.jobs"):
        async with create_app(warming(config, *items), naps.clock).test_app():
            await naps.until_round_over()
            assert await hours_known(pool, replace(BTC, symbol="ETH/USD")) == 100 * 24
    told = [(record.message, record.series) for record in caplog.records if hasattr(record, "series")]
    assert ("backfill stopped", "simulated:simex:NOT/THERE:1h") in told
    assert ("backfill goes on", "simulated:simex:ETH/USD:1h") in told


async def test_a_lost_database_is_come_back_to(config: Config, naps: Naps, pool: asyncpg.Pool) -> None:
    app = create_app(warming(config, f"simulated:simex:BTC/USD:1h:{SINCE}"), naps.clock)
    async with app.test_app():
        await naps.until_round_over()
        await pool.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        )
        await pool.execute("TRUNCATE bar, series CASCADE")
        naps.next_round.set()
        await naps.until(lambda: LOOK_EVERY_S in naps.slept_s)
        # Each connection of the pool was cut, and each may have to find out by itself.
        while naps.slept_s.count(WARM_EVERY_S) < 2:
            looks = naps.slept_s.count(LOOK_EVERY_S)
            naps.next_round.set()
            await naps.until(
                lambda looks=looks: (
                    naps.slept_s.count(WARM_EVERY_S) == 2 or naps.slept_s.count(LOOK_EVERY_S) > looks
                )
            )
        assert await hours_known(pool) == 100 * 24


async def test_an_app_that_ends_takes_the_work_with_it(config: Config, naps: Naps) -> None:
    config = warming(config, "simulated:simex:BTC/USD:1m:2024-01-01")
    async with asyncio.timeout(DEADLINE_S):
        async with create_app(config, naps.clock).test_app():
            await naps.until(lambda: naps.slept_s.count(PAUSE_S) >= 2)
        assert WARM_EVERY_S not in naps.slept_s
        assert not [task for task in asyncio.all_tasks() if task.get_name() == "backfill"]


async def test_nothing_runs_where_nothing_is_named(config: Config, naps: Naps) -> None:
    async with create_app(config, naps.clock).test_app():
        assert not [task for task in asyncio.all_tasks() if task.get_name() == "backfill"]


def test_items_are_separated_by_commas_and_may_hold_colons() -> None:
    items = "crypto:bitstamp:BTC/USD:1h:2018-01-01, crypto:binance:BTC/USDT:USDT:1d:2020-02-29"
    read = load_config({"ENV": "test", "SECRET_KEY": "x", "BACKFILL": items}, dotenv=None).backfill
    assert read == tuple(items.split(", "))


@pytest.mark.parametrize(
    "item",
    [
        "bitstamp",
        "crypto:bitstamp:BTC/USD:1h",
        "crypto:bitstamp:BTC/USD:1h:2018-02-30",
        "crypto:bitstamp:BTC/USD:1x:2018-01-01",
        "crypto:bitstamp:BTC/USD:01h:2018-01-01",
        "crypto:bitstamp::1h:2018-01-01",
    ],
)
def test_what_is_no_item_is_refused_with_an_example(item: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config({"ENV": "test", "SECRET_KEY": "x", "BACKFILL": item}, dotenv=None)
    example = "crypto:bitstamp:BTC/USD:1h:2018-01-01"
    sentence = f"BACKFILL must be items like {example}, separated by commas; {item} is not one."
    assert caught.value.problems == [sentence]
