"""History is kept warm and mended in the background, without haste; whoever goes on finds what is done."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import asyncpg
import pytest
from quart import Quart

from app import create_app
from config import Config, ConfigError, load_config
from middleware.context import EXTENSION
from plugins.simulated_path import ORIGIN_MS
from services import Services
from services.history_jobs import HOLE_BARS_MAX, PAUSE_S, holes_of
from services.jobs.job import RunState
from services.stores.job_runs import JobRun
from services.stores.series import Series, update_unknown, upsert_series
from tests.jobs.conftest import DEADLINE_S, ENDED, eventually
from utils.clock import Clock
from utils.domain import DAY_MS, HOUR_MS, Instrument, Span, Timeframe

NOW_MS = ORIGIN_MS + 100 * DAY_MS
SINCE = "2024-01-01"
BTC = Instrument("simulated", "simex", "BTC/USD")
HOUR = Timeframe.parse("1h")


@dataclass
class Naps:
    """A clock that a test moves; pauses between pages are noted, and last no time."""

    now_ms: int = NOW_MS
    slept_s: list[float] = field(default_factory=list)
    napping: asyncio.Event = field(default_factory=asyncio.Event)
    may_go_on: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.may_go_on.set()

    @property
    def clock(self) -> Clock:
        return Clock(now_ms=lambda: self.now_ms, sleep_s=self.sleep_s)

    async def sleep_s(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.napping.set()
        await self.may_go_on.wait()


@pytest.fixture
def naps() -> Naps:
    return Naps()


def warming(config: Config, *items: str) -> Config:
    return replace(config, backfill=items, jobs="embedded")


def services_of(app: Quart) -> Services:
    found = app.extensions[EXTENSION]
    assert isinstance(found, Services)
    return found


async def run_of(
    app: Quart, job: str, fits: Callable[[JobRun], bool] = lambda run: run.state in ENDED
) -> JobRun:
    """Return the newest run of a job once it is as wanted."""
    jobs = services_of(app).jobs

    async def look() -> JobRun | None:
        runs = await jobs.runs(job=job, state=None, before_run_id=None, limit=1)
        return runs[0] if runs and fits(runs[0]) else None

    run = await eventually(look)
    assert run is not None
    return run


async def hours_known(pool: asyncpg.Pool, instrument: Instrument = BTC) -> float:
    series = await upsert_series(pool, instrument, HOUR)
    return sum(span.end_ms - span.start_ms for span in series.known) / HOUR_MS


async def test_the_history_that_is_named_is_fetched_with_pauses(
    config: Config, naps: Naps, pool: asyncpg.Pool
) -> None:
    app = create_app(warming(config, f"simulated:simex:BTC/USD:1h:{SINCE}"), naps.clock)
    async with app.test_app():
        run = await run_of(app, "backfill")
        assert await hours_known(pool) == 100 * 24
    # With the bar that is forming.
    assert (run.state, run.rows_changed, run.progress) == ("done", 100 * 24 + 1, 1.0)
    # Two full pages and the rest; one look before the first.
    assert naps.slept_s == [PAUSE_S] * 4


async def test_a_later_run_asks_for_nothing_that_is_known(config: Config, naps: Naps) -> None:
    app = create_app(warming(config, f"simulated:simex:BTC/USD:1h:{SINCE}"), naps.clock)
    async with app.test_app():
        await run_of(app, "backfill")
        pauses = len(naps.slept_s)
        ticket = await services_of(app).jobs.enqueue("backfill")
        run = await run_of(
            app, "backfill", lambda run: run.state in ENDED and run.job_run_id == ticket.run_id
        )
    assert (run.state, run.rows_changed, len(naps.slept_s)) == ("done", 0, pauses)


async def test_an_order_that_fails_does_not_keep_the_others_waiting(
    config: Config, naps: Naps, pool: asyncpg.Pool, caplog: pytest.LogCaptureFixture
) -> None:
    items = ("simulated:simex:NOT/THERE:1h:2024-01-01", f"simulated:simex:ETH/USD:1h:{SINCE}")
    with caplog.at_level(logging.INFO, "services.history_jobs"):
        app = create_app(warming(config, *items), naps.clock)
        async with app.test_app():
            run = await run_of(app, "backfill")
            assert await hours_known(pool, replace(BTC, symbol="ETH/USD")) == 100 * 24
    # There is no such symbol, and there will be none in a minute: it is not tried again.
    assert (run.state, run.attempt) == ("failed", 1)
    assert run.error is not None
    assert run.error.startswith(
        "1 of 2 stretches could not be filled. The first, simulated:simex:NOT/THERE:1h"
    )
    told = [(record.message, record.series) for record in caplog.records if hasattr(record, "series")]
    assert ("backfill stopped", "simulated:simex:NOT/THERE:1h") in told
    assert ("backfill goes on", "simulated:simex:ETH/USD:1h") in told


async def test_an_app_that_ends_gives_the_work_back_and_the_next_goes_on(
    config: Config, naps: Naps, pool: asyncpg.Pool
) -> None:
    config = warming(config, f"simulated:simex:BTC/USD:1h:{SINCE}")
    naps.may_go_on.clear()
    async with asyncio.timeout(DEADLINE_S):
        async with create_app(config, naps.clock).test_app():
            await naps.napping.wait()
    assert await pool.fetchval("SELECT state FROM job_run WHERE job = 'backfill'") == "queued"
    next_naps = Naps()
    app = create_app(config, next_naps.clock)
    async with app.test_app():
        run = await run_of(app, "backfill")
        assert await hours_known(pool) == 100 * 24
    assert (run.state, run.attempt, run.failures, run.losses) == ("done", 2, 0, 0)


async def test_short_holes_are_mended_and_long_ones_left(
    config: Config, naps: Naps, pool: asyncpg.Pool
) -> None:
    app = create_app(warming(config, f"simulated:simex:BTC/USD:1h:{SINCE}"), naps.clock)
    async with app.test_app():
        await run_of(app, "backfill")
        series = await upsert_series(pool, BTC, HOUR)
        hole = Span(ORIGIN_MS + 10 * DAY_MS, ORIGIN_MS + 11 * DAY_MS)
        await update_unknown(pool, series.series_id, [hole])
        await pool.execute("DELETE FROM bar WHERE open_time = to_timestamp($1)", hole.start_ms / 1_000)
        ticket = await services_of(app).jobs.enqueue("repair_history")
        run = await run_of(
            app, "repair_history", lambda run: run.state in ENDED and run.job_run_id == ticket.run_id
        )
        assert await hours_known(pool) == 100 * 24
    assert (run.state, run.rows_changed) == (RunState.DONE, 1)


def test_a_hole_longer_than_an_accident_is_none() -> None:
    longest_ms = HOLE_BARS_MAX * HOUR_MS
    known = (
        Span(0, HOUR_MS),
        Span(HOUR_MS + longest_ms, 9 * longest_ms),
        Span(11 * longest_ms, 12 * longest_ms),
    )
    series = Series(1, BTC, HOUR, known, None, None)
    assert [(order.start_ms, order.end_ms) for order in holes_of(series)] == [(HOUR_MS, HOUR_MS + longest_ms)]


async def test_nothing_is_fetched_where_nothing_is_named(config: Config, naps: Naps) -> None:
    app = create_app(warming(config), naps.clock)
    async with app.test_app():
        await run_of(app, "tidy")
        jobs = services_of(app).jobs
        assert jobs.job("backfill").every is None
        assert not await jobs.runs(job="backfill", state=None, before_run_id=None, limit=1)


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
