"""Short holes are mended where anybody can still tell what lay in them; the others hold up nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import asyncpg
import pytest

from services import history_jobs
from services.backfill import ATTEMPTS_MAX, Backfill
from services.catalog import Catalog
from services.history_filler import HistoryFiller
from services.history_jobs import HistoryJobs
from services.jobs.job import JobContext, JobFailed
from services.quarantine import Quarantine
from services.stores.series import update_known, upsert_series
from tests.services.recorded_market import AWAY, BTC, ETH, HOUR, QUIET, HandClock, RecordedMarket, ago
from utils.domain import Instrument, Span

HOLED = (Span(ago(50), ago(40)), Span(ago(38), ago(20)), Span(ago(18), ago(10)))


@dataclass
class Naps:
    slept_s: list[float] = field(default_factory=list)

    async def sleep_s(self, seconds: float) -> None:
        self.slept_s.append(seconds)


@pytest.fixture
def jobs(pool: asyncpg.Pool, catalog: Catalog, hand: HandClock) -> HistoryJobs:
    clock = replace(hand.clock, sleep_s=Naps().sleep_s)
    filler = HistoryFiller(pool, Quarantine())
    backfill = Backfill(pool=pool, catalog=catalog, filler=filler, clock=clock)
    return HistoryJobs(pool=pool, backfill=backfill, clock=clock, orders=())


async def repair(jobs: HistoryJobs) -> None:
    await jobs.repair(JobContext(run_id=1, job="repair_history", attempt=1, payload={}, tick_ms=None))


async def keep(pool: asyncpg.Pool, instrument: Instrument, known: Sequence[Span] = HOLED) -> None:
    """Let a stretch of a series be known, with holes in it."""
    series = await upsert_series(pool, instrument, HOUR)
    await update_known(pool, series.series_id, known)


async def is_whole(pool: asyncpg.Pool, instrument: Instrument) -> bool:
    return len((await upsert_series(pool, instrument, HOUR)).known) == 1


async def test_what_an_exchange_no_longer_tells_leaves_the_orders_to_others(
    jobs: HistoryJobs, pool: asyncpg.Pool, upstream: RecordedMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_jobs, "ORDERS_MAX", 2)
    upstream.change_profile = lambda profile: replace(profile, history_bars=100)
    old = [Span(ago(200 + hours), ago(201 + hours - 2)) for hours in (0, 10, 20, 30)]
    await keep(pool, BTC, old)
    await keep(pool, ETH)
    await repair(jobs)
    assert await is_whole(pool, ETH)
    assert {asked.instrument for asked in upstream.asked} == {ETH}


@pytest.mark.parametrize("change", [{"symbol": "GONE/USD"}, {"exchange": "gone"}, {"market": "gone"}])
async def test_what_is_no_longer_there_is_nothing_to_repair(
    jobs: HistoryJobs, pool: asyncpg.Pool, change: dict[str, str]
) -> None:
    await keep(pool, replace(BTC, **change))
    await keep(pool, ETH)
    await repair(jobs)
    assert await is_whole(pool, ETH)


async def test_an_exchange_that_is_away_is_waited_for_once_in_a_run(
    jobs: HistoryJobs, pool: asyncpg.Pool, upstream: RecordedMarket
) -> None:
    await keep(pool, BTC)
    await keep(pool, ETH)
    upstream.error = AWAY
    with pytest.raises(JobFailed, match="4 of 4 stretches could not be filled") as caught:
        await repair(jobs)
    assert caught.value.again
    assert upstream.listings + len(upstream.asked) == ATTEMPTS_MAX


async def test_the_next_run_goes_on_where_the_orders_ended(
    jobs: HistoryJobs, pool: asyncpg.Pool, upstream: RecordedMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The holes of the first series stay: the exchange tells nothing of them."""
    monkeypatch.setattr(history_jobs, "ORDERS_MAX", 2)
    upstream.spoil = lambda rows: rows if upstream.asked[-1].instrument != BTC else ()
    for instrument in (BTC, ETH, QUIET):
        await keep(pool, instrument)
    for _ in range(3):
        await repair(jobs)
    assert not await is_whole(pool, BTC)
    assert await is_whole(pool, ETH)
    assert await is_whole(pool, QUIET)
    upstream.asked.clear()
    upstream.spoil = lambda rows: rows
    await pool.execute("DELETE FROM quiet_span")
    await repair(jobs)
    assert await is_whole(pool, BTC)
