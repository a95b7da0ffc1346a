"""One listener's voice: a language and a time zone, and everything that is spoken in them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.narration import phrases
from services.narration.locales import SpokenLocale, choose_locale
from services.narration.names import SpokenName, exchange_name, spoken_name
from services.narration.numbers import number_text
from utils.domain import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, Instrument, Timeframe
from utils.errors import FieldError, InvalidRequest, shorten

UTC_ZONE = ZoneInfo("UTC")
ZONES_KEPT = 64
# A day of the year that is this long ago, or longer, may be taken for that of another year.
YEAR_CLEAR_MS = 180 * DAY_MS
SPAN_WORDS = (phrases.DAYS, phrases.HOURS, phrases.MINUTES, phrases.SECONDS)


@dataclass(frozen=True, slots=True)
class Voice:
    """Say things in one language, at the times of one time zone.

    ``with_years`` says the year of every bar, also where a day of the year is enough for who listens now.
    Arguments of a message are spoken already: ``voice.say(CLOSED, price=voice.price(close))``.
    """

    locale: SpokenLocale
    time_zone: ZoneInfo = UTC_ZONE
    with_years: bool = False

    def say(self, message: str, /, **arguments: str) -> str:
        """Return the message, an English template marked with ``N_``, in this language."""
        return self.locale.catalog.find(message).format_map(arguments)

    def say_count(self, one: str, many: str, /, count: int, **arguments: str) -> str:
        """Return the form of the message that the count takes; ``{count}`` in it is the count, spoken."""
        forms = self.locale.catalog.find_counted(one)
        # English, and what is not translated yet, has two forms.
        template = (one if count == 1 else many) if forms is None else forms[self.locale.form(count)]
        return template.format(count=self.number(count), **arguments)

    def price(self, value: Decimal) -> str:
        """Return the number with exactly the decimals it has: ``60,120.00``; never an exponent."""
        text = number_text(value, self.locale.decimal_mark, grouped=self.locale.grouped)
        return self.say(phrases.MINUS, number=text) if value < 0 else text

    def amount(self, value: Decimal) -> str:
        """Return a volume or an amount with exactly the decimals it has."""
        return self.price(value)

    def number(self, count: int) -> str:
        """Return a whole number."""
        return self.price(Decimal(count))

    def percent(self, value: Decimal) -> str:
        """Return the magnitude of a percentage: ``2.5 percent``; which way it went is for words."""
        text = number_text(value, self.locale.decimal_mark, grouped=self.locale.grouped)
        return self.say(phrases.PERCENT, number=text)

    def change(self, percent: Decimal) -> str:
        """Return a change and its direction: ``up 2.5 percent``, ``down 2.5 percent`` or ``unchanged``."""
        if not percent:
            return self.say(phrases.UNCHANGED)
        return self.say(phrases.UP if percent > 0 else phrases.DOWN, percent=self.percent(percent))

    def bar_time(self, open_time_ms: int, timeframe: Timeframe) -> str:
        """Return when a bar opened, as precisely as its timeframe is.

        ``21 November, 13:00``, ``21 November 2026``, ``week of 16 November 2026``, ``November 2026``. Bars
        of a day and longer are cut by UTC, so their day is that of UTC in every time zone. Bars of several
        weeks or months are no week and no month: they are named by the day of their open.
        """
        dates = self.locale.dates
        if timeframe.unit in ("s", "m", "h"):
            moment = _moment(open_time_ms, self.time_zone)
            date = dates.write_full_day(moment) if self.with_years else dates.write_day(moment)
            time = self._clock(moment, with_seconds=timeframe.unit == "s")
            return self.say(phrases.DATE_AND_TIME, date=date, time=time)
        moment = datetime.fromtimestamp(open_time_ms // SECOND_MS, UTC)
        if timeframe.unit == "M" and timeframe.count == 1:
            return dates.write_month(moment)
        day = dates.write_full_day(moment)
        return self.say(phrases.WEEK, date=day) if timeframe.unit == "w" and timeframe.count == 1 else day

    def moment(self, time_ms: int) -> str:
        """Return an instant to the minute: ``21 November 2026, 13:05``."""
        moment = _moment(time_ms, self.time_zone)
        return self.say(
            phrases.DATE_AND_TIME,
            date=self.locale.dates.write_full_day(moment),
            time=self._clock(moment, with_seconds=False),
        )

    def clock(self, time_ms: int) -> str:
        """Return the time of day to the minute: ``13:05``."""
        return self._clock(_moment(time_ms, self.time_zone), with_seconds=False)

    def duration(self, duration_ms: int) -> str:
        """Return a length of time in its two largest units, rounded down: ``2 hours 5 minutes``."""
        counts = _counts(abs(duration_ms))
        first = next((place for place, count in enumerate(counts) if count), len(counts) - 1)
        spoken = [
            self.say_count(*words, count=count)
            for words, count in zip(SPAN_WORDS[first : first + 2], counts[first : first + 2], strict=True)
            if count or first == len(counts) - 1
        ]
        return (
            spoken[0] if len(spoken) == 1 else self.say(phrases.DURATION, larger=spoken[0], smaller=spoken[1])
        )

    def timeframe(self, timeframe: Timeframe) -> str:
        """Return the length of a bar in words: ``4 hours``; ``1m`` is a minute and ``1M`` a month."""
        return self.say_count(*phrases.UNITS[timeframe.unit], count=timeframe.count)

    def name(self, instrument: Instrument) -> SpokenName:
        """Return how the instrument is called: whole, in short, and letter by letter."""
        return spoken_name(self.locale, instrument.symbol)

    def exchange(self, exchange: str) -> str:
        """Return what an exchange is called: ``Bitstamp``, ``O K X``."""
        return exchange_name(exchange)

    def is_year_clear(self, first_ms: int, last_ms: int, now_ms: int) -> bool:
        """Tell whether the year of times from first to last goes without saying."""
        years = {_moment(time_ms, self.time_zone).year for time_ms in (first_ms, last_ms)}
        return len(years) == 1 and now_ms - last_ms <= YEAR_CLEAR_MS

    def _clock(self, moment: datetime, *, with_seconds: bool) -> str:
        clock = self.locale.dates.write_clock(moment, with_seconds=with_seconds)
        if moment.replace(fold=1 - moment.fold).utcoffset() == moment.utcoffset():
            return clock
        return self.say(phrases.CLOCK_AFTER if moment.fold else phrases.CLOCK_BEFORE, clock=clock)


def voice_for(locale: str | None, accept_language: str | None, time_zone: str | None = None) -> Voice:
    """Return a voice: the language named, or the one the browser likes best; UTC unless a zone is named.

    Raises: InvalidRequest for a language or a time zone that is named and not known.
    """
    return Voice(choose_locale(locale, accept_language), _zone(time_zone) if time_zone else UTC_ZONE)


def _moment(time_ms: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(time_ms // SECOND_MS, zone)


def _counts(duration_ms: int) -> tuple[int, int, int, int]:
    days, rest_ms = divmod(duration_ms, DAY_MS)
    hours, rest_ms = divmod(rest_ms, HOUR_MS)
    minutes, rest_ms = divmod(rest_ms, MINUTE_MS)
    return days, hours, minutes, rest_ms // SECOND_MS


@lru_cache(maxsize=ZONES_KEPT)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        detail = f"There is no time zone {shorten(name)}. Write UTC or a name such as Europe/Berlin."
        raise InvalidRequest(
            detail, errors=(FieldError("time_zone", "unknown_time_zone", detail),)
        ) from error
