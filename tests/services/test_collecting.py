"""Collected symbols: filled, kept warm, and neither lost nor hurried."""

import asyncio
from dataclasses import dataclass, field

import asyncpg
import pytest

from services.backfill import Backfill
from services.collecting import DEPTHS_MS, WARM_EVERY_MS, Collecting
from services.history_filler import HistoryFiller
from services.quarantine import Quarantine
from services.stores.collected_symbols import SymbolListing
from tests.services.conftest import House
from tests.services.recorded_market import BEGAN_MS, BTC, QUIET, RecordedMarket
from utils.accounts import Role
from utils.clock import Clock
from utils.domain import DAY_MS, MINUTE_MS, Timeframe
from utils.errors import UpstreamDown

DAY, MINUTE = Timeframe(1, "d"), Timeframe(1, "m")


@dataclass
class Round:
    """A service that collects, on a clock that waits for nobody."""

    pool: asyncpg.Pool
    upstream: RecordedMarket
    user_id: int
    now_ms: int = BEGAN_MS
    slept_s: list[float] = field(default_factory=list)

    def collecting(self) -> Collecting:
        """Return the service, as the next start has it."""
        clock = Clock(now_ms=lambda: self.now_ms, sleep_s=self._sleep)
        catalog = self.upstream.catalog()
        filler = HistoryFiller(self.pool, Quarantine())
        backfill = Backfill(pool=self.pool, catalog=catalog, filler=filler, clock=clock)
        return Collecting(pool=self.pool, backfill=backfill, clock=clock)

    async def _sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)

    async def listing(self) -> SymbolListing:
        (listing,) = await self.collecting().list()
        return listing


@pytest.fixture
def shallow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Days and minutes only, and few of them: what is true of a hundred bars is true of thousands."""
    monkeypatch.setattr("services.collecting.DEPTHS_MS", {DAY: 20 * DAY_MS, MINUTE: 90 * MINUTE_MS})


@pytest.fixture
async def collected(shallow: None, house: House, upstream: RecordedMarket) -> Round:
    user_id = await house.pool.fetchval("SELECT user_id FROM app_user")
    made = Round(house.pool, upstream, user_id)
    await made.collecting().ask(user_id, BTC)
    return made


async def bars_of(pool: asyncpg.Pool, timeframe: Timeframe) -> int:
    return int(
        await pool.fetchval(
            "SELECT count(*) FROM bar JOIN series USING (series_id)"
            " WHERE symbol = 'BTC/USD' AND timeframe = $1 AND state = 'closed'",
            timeframe.text,
        )
    )


def test_every_interval_reaches_back_over_a_thousand_bars() -> None:
    assert {timeframe.text for timeframe in DEPTHS_MS} == {"1m", "5m", "1h", "1d"}
    for timeframe, depth_ms in DEPTHS_MS.items():
        assert 1_000 < depth_ms / timeframe.approximate_ms < 3_000


async def test_history_is_filled_and_said_to_be(collected: Round) -> None:
    before = await collected.listing()
    assert (before.first_bar_ms, before.last_bar_ms, before.symbol.filled_ms) == (None, None, None)
    told: list[tuple[float, str]] = []

    async def report(progress: float, note: str) -> None:
        told.append((progress, note))

    assert await collected.collecting().collect(report) == 1
    assert told == [(0.0, BTC.text)]
    after = await collected.listing()
    assert after.symbol.filled_ms == BEGAN_MS
    assert after.symbol.complaint is None
    assert after.first_bar_ms == DAY.ceil(BEGAN_MS - 20 * DAY_MS)
    assert after.last_bar_ms == MINUTE.floor(BEGAN_MS)
    # A job of days is not written as a job of minutes.
    assert await bars_of(collected.pool, DAY) == 19
    assert await bars_of(collected.pool, MINUTE) == 89


async def test_it_is_kept_warm_after_a_restart_too_and_left_alone_in_between(collected: Round) -> None:
    await collected.collecting().collect()
    collected.upstream.asked.clear()
    collected.now_ms += WARM_EVERY_MS - 1
    collected.upstream._clock = Clock(now_ms=lambda: collected.now_ms)
    assert await collected.collecting().collect() == 0
    assert collected.upstream.asked == []
    collected.now_ms += 2 * WARM_EVERY_MS
    assert await collected.collecting().collect() == 1
    assert (await collected.listing()).last_bar_ms == MINUTE.floor(collected.now_ms)
    assert await bars_of(collected.pool, MINUTE) == 89 + 45


async def test_a_clock_that_was_ahead_does_not_stop_it(collected: Round) -> None:
    collected.now_ms += 10 * DAY_MS
    await collected.collecting().collect()
    collected.now_ms -= 10 * DAY_MS
    assert await collected.collecting().collect() == 1
    assert await collected.collecting().collect() == 0


async def test_one_that_fails_says_why_and_its_exchange_is_not_asked_for_each(collected: Round) -> None:
    await collected.collecting().ask(collected.user_id, QUIET)
    collected.upstream.error = UpstreamDown("simex is away. Try again.")
    assert await collected.collecting().collect() == 2
    listings = await collected.collecting().list()
    assert [each.symbol.complaint for each in listings] == ["simex is away. Try again."] * 2
    assert [each.symbol.filled_ms for each in listings] == [None, None]
    # Some attempts for the first, and none for the second.
    assert collected.upstream.listings + len(collected.upstream.asked) <= 5
    assert sum(collected.slept_s) < 30
    collected.upstream.error = None
    collected.now_ms += WARM_EVERY_MS + 1
    collected.upstream._clock = Clock(now_ms=lambda: collected.now_ms)
    await collected.collecting().collect()
    assert [each.symbol.complaint for each in await collected.collecting().list()] == [None, None]


async def test_what_nobody_asks_for_is_not_collected(collected: Round, house: House) -> None:
    await house.pool.execute("DELETE FROM app_user")
    assert await collected.collecting().list() == ()
    assert await collected.collecting().collect() == 0


async def test_two_who_ask_at_once_make_one_symbol(collected: Round, house: House) -> None:
    await house.auth.create_user("Bob", "a horse in a field of corn", Role.USER)
    users = [row["user_id"] for row in await house.pool.fetch("SELECT user_id FROM app_user ORDER BY 1")]
    service = collected.collecting()
    await asyncio.gather(*(service.ask(user_id, QUIET) for user_id in users for _ in range(4)))
    listings = {each.symbol.instrument: each.asker_ids for each in await service.list()}
    assert listings == {BTC: (users[0],), QUIET: tuple(users)}
