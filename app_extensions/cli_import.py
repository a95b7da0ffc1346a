"""The command ``quart import-bars``."""

from collections.abc import Iterator
from datetime import tzinfo
from pathlib import Path

import click

from app_extensions import open_services
from app_extensions.cli_cache import NOT_TOLD
from app_extensions.cli_servers import hush_logs, reachable_servers, run, sentences
from app_extensions.cli_values import TIMEFRAME, ZONE
from app_extensions.migrations import migrate
from config import Config, load_config
from services.bar_import import ImportOrder, ImportReport
from utils.clock import Clock
from utils.domain import SECOND_MS, Instrument, Timeframe
from utils.errors import InvalidRequest
from utils.spoken import counted, utc_text


@click.command("import-bars")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--market", default="crypto", show_default=True, help="The market the bars belong to.")
@click.option("--exchange", required=True, help="The exchange they come from: bitstamp.")
@click.option("--symbol", required=True, help="What was traded: BTC/USD.")
@click.option("--timeframe", type=TIMEFRAME, required=True, help="How long a bar is: 1m, 1h, 1d.")
@click.option("--source-timezone", type=ZONE, default="UTC", show_default=True, help="Of dates without one.")
@click.option("--skip-bad-rows", is_flag=True, help="Store the good rows and leave out the bad ones.")
@click.option("--dry-run", is_flag=True, help="Check everything and store nothing.")
def import_bars_command(
    *,
    file: Path,
    market: str,
    exchange: str,
    symbol: str,
    timeframe: Timeframe,
    source_timezone: tzinfo,
    skip_bad_rows: bool,
    dry_run: bool,
) -> None:
    """Store the bars of a CSV file: all of them, or none when a row is bad.

    For example: quart import-bars hours.csv --exchange bitstamp --symbol BTC/USD --timeframe 1h
    """
    order = ImportOrder(
        Instrument(market, exchange, symbol),
        timeframe,
        source_timezone,
        written_ms=int(file.stat().st_mtime * SECOND_MS),
        skip_bad_rows=skip_bad_rows,
        dry_run=dry_run,
    )
    hush_logs()
    with sentences():
        with reachable_servers(load_config(), cache=True) as config:
            report = run(_import(config, order, file))
        _tell_of_import(order, report)


async def _import(config: Config, order: ImportOrder, file: Path) -> ImportReport:
    await migrate(config.db_connection_string)
    async with open_services(config, Clock(), only_market=order.instrument.market) as services:
        report = await services.bar_import.run(order, _lines(file))
    if services.answers.is_owing:
        click.echo(NOT_TOLD, err=True)
    return report


def _lines(file: Path) -> Iterator[str]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            yield from opened
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            f"{file} is no text in UTF-8. Save it as CSV in UTF-8, then import it."
        ) from error
    except OSError as error:
        raise InvalidRequest(f"{file} cannot be read: {error.strerror}. Check the file.") from error


def _tell_of_import(order: ImportOrder, report: ImportReport) -> None:
    bad = report.bad
    for row in bad.first:
        click.echo(f"Line {row.line}: {row.fault}.", err=True)
    if bad.count > len(bad.first):
        click.echo(f"And {counted(bad.count - len(bad.first), 'more bad row')}.", err=True)
    if report.unchecked:
        instrument = order.instrument
        click.echo(f"Whether {instrument.exchange} has {instrument.symbol} is not known: {report.unchecked}")
    if report.bars:
        click.echo(_found(report))
    if bad.count and (not order.skip_bad_rows or not report.bars):
        rows = f"{counted(bad.count, 'row')} {'is' if bad.count == 1 else 'are'} bad"
        raise click.ClickException(
            f"Nothing was stored: {rows}. Correct the file, or leave bad rows out with --skip-bad-rows."
        )
    if bad.count:
        were = "was" if bad.count == 1 else "were"
        click.echo(f"{counted(bad.count, 'bad row')} {were} left out.")
    click.echo(_stored(report))


def _found(report: ImportReport) -> str:
    count, spans = len(report.spans), report.spans
    said = (
        f"Read {counted(report.bars, 'bar')}, {utc_text(spans[0].start_ms)} to {utc_text(spans[-1].end_ms)}"
    )
    said += ", without a hole." if count == 1 else f", in {count:,} stretches with holes between them."
    if report.forming_ms is not None:
        said += f" The one at {utc_text(report.forming_ms)} had not closed when the file was written."
    return said


def _stored(report: ImportReport) -> str:
    if not report.stored:
        return "Nothing was stored, since this was a dry run."
    if not report.changed:
        return "All of them were stored already."
    return f"Stored: {report.changed:,} were new or different from what was there."
