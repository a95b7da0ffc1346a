"""Types that requests are made of: a time, a comma-separated list. Not for what a field means."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

TEXT_LENGTH_MAX = 256
# 1973 in milliseconds, and the year 5138 in seconds: whatever is below was meant as seconds.
LIKELY_SECONDS_BELOW = 100_000_000_000
TIME_END_MS = 4_102_444_800_000  # 2100-01-01
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A plus sign that nobody escaped arrives as a space.
ISO_PATTERN = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)(T(?P<clock>\d\d:\d\d(:\d\d(\.\d{1,6})?)?)(?P<zone>Z|[+ -]\d\d:\d\d)?)?",
    re.ASCII | re.IGNORECASE,
)
CONTROL_CHARACTER = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def refuse_control_characters(value: Any) -> Any:
    """Return the value, or the list of values, as it is.

    Raises: ValueError for text with control characters or half characters.
    """
    items = value if isinstance(value, list | tuple) else (value,)
    if any(isinstance(item, str) and CONTROL_CHARACTER.search(item) for item in items):
        raise ValueError("holds a control character: remove it.")
    return value


def read_time_ms(value: Any) -> int:
    """Return UTC milliseconds from milliseconds, ISO 8601 with an offset, or a date (its midnight, UTC).

    Raises: ValueError, whose text follows the field's name: ``must be a time: …``.
    """
    if isinstance(value, str) and (match := ISO_PATTERN.fullmatch(value)):
        time_ms = _iso_ms(match)
    elif isinstance(value, int) and not isinstance(value, bool):
        time_ms = _refuse_seconds(value)
    elif isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value, re.ASCII):
        time_ms = _refuse_seconds(int(value))
    else:
        raise ValueError("must be a time: milliseconds since 1970, or like 2026-11-21T12:00:00Z.")
    if not 0 <= time_ms < TIME_END_MS:
        raise ValueError("must lie between the years 1970 and 2100.")
    return time_ms


def _refuse_seconds(number: int) -> int:
    # Zero is how people write "from the beginning".
    if not 0 < number < LIKELY_SECONDS_BELOW:
        return number
    meant_ms = number * 1000
    if meant_ms < LIKELY_SECONDS_BELOW:
        raise ValueError(f"must be in milliseconds since 1970: {number} is too small.")
    raise ValueError(f"must be in milliseconds: {number} looks like seconds. Use {meant_ms}.")


def _iso_ms(match: re.Match[str]) -> int:
    if match["clock"] and not match["zone"]:
        raise ValueError("needs a time zone: end it with Z, or with an offset like +01:00.")
    zone = (match["zone"] or "Z").upper().replace(" ", "+")
    try:
        moment = datetime.fromisoformat(f"{match['date']}T{match['clock'] or '00:00'}{zone}")
    except ValueError as error:
        raise ValueError("is no date of the calendar: check year, month, day and clock.") from error
    return (moment - EPOCH) // timedelta(milliseconds=1)


def split_commas(value: Any) -> Any:
    """Return the parts of a text between its commas; what is no text is returned as it is."""
    if isinstance(value, str):
        return [item.strip() for item in value.split(",")]
    return value


# What markets, exchanges, symbols and timeframes are called by; services know which there are.
Name = Annotated[str, Field(min_length=1, max_length=64)]

TimeMs = Annotated[
    int,
    BeforeValidator(read_time_ms),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0, "exclusiveMaximum": TIME_END_MS},
                {"type": "string", "format": "date-time"},
                {"type": "string", "format": "date"},
            ]
        },
        mode="validation",
    ),
]

# ``symbols: CommaSeparated`` reads ``BTC/USD,ETH/USD``.
CommaSeparated = Annotated[tuple[str, ...], BeforeValidator(split_commas)]
