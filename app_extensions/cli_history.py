"""The command ``quart backfill``."""

import contextlib
import sys

import click

from app_extensions import open_services
from app_extensions.cli_cache import NOT_TOLD
from app_extensions.cli_progress import Teller, choose_teller, spoken_length
from app_extensions.cli_servers import hush_logs, reachable_servers, run, sentences
from app_extensions.cli_values import TIME, TIMEFRAME
from app_extensions.migrations import migrate
from config import Config, load_config
from services import Services
from services.backfill import BackfillOrder, Progress, Waiting
from utils.clock import Clock
from utils.domain import Instrument, Timeframe
from utils.errors import UpstreamError
from utils.spoken import counted, spoken_wait, utc_text

EXIT_INTERRUPTED = 130
GO_ON = "What was fetched is stored: run the same command again to go on."


@click.command("backfill")
@click.argument("market")
@click.argument("exchange")
@click.argument("symbol")
@click.argument("timeframe", type=TIMEFRAME)
@click.option("--since", type=TIME, required=True, help="The first day or time wanted: 2018-01-01.")
@click.option("--until", type=TIME, help="Where to end; up to now when left out.")
@click.option("--plain", is_flag=True, help="Say plain sentences also on a terminal.")
def backfill_command(
    *,
    market: str,
    exchange: str,
    symbol: str,
    timeframe: Timeframe,
    since: int,
    until: int | None,
    plain: bool,
) -> None:
    """Fetch history that is missing, and store it.

    For example: quart backfill crypto bitstamp BTC/USD 1h --since 2018-01-01
    """
    order = BackfillOrder(Instrument(market, exchange, symbol), timeframe, since, until)
    teller = choose_teller(sys.stdout, plain=plain)
    hush_logs()
    try:
        with sentences(), reachable_servers(load_config(), cache=True) as config:
            run(_backfill(config, order, teller))
    except KeyboardInterrupt:
        at = f" at {utc_text(teller.last.reached_ms)}" if teller.last else ""
        teller.say(f"Stopped{at}. {GO_ON}")
        sys.exit(EXIT_INTERRUPTED)


async def _backfill(config: Config, order: BackfillOrder, teller: Teller) -> None:
    await migrate(config.db_connection_string)
    services: Services | None = None
    try:
        async with open_services(config, Clock(), only_market=order.instrument.market) as services:
            await _fill(services, order, teller)
        if teller.last is not None:
            teller.say(_finished(order, teller.last, teller.elapsed_s))
    finally:
        # What could not be told on the way was tried once more when the services were closed.
        if services is not None and services.answers.is_owing:
            teller.end()
            click.echo(NOT_TOLD, err=True)


async def _fill(services: Services, order: BackfillOrder, teller: Teller) -> None:
    async with contextlib.aclosing(services.backfill.run(order)) as steps:
        try:
            async for step in steps:
                if isinstance(step, Waiting):
                    teller.say(f"{step.complaint} Asking again in {spoken_wait(step.wait_s)}.")
                    continue
                if teller.last is None:
                    teller.say(_begun(order, step))
                teller.tell(step)
        except UpstreamError as error:
            teller.end()
            raise click.ClickException(f"{error.detail} {GO_ON}") from error


def _begun(order: BackfillOrder, progress: Progress) -> str:
    instrument, span = order.instrument, progress.span
    kind = f"bars of {progress.timeframe.spoken}"
    if progress.timeframe != order.timeframe:
        kind += f", of which those of {order.timeframe.spoken} are built,"
    return (
        f"Fetching {kind} of {instrument.symbol} from {instrument.exchange}, "
        f"{utc_text(span.start_ms)} to {utc_text(span.end_ms)}."
    )


def _finished(order: BackfillOrder, progress: Progress, elapsed_s: float) -> str:
    were = "was" if progress.bars == 1 else "were"
    fetched = f"{counted(progress.bars, 'bar')} {were} fetched in {spoken_length(elapsed_s)}."
    said = f"Done: {fetched}" if progress.bars else "Done: everything was stored already."
    silent = round(progress.silent_ms / progress.timeframe.approximate_ms)
    if silent:
        said += f" {order.instrument.exchange} tells of nothing where {counted(silent, 'bar')} could be."
    return said
