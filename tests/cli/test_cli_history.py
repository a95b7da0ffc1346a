"""``quart backfill`` against a local Bitstamp: killed, interrupted, refused, and gone on with."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from app_extensions.cli_cache import NOT_TOLD
from app_extensions.embedded import embedded_servers
from app_extensions.migrations import migrate
from services.stores.bars import select_bars
from services.stores.series import upsert_series
from tests.cli.quart import DEADLINE_S, outcome_of, quart_at_terminal, run_here, run_quart, started_quart
from tests.exchange import Fault, LocalExchange
from tests.exchange.fold import Row
from utils.domain import HOUR_MS, Bar, BarState, Instrument, Span, Timeframe

BTC = Instrument("crypto", "bitstamp", "BTC/USD")
HOUR = Timeframe.parse("1h")
START_MS = 1_514_764_800_000  # 2018-01-01
PAGES = 24
# The last page is short, so that the end is no multiple of anything.
HOURS = PAGES * 1_000 - 337
END_MS = START_MS + HOURS * HOUR_MS
BACKFILL = ("backfill", "crypto", "bitstamp", "BTC/USD", "1h", "--since", "2018-01-01")
NO_CACHE = {"REDIS_URL": "redis://127.0.0.1:1/0"}
END_TEXT = "2020-09-12 23:00 UTC"


def prices(number: int) -> Row:
    low = 10_000 + number * 7 % 997
    return Row(START_MS + number * HOUR_MS, f"{low}.5", f"{low + 9}", f"{low}", f"{low + number % 9}", "0.25")


TRUTH = [
    Bar(row.open_time_ms, *(float(text) for text in row[1:]), BarState.CLOSED)
    for row in map(prices, range(HOURS))
]


@dataclass
class Stage:
    """A local exchange with years of hours, and a database."""

    exchange: LocalExchange
    environment: dict[str, str]
    pool: asyncpg.Pool

    @property
    def pages_asked(self) -> int:
        return len(self.exchange.calls_of("bitstamp", "bars"))

    async def until_asked(self, pages: int) -> None:
        await self.exchange.until(lambda: self.pages_asked >= pages, deadline_s=DEADLINE_S)

    async def assert_complete(self) -> None:
        """Assert that the store holds the exchange's final truth, once, and knows that it does."""
        series = await upsert_series(self.pool, BTC, HOUR)
        bars = await select_bars(self.pool, series, start_ms=0, end_ms=END_MS * 2, limit=10**6)
        assert list(bars) == TRUTH
        assert series.known == (Span(START_MS, END_MS),)


@pytest.fixture
async def stage(
    environment: dict[str, str], dsn: str, redis_url: str, pool: asyncpg.Pool
) -> AsyncIterator[Stage]:
    async with LocalExchange(time_ms=END_MS + 10_000) as exchange:
        exchange.bitstamp.hold_bars(BTC.symbol, HOUR_MS, map(prices, range(HOURS)))
        servers = {"DB_CONNECTION_STRING": dsn, "REDIS_URL": redis_url}
        crypto = {"CRYPTO_ENDPOINT": exchange.endpoint, "CRYPTO_EXCHANGES": "bitstamp"}
        yield Stage(exchange, environment | servers | crypto, pool)


def is_empty(directory: Path) -> bool:
    return not any(directory.iterdir())


async def backfill_killed(stage: Stage, kills: int, seed: int) -> None:
    """Kill as many runs, each at a random point after its first page, then let one end."""
    chance = random.Random(seed)
    for _ in range(kills):
        async with started_quart(stage.environment, *BACKFILL) as process:
            await stage.until_asked(stage.pages_asked + chance.randint(2, 3))
            # Anywhere from the question to the bars being stored.
            await asyncio.sleep(chance.uniform(0, 0.05))
            process.kill()
            await process.wait()
    outcome = await run_here(stage.environment, *BACKFILL)
    assert (outcome.exit_code, outcome.err) == (0, "")
    await stage.assert_complete()
    # A killed run has at most the page that it was waiting for to be asked again.
    starts = [call.query["start"] for call in stage.exchange.calls_of("bitstamp", "bars")]
    assert len(starts) - len(set(starts)) <= kills


async def test_a_killed_run_is_gone_on_with_until_every_bar_is_there(stage: Stage) -> None:
    await backfill_killed(stage, kills=3, seed=random.randrange(10**6))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
async def test_many_killed_runs_leave_no_gap_and_no_double(stage: Stage, seed: int) -> None:
    await backfill_killed(stage, kills=5, seed=seed)


async def test_a_pipe_hears_plain_sentences_and_a_second_run_has_nothing_to_do(stage: Stage) -> None:
    first = await run_quart(stage.environment, *BACKFILL)
    asked = stage.pages_asked
    second = await run_here(stage.environment, *BACKFILL)

    lines = first.out.splitlines()
    assert (
        lines[0] == f"Fetching bars of 1 hour of BTC/USD from bitstamp, 2018-01-01 00:00 UTC to {END_TEXT}."
    )
    assert lines[1] == "0 percent, 0 bars fetched, at 2018-01-01 00:00 UTC."
    assert lines[-1].startswith(f"Done: {HOURS:,} bars were fetched in ")
    assert "\r" not in first.out
    assert all(line.endswith(".") for line in lines)
    assert second.out.splitlines()[1:] == ["Done: everything was stored already."]
    assert stage.pages_asked == asked == PAGES
    await stage.assert_complete()


async def test_a_cache_that_was_not_told_of_new_bars_is_said_in_one_sentence(stage: Stage) -> None:
    outcome = await run_here(stage.environment | NO_CACHE, *BACKFILL)
    assert (outcome.exit_code, outcome.err) == (0, f"{NOT_TOLD}\n")
    assert outcome.out.splitlines()[-1].startswith("Done: ")
    again = await run_here(stage.environment | NO_CACHE, *BACKFILL)
    assert (again.exit_code, again.err) == (0, "")


async def test_a_run_that_fails_says_so_of_the_cache_as_well(stage: Stage) -> None:
    bitstamp = stage.exchange.bitstamp
    running = asyncio.create_task(run_here(stage.environment | NO_CACHE, *BACKFILL))
    await stage.until_asked(4)
    bitstamp.fault, bitstamp.retry_after_s = Fault.BANNED, 7_200
    outcome = await running
    assert outcome.exit_code == 1
    told, failed = outcome.err.splitlines()
    assert told == NOT_TOLD
    assert failed.startswith("Error: ")


async def test_ctrl_c_says_how_to_go_on(stage: Stage) -> None:
    async with started_quart(stage.environment, *BACKFILL) as process:
        await stage.until_asked(3)
        stage.exchange.bitstamp.fault = Fault.HANG
        await stage.until_asked(stage.pages_asked + 1)
        process.send_signal(signal.SIGINT)
        outcome = await outcome_of(process)
    stage.exchange.bitstamp.released.set()

    assert (outcome.exit_code, outcome.err) == (130, "")
    last = outcome.out.splitlines()[-1]
    assert last.startswith("Stopped at 2018-")
    assert last.endswith(" UTC. What was fetched is stored: run the same command again to go on.")


async def test_an_exchange_that_asks_for_patience_is_obeyed_and_gone_on_with(stage: Stage) -> None:
    bitstamp = stage.exchange.bitstamp
    bitstamp.fault, bitstamp.retry_after_s = Fault.RATE_LIMITED, 1
    running = asyncio.create_task(run_here(stage.environment, *BACKFILL))
    await stage.until_asked(1)
    bitstamp.fault = None
    outcome = await running

    assert (outcome.exit_code, outcome.err) == (0, "")
    assert "asked us to wait" in outcome.out
    assert "Asking again in " in outcome.out
    await stage.assert_complete()


async def test_an_exchange_that_wants_too_much_patience_ends_the_run_and_what_was_stored_stays(
    stage: Stage,
) -> None:
    bitstamp = stage.exchange.bitstamp
    running = asyncio.create_task(run_here(stage.environment, *BACKFILL))
    await stage.until_asked(4)
    bitstamp.fault, bitstamp.retry_after_s = Fault.BANNED, 7_200
    outcome = await running

    assert outcome.exit_code == 1
    assert outcome.err.startswith("Error: ")
    assert "120 minutes" in outcome.err
    assert outcome.err.endswith("What was fetched is stored: run the same command again to go on.\n")
    series = await upsert_series(stage.pool, BTC, HOUR)
    (known,) = series.known
    assert known.start_ms == START_MS
    assert known.end_ms >= START_MS + 3_000 * HOUR_MS


async def test_what_does_not_exist_is_one_sentence(stage: Stage) -> None:
    wrong = list(BACKFILL)
    wrong[3] = "BTC/USDX"
    outcome = await run_here(stage.environment, *wrong)
    assert (outcome.exit_code, outcome.out) == (1, "")
    assert outcome.err.startswith("Error: There is no symbol BTC/USDX. Did you mean BTC/USD")
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("1x", "--since", "2018-01-01"), "1x is no timeframe. Write 1m, 1h, 4h or 1d."),
        (("1h", "--since", "yesterday"), "must be a time: milliseconds since 1970, or like"),
        (("1h",), "Missing option '--since'."),
    ],
)
async def test_arguments_that_cannot_be_read_are_told_before_anything_starts(
    environment: dict[str, str], tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    outcome = await run_here(environment, "backfill", "crypto", "bitstamp", "BTC/USD", *arguments)
    assert outcome.exit_code == 2
    assert sentence in outcome.err
    assert is_empty(tmp_path)


async def test_beside_a_running_service_its_servers_are_used(environment: dict[str, str]) -> None:
    arguments = (
        "backfill",
        "simulated",
        "simex",
        "BTC/USD",
        "1h",
        "--since",
        "2025-01-01",
        "--until",
        "2025-02-01",
    )
    with embedded_servers(
        Path(environment["VAR_DIR"]), postgres=True, valkey=True, durable=False
    ) as addresses:
        dsn = addresses.db_connection_string
        assert dsn is not None
        await migrate(dsn)
        outcome = await run_here(environment, *arguments)
        async with asyncpg.create_pool(dsn, min_size=1, max_size=1) as pool:
            stored = await pool.fetchval("SELECT count(*) FROM bar WHERE state <> 'forming'")
    assert (outcome.exit_code, outcome.err) == (0, "")
    # No server had to be started.
    assert outcome.out.startswith("Fetching bars of 1 hour of BTC/USD from simex, 2025-01-01 00:00 UTC")
    assert stored >= 31 * 24


# What a terminal has to say of itself for that: tests/cli/test_cli_progress.py.
@pytest.mark.parametrize(("options", "moving"), [((), True), (("--plain",), False)])
async def test_a_terminal_sees_one_moving_line_unless_it_asks_for_plain_ones(
    environment: dict[str, str],
    dsn: str,
    redis_url: str,
    options: tuple[str, ...],
    *,
    moving: bool,
) -> None:
    span = ("--since", "2025-01-01", "--until", "2025-03-01")
    told = environment | {"DB_CONNECTION_STRING": dsn, "REDIS_URL": redis_url, "TERM": "xterm"}
    arguments = ("backfill", "simulated", "simex", "BTC/USD", "1h", *span, *options)
    async with quart_at_terminal(told, *arguments) as (process, terminal):
        await terminal.until("Done: ")
        async with asyncio.timeout(DEADLINE_S):
            assert await process.wait() == 0

    shown = terminal.shown
    assert ("\r[------------------------]   0 %  0 bars  2025-01-01 00:00 UTC" in shown) is moving
    assert ("0 percent, 0 bars fetched, at 2025-01-01 00:00 UTC.\r\n" in shown) is not moving
    assert ("100 %" in shown) is moving
