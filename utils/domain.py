"""The nouns of the product: instruments, timeframes, bars, gaps and topics.

Pure values, no input or output. Every outside shape is translated into these at the border.
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
WEEK_MS = 7 * DAY_MS
# 1970-01-05 was the first Monday of the epoch; weeks are counted from it.
FIRST_MONDAY_MS = 4 * DAY_MS
# 1973 in milliseconds and the year 5138 in seconds: an earlier time was meant as seconds.
EARLIEST_BAR_MS = 100_000_000_000

UNIT_MS = {"s": SECOND_MS, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS, "w": WEEK_MS}
UNIT_WORDS = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "M": "month"}
# TradingView writes seconds, days and weeks in capitals; a capital M is a month everywhere.
OUTSIDE_UNITS = {"S": "s", "H": "h", "D": "d", "W": "w"}
LARGER_UNIT = {"s": ("m", 60), "m": ("h", 60), "h": ("d", 24)}
# Longer bars than a year's nobody has, and the calendar would end before a page of them does.
LONGEST_MS = 12 * 31 * DAY_MS
TIMEFRAME_PATTERN = re.compile(r"(?P<count>[1-9]\d{0,4})?(?P<unit>[smhdwMSHDW])?", re.ASCII)


class BarState(StrEnum):
    """What a bar says of itself: still moving, final, or changed after it was final."""

    FORMING = "forming"
    CLOSED = "closed"
    CORRECTED = "corrected"


class BarSource(StrEnum):
    """Who made a bar: the exchange, we from trades, we from finer bars, or the simulation."""

    EXCHANGE = "exchange"
    TRADES = "trades"
    DERIVED = "derived"
    SIMULATED = "simulated"


class GapReason(StrEnum):
    """Why a stretch of history holds no bar."""

    NO_TRADES = "no_trades"
    OUTAGE = "outage"
    UNFETCHED = "unfetched"
    BEFORE_LISTING = "before_listing"
    AFTER_DELISTING = "after_delisting"
    RETENTION = "retention"


@dataclass(frozen=True, slots=True, order=True)
class Instrument:
    """Name one tradable thing; text form ``crypto:bitstamp:BTC/USD``."""

    market: str
    exchange: str
    symbol: str

    @property
    def text(self) -> str:
        """Return the form that logs, keys and messages carry."""
        return f"{self.market}:{self.exchange}:{self.symbol}"


@dataclass(frozen=True, slots=True)
class InstrumentSpec:
    """Hold the facts of an instrument that do not name it; times in UTC milliseconds, None unknown."""

    instrument: Instrument
    description: str
    spoken_name: str
    price_step: float | None = None
    amount_step: float | None = None
    active: bool = True
    listed_ms: int | None = None
    delisted_ms: int | None = None

    @classmethod
    def unlisted(cls, instrument: Instrument, delisted_ms: int | None = None) -> "InstrumentSpec":
        """Return what is known of an instrument that its exchange does not, or no longer, describe."""
        symbol = instrument.symbol
        return cls(instrument, symbol, symbol, active=delisted_ms is None, delisted_ms=delisted_ms)


@dataclass(frozen=True, slots=True)
class Timeframe:
    """Measure bars: ``1m``, ``4h``, ``1d``, ``1w`` (Mondays, 00:00 UTC), ``1M`` (calendar months).

    Weeks and months are never a fixed number of seconds away: use ``floor`` and ``next``.
    """

    count: int
    unit: str

    @classmethod
    def parse(cls, text: str) -> "Timeframe":
        """Read ``1h`` (ccxt), ``60`` or ``1D`` (TradingView); ``60m`` and ``1h`` are the same value.

        Raises: ValueError when the text is no timeframe, or one longer than a year.
        """
        match = TIMEFRAME_PATTERN.fullmatch(text)
        if match is None or not text:
            raise ValueError(f"{text!r} is no timeframe")
        unit = match["unit"] or "m"
        count = int(match["count"] or 1)
        unit = OUTSIDE_UNITS.get(unit, unit)
        while unit in LARGER_UNIT and count % LARGER_UNIT[unit][1] == 0:
            unit, factor = LARGER_UNIT[unit]
            count //= factor
        timeframe = cls(count, unit)
        if timeframe.approximate_ms > LONGEST_MS:
            raise ValueError(f"{text!r} is no timeframe: it is longer than a year")
        return timeframe

    @property
    def text(self) -> str:
        """Return the ccxt form: ``1h``."""
        return f"{self.count}{self.unit}"

    @property
    def spoken(self) -> str:
        """Return the timeframe in words: ``4 hours``."""
        word = UNIT_WORDS[self.unit]
        return f"{self.count} {word}" + ("" if self.count == 1 else "s")

    @property
    def approximate_ms(self) -> int:
        """Return a length for estimates and sorting only; a month counts as 31 days."""
        return self.count * (31 * DAY_MS if self.unit == "M" else UNIT_MS[self.unit])

    def floor(self, time_ms: int) -> int:
        """Return the open of the bar that holds this instant."""
        if self.unit == "M":
            moment = datetime.fromtimestamp(time_ms // SECOND_MS, UTC)
            months = (moment.year * 12 + moment.month - 1) // self.count * self.count
            return _month_open_ms(months)
        offset_ms = FIRST_MONDAY_MS if self.unit == "w" else 0
        length_ms = self.count * UNIT_MS[self.unit]
        return (time_ms - offset_ms) // length_ms * length_ms + offset_ms

    def next(self, time_ms: int) -> int:
        """Return the open of the bar after the one that holds this instant."""
        return self.shift(time_ms, 1)

    def shift(self, time_ms: int, bars: int) -> int:
        """Return the open of the bar that lies this many bars after (or before) the instant's own."""
        if self.unit == "M":
            moment = datetime.fromtimestamp(self.floor(time_ms) // SECOND_MS, UTC)
            return _month_open_ms(moment.year * 12 + moment.month - 1 + bars * self.count)
        return self.floor(time_ms) + bars * self.count * UNIT_MS[self.unit]

    def ceil(self, time_ms: int) -> int:
        """Return the first bar open at or after this instant."""
        floored = self.floor(time_ms)
        return floored if floored == time_ms else self.next(time_ms)

    def divides(self, coarser: "Timeframe") -> bool:
        """Tell whether bars of this timeframe fill bars of a coarser one exactly."""
        if self == coarser:
            return False
        if coarser.unit == "M":
            return (self.unit == "M" and coarser.count % self.count == 0) or self.divides(DAY) or self == DAY
        if self.unit == "w":
            return coarser.unit == "w" and coarser.count % self.count == 0
        if coarser.unit == "w" and FIRST_MONDAY_MS % self.approximate_ms:
            # Weeks are counted from a Monday, what is shorter from the epoch.
            return False
        return self.unit != "M" and coarser.approximate_ms % self.approximate_ms == 0


def _month_open_ms(months: int) -> int:
    # The calendar begins with the year 1.
    year, month = divmod(max(months, 12), 12)
    return int(datetime(year, month + 1, 1, tzinfo=UTC).timestamp()) * SECOND_MS


DAY = Timeframe(1, "d")


@dataclass(frozen=True, slots=True)
class Bar:
    """One OHLCV bar; ``open_time_ms`` is UTC milliseconds of the open."""

    open_time_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    state: BarState
    revision: int = 0
    source: BarSource = BarSource.EXCHANGE

    @property
    def values(self) -> tuple[float, float, float, float, float]:
        """Return open, high, low, close, volume."""
        return (self.open, self.high, self.low, self.close, self.volume)

    @property
    def final(self) -> bool:
        """Tell whether the bar has closed, corrected or not."""
        return self.state is not BarState.FORMING

    def closed(self) -> "Bar":
        """Return the same bar as final."""
        return self if self.final else replace(self, state=BarState.CLOSED)


@dataclass(frozen=True, slots=True)
class Trade:
    """One trade as the exchange reported it; ``id`` is the exchange's own and may be empty."""

    id: str
    time_ms: int
    price: float
    amount: float


@dataclass(frozen=True, slots=True)
class Span:
    """Cover the instants from ``start_ms`` up to but not including ``end_ms``."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Say why a span of history holds no bars."""

    span: Span
    reason: GapReason


@dataclass(frozen=True, slots=True)
class Topic:
    """Name one live log: bars of an instrument and timeframe."""

    instrument: Instrument
    timeframe: Timeframe

    @property
    def text(self) -> str:
        """Return the name that messages carry: ``bars:crypto:bitstamp:BTC/USD:1h``."""
        return f"bars:{self.instrument.text}:{self.timeframe.text}"

    @classmethod
    def parse(cls, text: str) -> "Topic":
        """Read what ``text`` gives."""
        _, market, exchange, rest = text.split(":", 3)
        # A symbol may hold colons, as those of contracts do; a timeframe holds none.
        symbol, _, timeframe = rest.rpartition(":")
        return cls(Instrument(market, exchange, symbol), Timeframe.parse(timeframe))
