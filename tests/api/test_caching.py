"""What is kept of answers and what is said of it, on whole apps with a real database and a real cache."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from quart import Quart
from quart.testing import app as serving

from app import create_app
from config import Config
from middleware.context import EXTENSION
from services import Services
from services.bar_writer import topics_touched, write_bars
from services.history_filler import HistoryFiller
from services.quarantine import Quarantine
from services.stores.bars import select_bars
from services.stores.series import select_series, upsert_series
from tests.early import QUERY, SETTLED, SLOWLY, ask
from utils.domain import HOUR_MS, BarState, Instrument, Span, Timeframe, Topic

BITCOIN = Instrument("simulated", "simex", "BTC/USD")
HOUR = Timeframe.parse("1h")
START_MS = 1_763_596_800_000
WAYS = pytest.mark.parametrize("way", [(), (SLOWLY,)], ids=["early", "slow"])


@pytest.fixture
async def other_app(config: Config) -> AsyncIterator[Quart]:
    """A second worker on the same database and the same cache."""
    created = create_app(config)
    async with serving.TestApp(created):
        yield created


def house_of(app: Quart) -> Services:
    return app.extensions[EXTENSION]


async def correct_a_bar(app: Quart) -> float:
    """Correct the close of the first bar as the writer of bars does, and return it."""
    house = house_of(app)
    series = await select_series(house.pool, BITCOIN, HOUR)
    assert series is not None
    span = {"start_ms": START_MS, "end_ms": START_MS + HOUR_MS}
    (bar,) = await select_bars(house.pool, series, **span, limit=1)
    corrected = replace(bar, close=(bar.high + bar.low) / 2, state=BarState.CORRECTED, revision=1)
    async with house.pool.acquire() as connection, connection.transaction():
        changed = await write_bars(connection, series, [corrected])
        touched = await topics_touched(connection, series, changed)
    assert changed
    await house.answers.announce(touched)
    return corrected.close


def first_close(body: bytes) -> float:
    return json.loads(body)["ohlcv"][0][4]


@WAYS
async def test_asking_with_the_tag_costs_no_body(app: Quart, way: tuple[tuple[str, str], ...]) -> None:
    first = [await ask(app, SETTLED) for _ in range(2)][-1]
    again = await ask(app, SETTLED, [("if-none-match", first.header("etag") or ""), *way])
    assert (again.status, again.body) == (304, b"")
    assert again.header("etag") == first.header("etag")
    assert again.header("cache-control") == "public, max-age=300, stale-while-revalidate=86400"
    assert again.header("content-length") is None


@WAYS
async def test_a_moving_answer_may_be_kept_for_a_second(app: Quart, way: tuple[tuple[str, str], ...]) -> None:
    for _ in range(2):
        seen = await ask(app, QUERY, way)
    assert seen.header("cache-control") == "public, max-age=1"
    assert seen.header("vary") == "Origin"


async def test_no_answer_says_that_it_never_changes(app: Quart) -> None:
    for query in (QUERY, SETTLED, f"{SETTLED}&format=csv", f"{SETTLED}&format=native"):
        assert "immutable" not in ((await ask(app, query)).header("cache-control") or "immutable")


async def test_a_question_that_fails_is_not_kept(app: Quart) -> None:
    seen = await ask(app, SETTLED.replace("BTC/USD", "NO/SUCH"))
    assert (seen.status, seen.header("cache-control"), seen.header("etag")) == (404, "no-store", None)
    assert house_of(app).answers.size_bytes == 0


@WAYS
async def test_a_correction_is_seen_at_once_on_its_worker(
    app: Quart, way: tuple[tuple[str, str], ...]
) -> None:
    before = [await ask(app, SETTLED, way) for _ in range(3)][-1]
    close = await correct_a_bar(app)
    after = await ask(app, SETTLED, [("if-none-match", before.header("etag") or ""), *way])
    assert after.status == 200
    assert first_close(before.body) != first_close(after.body) == close
    assert json.loads(after.body)["revision"] == 1
    assert (after.header("etag") or "").startswith('W/"r1-')


@WAYS
async def test_a_correction_is_seen_within_a_second_on_another_worker(
    app: Quart, other_app: Quart, way: tuple[tuple[str, str], ...]
) -> None:
    for _ in range(3):
        before = await ask(other_app, SETTLED, way)
    close = await correct_a_bar(app)
    # Asked again and again, as clients do: the deadline is the promise.
    async with asyncio.timeout(1.0):
        while first_close((await ask(other_app, SETTLED, way)).body) != close:  # noqa: ASYNC110 - a client can only ask
            await asyncio.sleep(0.02)
    assert first_close(before.body) != close


async def test_filling_history_announces_the_series(app: Quart) -> None:
    house, announced = house_of(app), []

    async def note(topics: tuple[Topic, ...]) -> None:
        announced.extend(topics)

    series = await upsert_series(house.pool, BITCOIN, HOUR)
    filler = HistoryFiller(house.pool, Quarantine(), note)
    plugin = house.plugins.get("simulated")
    span = Span(START_MS, START_MS + 5 * HOUR_MS)
    changed = await filler.fill(plugin, await plugin.profile("simex"), series, [span])
    assert changed
    assert announced == [Topic(BITCOIN, HOUR)]
    announced.clear()
    # The same bars again change nothing, and nobody is told.
    await filler.fill(plugin, await plugin.profile("simex"), series, [span])
    assert announced == []


async def test_without_redis_history_is_answered_all_the_same(config: Config) -> None:
    app = create_app(replace(config, redis_url="redis://127.0.0.1:1/0"))
    async with serving.TestApp(app):
        statuses = [(await ask(app, SETTLED)).status for _ in range(5)]
        made = house_of(app).answers.counts.made
    assert statuses == [200] * 5
    assert made < 5


async def test_nothing_is_kept_where_nothing_may_be(config: Config) -> None:
    app = create_app(replace(config, answer_cache_mb=0))
    async with serving.TestApp(app):
        seen = [await ask(app, SETTLED) for _ in range(3)]
        counts = house_of(app).answers.counts
    assert {each.status for each in seen} == {200}
    assert (counts.hits, house_of(app).answers.size_bytes) == (0, 0)
