"""What commands read from their arguments: times, timeframes, time zones."""

from collections.abc import Callable
from datetime import tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from utils.domain import Timeframe
from utils.field_types import read_time_ms
from utils.setting_readers import url


class Read(click.ParamType[Any]):
    """Read a value of the command line with a function that raises ValueError with the end of a sentence."""

    def __init__(self, name: str, read: Callable[[str], Any]) -> None:
        self.name = name
        self._read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value read."""
        if not isinstance(value, str):
            return value
        try:
            return self._read(value)
        except ValueError as error:
            self.fail(f"{error}", param, ctx)


def _read_timeframe(text: str) -> Timeframe:
    try:
        return Timeframe.parse(text)
    except ValueError as error:
        raise ValueError(f"{text} is no timeframe. Write 1m, 1h, 4h or 1d.") from error


def _read_zone(text: str) -> tzinfo:
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{text} is no time zone this machine knows. Write UTC or Europe/London.") from error


def _read_database(text: str) -> str:
    try:
        return url("postgresql", "postgres")(text)
    except ValueError as error:
        # Without the text itself, which may hold a password.
        raise ValueError(f"This has to be {error}.") from error


DATABASE = Read("address", _read_database)
TIME = Read("time", read_time_ms)
TIMEFRAME = Read("timeframe", _read_timeframe)
ZONE = Read("zone", _read_zone)
