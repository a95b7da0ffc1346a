"""What charts ask for in TradingView's UDF."""

from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from middleware.validation import RequestModel
from services.chart_quotes import SYMBOLS_MAX
from services.datafeed import BARS_MAX
from services.last_bars import BarWindow
from services.search.instrument_search import LIMIT_DEFAULT
from utils.domain import Instrument, Timeframe
from utils.field_types import TIME_END_MS, Name, Resolution, Seconds, split_commas


class SymbolQuery(RequestModel):
    """Name a symbol; whatever currency and unit are asked for, prices are in its own."""

    symbol: Name
    currency_code: Annotated[str | None, Field(alias="currencyCode")] = None
    unit_id: Annotated[str | None, Field(alias="unitId")] = None


class SearchQuery(RequestModel):
    """Search for symbols; what is left empty is not asked for."""

    query: str | None = None
    type: str | None = None
    exchange: str | None = None
    limit: Annotated[int, Field(ge=1)] = LIMIT_DEFAULT


class GroupQuery(RequestModel):
    """Name a group of symbols: an exchange."""

    group: Name


class RangeQuery(SymbolQuery):
    """Name bars by their opens, in seconds; ``to`` is not included."""

    resolution: Resolution
    from_ms: Annotated[Seconds, Field(alias="from")]
    to_ms: Annotated[Seconds, Field(alias="to")]

    @model_validator(mode="after")
    def _is_in_order(self) -> "RangeQuery":
        # Two times before 1970, or two too far away, are moved to the same end, with nothing between them.
        beyond = self.from_ms == self.to_ms and self.from_ms in (0, TIME_END_MS)
        if self.from_ms >= self.to_ms and not self.outranked and not beyond:
            raise ValueError("to must be later than from.")
        return self

    @property
    def outranked(self) -> bool:
        """Tell whether ``from`` does not matter."""
        return False

    def window(self, instrument: Instrument, bars_max: int = BARS_MAX) -> BarWindow:
        """Return what the datafeed is asked."""
        timeframe = Timeframe.parse(self.resolution)
        return BarWindow(instrument, timeframe, self.to_ms, bars_max, floor_ms=self.from_ms)


class HistoryQuery(RangeQuery):
    """Ask for bars; ``countback`` outranks ``from``: the last so many bars before ``to``."""

    countback: Annotated[int | None, Field(ge=0)] = None
    first_data_request: Annotated[str | None, Field(alias="firstDataRequest")] = None

    @property
    def outranked(self) -> bool:
        """Tell whether ``from`` does not matter."""
        return bool(self.countback)

    def window(self, instrument: Instrument, bars_max: int = BARS_MAX) -> BarWindow:
        """Return what the datafeed is asked."""
        if not self.countback:
            return super().window(instrument, bars_max)
        count = min(self.countback, bars_max)
        return BarWindow(instrument, Timeframe.parse(self.resolution), self.to_ms, count)


class QuotesQuery(RequestModel):
    """Name symbols, separated by commas."""

    symbols: Annotated[
        tuple[Name, ...],
        BeforeValidator(split_commas),
        Field(min_length=1, max_length=SYMBOLS_MAX),
    ]
