"""The command ``quart listen``: announcements as plain lines, for screen readers, braille and pipes."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import click

from app_extensions.cli_servers import sentences
from app_extensions.cli_values import TIME, TIMEFRAME
from app_extensions.live_listener import Credentials, Listener, Message, Station
from app_extensions.speaker import PROGRAMS, Speaker, Utterance, find_program
from services.announcing import phrases
from services.narration.voice import voice_for
from utils.domain import Timeframe
from utils.errors import shorten
from utils.tasks import end_tasks

EXIT_INTERRUPTED = 130
TEXT_MAX = 2_000
DEFAULT_URL = "http://127.0.0.1:5000"


@click.command("listen")
@click.argument("symbol")
@click.option("--exchange", help="The exchange; the service's default when left out.")
@click.option("--market", help="The market; the service's default when left out.")
@click.option("--timeframe", type=TIMEFRAME, default="1m", show_default=True, help="The length of a bar.")
@click.option("--url", default=DEFAULT_URL, show_default=True, help="The address of the running service.")
@click.option("--locale", help="The language: en, de, fr, pl, ja or ar.")
@click.option("--time-zone", help="The time zone of times of day: Europe/Berlin.")
@click.option(
    "--mode",
    type=click.Choice(["alerts", "important", "all"]),
    default="all",
    show_default=True,
    help="How much is said.",
)
@click.option(
    "--verbosity",
    type=click.Choice(["brief", "normal", "full"]),
    default="normal",
    show_default=True,
    help="How much each line says.",
)
@click.option("--since", type=TIME, help="Say first what happened since this day or time.")
@click.option("--username", help="Sign in, to hear your alerts; the password is asked for.")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of the input.")
@click.option("--speak", is_flag=True, help=f"Also speak, through {' or '.join(PROGRAMS)}.")
@click.option(
    "--words-per-minute",
    type=click.IntRange(60, 800),
    default=175,
    show_default=True,
    help="How fast your speech is; it decides how much is said.",
)
def listen_command(
    *,
    symbol: str,
    exchange: str | None,
    market: str | None,
    timeframe: Timeframe,
    url: str,
    locale: str | None,
    time_zone: str | None,
    mode: str,
    verbosity: str,
    since: int | None,
    username: str | None,
    password_stdin: bool,
    speak: bool,
    words_per_minute: int,
) -> None:
    """Print what is announced of a symbol, one line a message.

    For example: quart listen BTC/USD --exchange bitstamp
    """
    parameters = {
        "symbols": symbol,
        "timeframe": timeframe.text,
        "mode": mode,
        "verbosity": verbosity,
        "words_per_minute": str(words_per_minute),
    }
    given = {"exchange": exchange, "market": market, "locale": locale, "time_zone": time_zone}
    parameters |= {name: value for name, value in given.items() if value is not None}
    station = Station(url.rstrip("/"), {**parameters, "announce": "true"})
    credentials = _credentials(username, password_stdin=password_stdin)
    speaker = _speaker(words_per_minute) if speak else None
    try:
        with sentences():
            asyncio.run(_listen(station, credentials, speaker, since))
    except KeyboardInterrupt:
        click.echo("Stopped.", err=True)
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our lines has gone. Python must not find that out once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _credentials(username: str | None, *, password_stdin: bool) -> Credentials | None:
    if username is None:
        if password_stdin:
            raise click.ClickException("A password from the input needs a name: add --username.")
        return None
    if password_stdin:
        return Credentials(username, sys.stdin.readline().removesuffix("\n").removesuffix("\r"))
    return Credentials(username, click.prompt("Password", hide_input=True, err=True))


def _speaker(words_per_minute: int) -> Speaker:
    program = find_program()
    if program is None:
        raise click.ClickException(f"There is no speech program. Install {' or '.join(PROGRAMS)}.")
    return Speaker(program, words_per_minute)


async def _listen(
    station: Station, credentials: Credentials | None, speaker: Speaker | None, since_ms: int | None
) -> None:
    async with aiohttp.ClientSession() as session, _speaking(speaker):
        listener = Listener(station, session, credentials)
        try:
            missed = await listener.missed(since_ms)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise click.ClickException(
                f"{station.url} does not answer. Start the service with ./start.sh, or give its --url."
            ) from error
        # The service has said in which language it speaks.
        language = str(missed["lang"])
        # Nothing has happened since a time that is yet to come by the clock of the service.
        if since_ms is not None and missed["catch_up"] is not None:
            _tell(missed["catch_up"], speaker)
        async for message in listener.announcements():
            if message["type"] == "announce":
                language = str(message["lang"])
                _tell(message, speaker)
            else:
                _tell_connection(lost=message["type"] == "lost", language=language, speaker=speaker)


def _tell(message: Message, speaker: Speaker | None) -> None:
    text = shorten(str(message["text"]), TEXT_MAX)
    click.echo(text)
    if speaker is not None:
        speaker.say(Utterance(text, str(message["lang"]), urgent=message["priority"] == "critical"))


def _tell_connection(*, lost: bool, language: str, speaker: Speaker | None) -> None:
    said = phrases.CONNECTION_LOST if lost else phrases.CONNECTION_BACK
    # None of ours where the service is newer: the header is a wish, and English the rest.
    text = voice_for(None, language).say(said)
    click.echo(text, err=True)
    if speaker is not None:
        # A line that is dead must not sound like a calm market.
        speaker.say(Utterance(text, language, urgent=True))


@asynccontextmanager
async def _speaking(speaker: Speaker | None) -> AsyncIterator[None]:
    if speaker is None:
        yield
        return
    task = asyncio.create_task(speaker.run(), name="speech")
    try:
        yield
    finally:
        await end_tasks([task])
