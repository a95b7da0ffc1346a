"""Dates as the CLDR writes them: its patterns read once, then filled without asking Babel again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from babel.core import Locale

TWO_DIGITS = tuple(f"{number:02}" for number in range(60))


@dataclass(frozen=True, slots=True, eq=False)
class DatePatterns:
    """Write the parts of a time in one language."""

    day: str
    full_day: str
    month: str
    clock: str
    clock_with_seconds: str
    months: tuple[str, ...]
    months_alone: tuple[str, ...]

    def write_day(self, moment: datetime) -> str:
        """Return ``21 November``."""
        return self._write_date(self.day, moment)

    def write_full_day(self, moment: datetime) -> str:
        """Return ``21 November 2026``."""
        return self._write_date(self.full_day, moment)

    def write_month(self, moment: datetime) -> str:
        """Return ``November 2026``."""
        return self._write_date(self.month, moment)

    def write_clock(self, moment: datetime, *, with_seconds: bool) -> str:
        """Return ``13:05`` or ``13:05:30``."""
        pattern = self.clock_with_seconds if with_seconds else self.clock
        hour = moment.hour
        return pattern % {
            "H": hour,
            "HH": TWO_DIGITS[hour],
            "mm": TWO_DIGITS[moment.minute],
            "ss": TWO_DIGITS[moment.second],
        }

    # Patterns are those of Babel: "%(d)s. %(MMMM)s %(y)s".
    def _write_date(self, pattern: str, moment: datetime) -> str:
        month = moment.month
        return pattern % {
            "d": moment.day,
            "y": moment.year,
            "M": month,
            "MMMM": self.months[month - 1],
            "LLLL": self.months_alone[month - 1],
        }


def read_date_patterns(cldr: Locale) -> DatePatterns:
    """Read the patterns of one language from the CLDR."""
    # Babel calls the type of a pattern's format another than it is.
    skeletons = {name: str(cldr.datetime_skeletons[name].format) for name in ("MMMMd", "yMMMM", "Hm", "Hms")}
    return DatePatterns(
        day=skeletons["MMMMd"],
        full_day=str(cldr.date_formats["long"].format),
        month=skeletons["yMMMM"],
        clock=skeletons["Hm"],
        clock_with_seconds=skeletons["Hms"],
        months=_names(cldr.months["format"]["wide"]),
        months_alone=_names(cldr.months["stand-alone"]["wide"]),
    )


def _names(months: Mapping[int, str]) -> tuple[str, ...]:
    return tuple(months[number] for number in range(1, 13))
