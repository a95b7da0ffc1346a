"""``quart import-bars`` with the files people have, and what it says of those it cannot take."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from quart import Quart

from app import create_app
from app_extensions.cli_import import import_bars_command
from config import Config
from tests.cli.quart import Outcome, run_quart
from tests.exchange import LocalExchange
from tests.exchange.recordings import coinbase_hours, recorded_path
from utils.domain import HOUR_MS

HEADER = "date,open,high,low,close,volume"
ROWS = (
    "2025-01-01 00:00,55838.42,56157.2,55584.8,55903.14,416.5",
    "2025-01-01 01:00,55909.5,55949.79,55334.83,55490.43,466.25",
    "2025-01-01 02:00,55489.37,55708.62,55133.77,55684.16,261.75",
)
PLACE = ("--market", "simulated", "--exchange", "simex", "--symbol", "BTC/USD", "--timeframe", "1h")
READ = "Read 3 bars, 2025-01-01 00:00 UTC to 2025-01-01 03:00 UTC, without a hole.\n"


@dataclass
class Command:
    """The command in this process, on the servers of the tests, and a file to give to it."""

    file: Path

    def write(self, *rows: str, header: str = HEADER) -> None:
        self.file.write_text("\n".join((header, *rows)) + "\n")

    async def run(self, *arguments: str) -> Outcome:
        runner = CliRunner()
        call = asyncio.to_thread(runner.invoke, import_bars_command, [str(self.file), *arguments])
        result = await call
        return Outcome(result.exit_code, result.stdout, result.stderr)


@pytest.fixture
def command(
    environment: dict[str, str], dsn: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Command:
    for name, text in (environment | {"DB_CONNECTION_STRING": dsn, "REDIS_URL": redis_url}).items():
        monkeypatch.setenv(name, text)
    return Command(tmp_path / "bars.csv")


async def test_the_command_stores_a_file_and_says_so(
    environment: dict[str, str], dsn: str, redis_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "bars.csv"
    await asyncio.to_thread(file.write_text, "\n".join((HEADER, *ROWS)))
    servers = {"DB_CONNECTION_STRING": dsn, "REDIS_URL": redis_url}

    outcome = await run_quart(environment | servers, "import-bars", file, *PLACE)

    assert outcome == Outcome(0, f"{READ}Stored: 3 were new or different from what was there.\n", "")


async def test_importing_again_finds_nothing_new(command: Command) -> None:
    command.write(*ROWS)
    await command.run(*PLACE)
    assert await command.run(*PLACE) == Outcome(0, f"{READ}All of them were stored already.\n", "")


async def test_bad_rows_are_told_by_line_and_nothing_is_stored(command: Command) -> None:
    command.write(ROWS[0], "2025-01-01 01:00,x,1,1,1,1", ROWS[2].replace("261.75", "-1"))
    refused = await command.run(*PLACE)
    assert refused.exit_code == 1
    assert refused.err == (
        "Line 3: open is x, which is no number.\n"
        "Line 4: the bar at 2025-01-01 02:00 UTC has a volume below zero.\n"
        "Error: Nothing was stored: 2 rows are bad. "
        "Correct the file, or leave bad rows out with --skip-bad-rows.\n"
    )
    command.write(*ROWS)
    assert "Stored: 3 were new" in (await command.run(*PLACE)).out


async def test_only_the_first_twenty_bad_rows_are_told_and_all_are_counted(command: Command) -> None:
    command.write(*ROWS, *("nonsense" for _ in range(33)))
    outcome = await command.run(*PLACE)
    lines = outcome.err.splitlines()
    assert [line.split(":")[0] for line in lines[:20]] == [f"Line {number}" for number in range(5, 25)]
    assert lines[20] == "And 13 more bad rows."
    assert "33 rows are bad" in lines[21]


async def test_bad_rows_can_be_left_out(command: Command) -> None:
    command.write(ROWS[0], "nonsense", ROWS[2])
    outcome = await command.run(*PLACE, "--skip-bad-rows")
    assert outcome.exit_code == 0
    assert outcome.out == (
        "Read 2 bars, 2025-01-01 00:00 UTC to 2025-01-01 03:00 UTC, in 2 stretches with holes between them.\n"
        "1 bad row was left out.\n"
        "Stored: 2 were new or different from what was there.\n"
    )
    assert outcome.err == "Line 3: has 1 fields where the first line names 6.\n"


async def test_one_bar_is_read_as_one(command: Command) -> None:
    command.write(ROWS[0])
    outcome = await command.run(*PLACE)
    assert outcome.out.startswith("Read 1 bar, 2025-01-01 00:00 UTC to 2025-01-01 01:00 UTC, without a hole.")


async def test_a_dry_run_stores_nothing(command: Command) -> None:
    command.write(*ROWS)
    dry = await command.run(*PLACE, "--dry-run")
    assert dry == Outcome(0, f"{READ}Nothing was stored, since this was a dry run.\n", "")
    assert "Stored: 3 were new" in (await command.run(*PLACE)).out


async def test_dates_are_read_in_the_zone_that_is_named(command: Command) -> None:
    command.write(*ROWS)
    outcome = await command.run(*PLACE, "--source-timezone", "America/New_York")
    assert outcome.out.startswith(
        "Read 3 bars, 2025-01-01 05:00 UTC to 2025-01-01 08:00 UTC, without a hole."
    )
    wrong = await command.run(*PLACE, "--source-timezone", "New York")
    assert wrong.exit_code == 2
    assert "New York is no time zone this machine knows. Write UTC or Europe/London." in wrong.err


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The file is empty. It needs a first line that names its columns."),
        (
            f"{HEADER}\n".encode(),
            "The file has no rows below the names of its columns.",
        ),
        (
            b"date,open,high,low,close\n",
            "The file has no column for volume. Its columns are: date, open, high,",
        ),
        ((HEADER + "\n").encode("utf-16"), "is no text in UTF-8. Save it as CSV in UTF-8, then import it."),
        (f"{HEADER}\n\x00".encode() + b"\xff\xfe", "is no text in UTF-8."),
    ],
)
async def test_a_file_that_cannot_be_used_is_one_sentence(
    command: Command, content: bytes, sentence: str
) -> None:
    command.file.write_bytes(content)
    outcome = await command.run(*PLACE)
    assert (outcome.exit_code, outcome.out) == (1, "")
    assert sentence in outcome.err
    assert outcome.err.count("\n") == 1


async def test_a_file_that_is_not_there_is_told_before_anything_else(command: Command) -> None:
    outcome = await command.run(*PLACE)
    assert outcome.exit_code == 2
    assert "does not exist" in outcome.err


async def test_a_wrong_symbol_is_told_with_what_was_meant(command: Command) -> None:
    command.write(*ROWS)
    place = [word.replace("BTC/USD", "BTCUSD") for word in PLACE]
    outcome = await command.run(*place)
    assert outcome.exit_code == 1
    assert "There is no symbol BTCUSD. Did you mean BTC/USD" in outcome.err


@pytest.fixture
async def coinbase(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LocalExchange]:
    hours = coinbase_hours()
    async with LocalExchange(time_ms=(hours[-1].open_time_ms or 0) + HOUR_MS + 10_000) as exchange:
        monkeypatch.setenv("CRYPTO_ENDPOINT", exchange.endpoint)
        monkeypatch.setenv("CRYPTO_EXCHANGES", "coinbase")
        yield exchange


async def history(app: Quart, start_ms: int, end_ms: int) -> list[list[float]]:
    """Return every bar of a stretch, page after page."""
    bars: list[list[float]] = []
    while True:
        answer = await app.test_client().get(
            "/market/fetch_ohlcv?market=crypto&exchange=coinbase&symbol=BTC/USD&timeframe=1h"
            f"&since={start_ms}&until={end_ms}&limit=2000"
        )
        assert answer.status_code == 200, await answer.get_data()
        page = await answer.get_json()
        assert page["gaps"] == []
        bars += page["ohlcv"]
        if len(page["ohlcv"]) < 2_000:
            return bars
        start_ms = bars[-1][0] + HOUR_MS


async def test_a_recorded_file_reads_back_value_for_value_without_a_question_for_bars(
    command: Command, coinbase: LocalExchange, config: Config
) -> None:
    file = recorded_path("coinbase-1h/ArdRay_coinbase_BTCUSD_1h_2024.csv")
    place = ("--exchange", "coinbase", "--symbol", "BTC/USD", "--timeframe", "1h")

    outcome = await replace(command, file=file).run(*place)

    assert outcome.out.splitlines() == [
        "Read 6,115 bars, 2023-12-31 23:00 UTC to 2024-09-11 18:00 UTC, without a hole.",
        "Stored: 6,115 were new or different from what was there.",
    ]
    hours = coinbase_hours()
    app = create_app(replace(config, crypto_endpoint=coinbase.endpoint, crypto_exchanges="coinbase"))
    async with app.test_app():
        first_ms, last_ms = hours[0].open_time_ms or 0, hours[-1].open_time_ms or 0
        bars = await history(app, first_ms, last_ms + HOUR_MS)
    assert [tuple(bar) for bar in bars] == [
        (row.open_time_ms, *(float(text or "") for text in row[1:])) for row in hours
    ]
    assert coinbase.calls_of("coinbase", "bars") == []
