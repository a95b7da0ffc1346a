"""Times as people's CSV files write them: counted since 1970 in any unit, or as a date; pure."""

import re
from datetime import UTC, datetime, timedelta, tzinfo

from utils.errors import shorten

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The years 1973 to 2100, in seconds. In the finer units the same years are other numbers, so that the size
# of a number tells its unit.
FIRST_S, END_S = 100_000_000, 4_102_444_800
UNITS_A_SECOND = (1, 1_000, 1_000_000, 1_000_000_000)

# 2024-01-31, 2024/1/31, 2024.01.31 or 20240131; then 05:00, 05:00:00.000 or 05-PM; then Z, UTC or +01:00.
DATE_PATTERN = re.compile(
    r"(?P<year>\d{4})(?P<mark>[-/.]?)(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})"
    r"(?:[T ]+(?P<hour>\d{1,2})(?::(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"|[ -](?P<half>[AP]M)))?"
    r" ?(?P<zone>Z|UTC|GMT|[+-]\d\d:?\d\d)?",
    re.ASCII | re.IGNORECASE,
)
# Eight digits are a date: as a number they would lie in 1970, or be no time at all.
COMPACT_DATE_PATTERN = re.compile(r"\d{8}", re.ASCII)


def read_csv_time_ms(text: str, zone: tzinfo) -> int:
    """Return UTC milliseconds; a date without a zone is meant in ``zone``.

    Raises: ValueError, whose text is a sentence without its full stop: ``31/12/2023 is no time …``.
    """
    text = text.strip()
    compact = COMPACT_DATE_PATTERN.fullmatch(text)
    counted_ms = None if compact else _counted_ms(text)
    if counted_ms is not None:
        return counted_ms
    match = DATE_PATTERN.fullmatch(text)
    if match is None or (not match["mark"] and not COMPACT_DATE_PATTERN.match(text)):
        raise ValueError(
            f"{shorten(text) or 'an empty field'} is no time that can be read: write it like "
            "2024-01-31 05:00, or in seconds or milliseconds since 1970"
        )
    return _dated_ms(match, zone)


def _counted_ms(text: str) -> int | None:
    try:
        # Finer units have more digits than a float can hold.
        number: int | float = int(text) if text.isdecimal() else float(text)
    except ValueError:
        return None
    for units in UNITS_A_SECOND:
        if FIRST_S * units <= number < END_S * units:
            if isinstance(number, int):
                whole_ms, rest = divmod(number * 1_000, units)
                return None if rest else whole_ms
            time_ms = number * 1_000 / units
            return int(time_ms) if time_ms.is_integer() else None
    return None


def _dated_ms(match: re.Match[str], zone: tzinfo) -> int:
    hour = int(match["hour"] or 0)
    if match["half"]:
        hour = hour % 12 + (12 if match["half"].upper() == "PM" else 0)
    micros = int((match["fraction"] or "0").ljust(6, "0")[:6])
    try:
        moment = datetime(
            int(match["year"]),
            int(match["month"]),
            int(match["day"]),
            hour,
            int(match["minute"] or 0),
            int(match["second"] or 0),
            micros,
            tzinfo=_zone(match["zone"], zone),
        )
    except ValueError as error:
        raise ValueError(f"{match[0]} is no date of the calendar") from error
    if moment.utcoffset() != moment.replace(fold=1).utcoffset():
        raise ValueError(
            f"{match[0]} comes twice or never in {zone}, because the clocks change there: write it in UTC"
        )
    return (moment - EPOCH) // timedelta(milliseconds=1)


def _zone(text: str | None, default: tzinfo) -> tzinfo:
    if text is None:
        return default
    if text.upper() in ("Z", "UTC", "GMT"):
        return UTC
    # Read by the library, which knows what offsets there are.
    offset = datetime.fromisoformat(f"2000-01-01T00:00{text}").tzinfo
    assert offset is not None
    return offset
