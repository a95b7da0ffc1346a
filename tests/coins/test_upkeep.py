"""What jobs do for coins: their past, their days, forgetting, and the runs themselves."""

from random import Random

import asyncpg
import pytest

from app_extensions.job_table import job_table
from config import Config
from services.coins.coin_jobs import SYNC, SYNC_FREQUENT
from services.coins.freshness import FRESH_MS, choose_sync
from services.coins.questions import HistoryInterval
from services.jobs.job import JobContext
from services.stores import coin_prices
from services.stores.coin_prices import PricePoint, roll_up, select_days, select_points
from services.stores.coin_syncs import Sync
from tests.coins.house import Coins
from tests.coins.made_coins import NOW_MS, made_coins, page_of, store
from tests.databases import TIMESCALE_DSN
from utils.domain import DAY_MS, HOUR_MS, MINUTE_MS

KEY = 7
TODAY_MS = NOW_MS // DAY_MS * DAY_MS
Rows = list[tuple[int, float, float | None, float | None]]


def made_prices(chance: Random, count: int) -> Rows:
    """Return points at odd times of some forty days, oldest first."""
    times = sorted(chance.sample(range(NOW_MS - 40 * DAY_MS, NOW_MS, 60_000), count))
    return [
        (time_ms, chance.randint(1, 9_999) / 8, chance.choice((None, 5.0)), chance.choice((None, 7.5)))
        for time_ms in times
    ]


def naive_points(rows: Rows, *, start_ms: int, interval_ms: int) -> list[PricePoint]:
    """Return the points of stretches, by plain Python; an interval of 0 is every point."""
    stretches: dict[int, Rows] = {}
    for row in rows:
        if row[0] >= start_ms:
            stretches.setdefault(row[0] - (row[0] % interval_ms if interval_ms else 0), []).append(row)
    return [
        PricePoint(
            time_ms,
            stretch[0][1],
            max(row[1] for row in stretch),
            min(row[1] for row in stretch),
            stretch[-1][1],
            stretch[-1][2],
            stretch[-1][3],
            len(stretch),
        )
        for time_ms, stretch in stretches.items()
    ]


async def insert(pool: asyncpg.Pool, rows: Rows, key: int = KEY) -> None:
    await pool.executemany(
        """
        INSERT INTO coin_price (coin_key, price_time, price, market_cap, volume_24h)
        VALUES ($1, 'epoch'::timestamptz + $2::bigint * INTERVAL '1 millisecond', $3, $4, $5)
        """,
        [(key, *row) for row in rows],
    )


@pytest.mark.parametrize("interval", list(HistoryInterval))
async def test_a_history_is_what_plain_python_makes_of_its_points(
    pool: asyncpg.Pool, interval: HistoryInterval
) -> None:
    rows = made_prices(Random(4), 400)
    await insert(pool, rows)
    await insert(pool, rows[:50], KEY + 1)
    for days, limit in ((40, 1_000), (30, 17), (3, 1_000)):
        start_ms = NOW_MS - days * DAY_MS
        expected = naive_points(rows, start_ms=start_ms, interval_ms=interval.length_ms)[-limit:]
        given = await select_points(pool, KEY, start_ms=start_ms, interval_ms=interval.length_ms, limit=limit)
        assert list(given) == expected


async def test_days_are_the_same_whatever_was_rolled_up_so_far(pool: asyncpg.Pool) -> None:
    rows = made_prices(Random(5), 600)
    start_ms = TODAY_MS - 30 * DAY_MS
    expected = naive_points(rows, start_ms=start_ms, interval_ms=DAY_MS)
    for index, before_ms in enumerate((None, TODAY_MS - 20 * DAY_MS, TODAY_MS - DAY_MS, TODAY_MS)):
        if index == 0:
            await insert(pool, rows[:500])
        if before_ms is not None:
            await roll_up(pool, [KEY, KEY + 1], before_ms=before_ms)
        if index == 1:
            # The rest comes late, on days that are not rolled up yet.
            late = [row for row in rows[500:] if row[0] >= TODAY_MS - 21 * DAY_MS]
            await insert(pool, late)
            assert late == rows[500:]
        if index:
            assert list(await select_days(pool, KEY, start_ms=start_ms, limit=100)) == expected
            assert list(await select_days(pool, KEY, start_ms=start_ms + 1, limit=5)) == expected[-5:]


async def test_rolling_up_twice_changes_nothing_and_late_points_count_when_asked_to(
    pool: asyncpg.Pool,
) -> None:
    rows = made_prices(Random(6), 300)
    await insert(pool, rows[100:])
    assert await roll_up(pool, [KEY], before_ms=TODAY_MS)
    await insert(pool, rows[:100])
    await roll_up(pool, [KEY], before_ms=TODAY_MS, since_ms=rows[0][0] // DAY_MS * DAY_MS)
    start_ms = NOW_MS - 60 * DAY_MS
    expected = naive_points(rows, start_ms=start_ms, interval_ms=DAY_MS)
    assert list(await select_days(pool, KEY, start_ms=start_ms, limit=100)) == expected


async def test_what_is_older_than_it_is_kept_is_forgotten_and_nothing_else(
    coins: Coins, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coin_prices.delete_old_points, "__kwdefaults__", {"limit": 3})
    pool, year_ms = coins.services.pool, 365 * DAY_MS
    rows: Rows = [(NOW_MS - year_ms + offset, 1.5, None, None) for offset in range(-10, 10)]
    await insert(pool, rows)
    await roll_up(pool, [KEY], before_ms=TODAY_MS)
    await insert(pool, [(NOW_MS - year_ms - 40 * DAY_MS, 2.5, None, None)])
    await roll_up(pool, [KEY], before_ms=TODAY_MS, since_ms=0)
    forgotten = await coins.services.coin_upkeep.clean_up()
    # TimescaleDB drops a whole chunk where all of it is old, and here one holds the oldest point.
    whole = 1 if TIMESCALE_DSN else 0
    assert (forgotten.chunks, forgotten.points, forgotten.days) == (whole, 11 - whole, 2)
    left = await pool.fetch("SELECT price_time FROM coin_price")
    assert len(left) == 10
    assert (await coins.services.coin_upkeep.clean_up()).points == 0


async def test_the_past_of_a_coin_is_asked_for_once_a_month_and_rolled_up(coins: Coins) -> None:
    upkeep = coins.services.coin_upkeep
    assert await upkeep.backfill(5) == 0
    await upkeep.sync(4)
    told: list[float] = []

    async def tell(done: float) -> None:
        told.append(done)

    added = await upkeep.backfill(3, tell)
    assert added > 3 * 300
    assert told == [1 / 3, 2 / 3, 1.0]
    history = await coins.get("/bitcoin/history?range=365d&interval=1d&limit=2000")
    days = [point["time_ms"] for point in history["points"]]
    assert len(days) > 300
    assert days == sorted(set(days))
    assert await upkeep.backfill(3) > 300
    assert await upkeep.backfill(3) == 0
    coins.now[0] += 31 * DAY_MS
    await upkeep.sync(4)
    assert await upkeep.backfill(1) > 20


async def test_coins_are_described_first_by_rank_and_once_a_month(coins: Coins) -> None:
    upkeep = coins.services.coin_upkeep
    await upkeep.sync(5)
    assert [await upkeep.describe(count) for count in (2, 9, 9)] == [2, 3, 0]
    shown = await coins.get("/bitcoin")
    assert "simulated" in shown["description"]
    assert shown["links"][0]["url"].startswith("http")
    assert shown["described_ms"] == NOW_MS


async def test_jobs_list_coins_and_tell_what_they_did(coins: Coins, config: Config) -> None:
    jobs = {job.name: job for job in job_table(coins.services, config)}

    def context(name: str, **payload: object) -> JobContext:
        return JobContext(run_id=1, job=name, attempt=1, payload=payload, tick_ms=None)

    frequent = context(SYNC_FREQUENT)
    await jobs[SYNC_FREQUENT].work(frequent)
    assert (frequent.rows, frequent.progress, frequent.note) == (100, 1.0, "50 coins of simulated")
    ordered = context(SYNC, limit=7, provider="simulated")
    await jobs[SYNC].work(ordered)
    # The simulation's figures of the same minute are no new points of a history.
    assert (ordered.rows, ordered.note) == (7, "7 coins of simulated")
    assert (await coins.get("/"))["total"] == 50
    for name in ("roll_up_coins", "clean_up_coins", "backfill_coins", "describe_coins"):
        await jobs[name].work(context(name))


async def test_what_a_sync_replaced_is_forgotten_when_no_cursor_can_name_it(pool: asyncpg.Pool) -> None:
    for turn in range(4):
        await store(pool, page_of(made_coins(Random(turn), 10), NOW_MS + turn * 40 * MINUTE_MS))
    # Kept for an hour here: what the last two syncs replaced.
    assert await pool.fetchval("SELECT count(*) FROM coin_before") == 20


async def test_coins_of_a_clock_that_was_ahead_are_replaced(pool: asyncpg.Pool) -> None:
    await store(pool, page_of(made_coins(Random(1), 10), NOW_MS + 10 * DAY_MS))
    await store(pool, page_of(made_coins(Random(2), 10), NOW_MS))
    newest_ms = await pool.fetchval("SELECT date_part('epoch', max(fetched_at)) * 1000 FROM coin")
    assert newest_ms == NOW_MS
    assert await pool.fetchval("SELECT count(*) FROM coin_before") == 10


@pytest.mark.parametrize(
    ("ages", "provider", "listed"),
    [
        ({}, None, None),
        ({"b": 0}, None, "b"),
        ({"a": 0, "b": 0}, None, "a"),
        ({"a": FRESH_MS, "b": 0}, None, "a"),
        ({"a": FRESH_MS + 1, "b": 0}, None, "b"),
        ({"a": FRESH_MS + 1, "b": FRESH_MS + 2}, None, "a"),
        ({"a": HOUR_MS, "b": FRESH_MS + 1}, None, "b"),
        ({"a": -DAY_MS, "b": FRESH_MS}, None, "b"),
        ({"a": -DAY_MS, "b": HOUR_MS}, None, "b"),
        ({"gone": 0, "b": FRESH_MS}, None, "b"),
        ({"gone": 0}, None, "gone"),
        ({"a": 0, "b": HOUR_MS}, "b", "b"),
        ({"a": 0}, "b", None),
    ],
)
def test_the_first_choice_that_is_fresh_is_listed(
    ages: dict[str, int], provider: str | None, listed: str | None
) -> None:
    syncs = [Sync(place, name, 50, NOW_MS - age_ms) for place, (name, age_ms) in enumerate(ages.items())]
    chosen = choose_sync(syncs, ("a", "b"), now_ms=NOW_MS, provider=provider)
    assert (chosen and chosen.provider) == listed
