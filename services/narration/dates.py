"""Dates as the CLDR writes them: its patterns read once, then filled without asking Babel again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from babel.core import Locale


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
        return self._fill(self.day, moment)

    def write_full_day(self, moment: datetime) -> str:
        """Return ``21 November 2026``."""
        return self._fill(self.full_day, moment)

    def write_month(self, moment: datetime) -> str:
        """Return ``November 2026``."""
        return self._fill(self.month, moment)

    def write_clock(self, moment: datetime, *, with_seconds: bool) -> str:
        """Return ``13:05`` or ``13:05:30``."""
        return self._fill(self.clock_with_seconds if with_seconds else self.clock, moment)

    # Patterns are those of Babel: "%(d)s. %(MMMM)s %(y)s".
    def _fill(self, pattern: str, moment: datetime) -> str:
        month = moment.month - 1
        return pattern % {
            "d": moment.day,
            "y": moment.year,
            "M": moment.month,
            "MMMM": self.months[month],
            "LLLL": self.months_alone[month],
            "H": moment.hour,
            "HH": f"{moment.hour:02}",
            "mm": f"{moment.minute:02}",
            "ss": f"{moment.second:02}",
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
