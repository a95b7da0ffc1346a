"""Types that requests are made of: a time, a comma-separated list. Not for what a field means."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticKnownError

from utils.domain import Timeframe

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
# Long ones are read too, so that the sentence can name the bound that they pass.
WHOLE_NUMBER = re.compile(r"0|-?[1-9]\d{0,63}", re.ASCII)
PLAIN_DECIMAL = re.compile(r"(0|[1-9]\d{0,12})(\.\d{1,30})?", re.ASCII)
CONTROL_CHARACTER = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def refuse_control_characters(value: Any) -> Any:
    """Return the value, or the list of values, as it is.

    Raises: ValueError for text with control characters or half characters.
    """
    items = value if isinstance(value, list | tuple) else (value,)
    if any(isinstance(item, str) and CONTROL_CHARACTER.search(item) for item in items):
        raise ValueError("holds a control character: remove it.")
    return value


def read_whole_number(value: Any) -> Any:
    """Return a whole number, or its plain decimal text, as a number; what is neither is returned as it is.

    Pydantic by itself also takes the texts ``5_0``, ``+5``, ``05`` and ``5.0``, and true.
    Raises: PydanticKnownError for those.
    """
    if isinstance(value, str):
        if WHOLE_NUMBER.fullmatch(value) is None:
            raise PydanticKnownError("int_parsing")
        return int(value)
    if isinstance(value, float) and value.is_integer():
        # JSON knows one kind of number, and JSON Schema takes 5.0 for a whole one.
        return int(value)
    if isinstance(value, bool | float):
        raise PydanticKnownError("int_type")
    return value


def read_plain_decimal(value: Any) -> Any:
    """Return a number, or its plain decimal text; what is neither is returned as it is.

    Decimal by itself also takes ``1e3``, ``1_000``, ``+5`` and spaces around.
    Raises: PydanticKnownError for those.
    """
    if isinstance(value, bool) or (isinstance(value, str) and PLAIN_DECIMAL.fullmatch(value) is None):
        raise PydanticKnownError("decimal_parsing")
    return value


def is_whole_number(annotation: Any, metadata: Iterable[Any] = ()) -> bool:
    """Tell whether a field is a whole number, or one or nothing, that nobody else reads."""
    if any(isinstance(each, BeforeValidator) for each in metadata):
        return False
    if get_origin(annotation) is Annotated:
        inner, *others = get_args(annotation)
        return is_whole_number(inner, others)
    if get_origin(annotation) in (Union, UnionType):
        return any(is_whole_number(each) for each in get_args(annotation))
    return annotation is int


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


def read_seconds(value: Any) -> int:
    """Return UTC milliseconds from whole seconds, as charts send them.

    Charts ask for times before 1970 and for some far away, where they mean all there is: those are moved to
    the ends of the calendar. Raises: ValueError, whose text follows the field's name.
    """
    if isinstance(value, bool) or not isinstance(value, int | str):
        value = str(value)
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value, re.ASCII) is None:
        raise ValueError("must be a time in whole seconds since 1970.")
    seconds = int(value)
    if seconds >= LIKELY_SECONDS_BELOW:
        raise ValueError(f"must be in seconds: {seconds} looks like milliseconds. Use {seconds // 1000}.")
    return min(max(seconds, 0) * 1000, TIME_END_MS)


def read_chart_time_ms(value: Any) -> int:
    """Return UTC milliseconds from seconds or milliseconds, told apart by their size, or from ISO 8601.

    Raises: ValueError, whose text follows the field's name.
    """
    text = str(value)
    if isinstance(value, int | str) and re.fullmatch(r"-?\d{1,18}", text, re.ASCII):
        return read_seconds(value) if int(text) < LIKELY_SECONDS_BELOW else read_time_ms(value)
    return read_time_ms(value)


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
# The same for what only code can check whole; the document of the interface names its form.
TimeframeName = Annotated[Name, Field(json_schema_extra={"format": "timeframe"})]
LanguageName = Annotated[Name, Field(json_schema_extra={"format": "language"})]
TimeZoneName = Annotated[Name, Field(json_schema_extra={"format": "time-zone"})]

TimeMs = Annotated[
    int,
    BeforeValidator(read_time_ms),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": LIKELY_SECONDS_BELOW, "exclusiveMaximum": TIME_END_MS},
                {"const": 0},
                {"type": "string", "format": "iso-time"},
            ]
        },
        mode="validation",
    ),
]


def check_resolution(text: str) -> str:
    """Return the resolution of a chart as it is.

    Raises: ValueError, whose text follows the field's name.
    """
    try:
        Timeframe.parse(text)
    except ValueError as error:
        raise ValueError("must be a resolution: like 1, 60, 1D, 1W or 1M, at most 12M.") from error
    return text


Resolution = Annotated[TimeframeName, AfterValidator(check_resolution)]

# Whole seconds, and what is made of them: milliseconds.
SECONDS_SCHEMA = {
    "type": "integer",
    "minimum": -LIKELY_SECONDS_BELOW,
    "exclusiveMaximum": LIKELY_SECONDS_BELOW,
}
Seconds = Annotated[int, BeforeValidator(read_seconds), WithJsonSchema(SECONDS_SCHEMA, mode="validation")]
ChartTime = Annotated[
    int,
    BeforeValidator(read_chart_time_ms),
    WithJsonSchema(
        {
            "anyOf": [
                SECONDS_SCHEMA,
                {"type": "integer", "minimum": LIKELY_SECONDS_BELOW, "exclusiveMaximum": TIME_END_MS},
                {"type": "string", "format": "iso-time"},
            ]
        },
        mode="validation",
    ),
]


def plain_decimal_schema(smallest: float, largest: float, *more: dict[str, Any]) -> WithJsonSchema:
    """Return how the document of the interface shows a decimal: a number, or its exact text."""
    number = {"type": "number", "minimum": smallest, "maximum": largest}
    text = {"type": "string", "format": "decimal", "minLength": 1, "maxLength": 44}
    return WithJsonSchema({"anyOf": [number, *more, text]}, mode="validation")


# ``symbols: CommaSeparated`` reads ``BTC/USD,ETH/USD``.
CommaSeparated = Annotated[tuple[str, ...], BeforeValidator(split_commas)]
