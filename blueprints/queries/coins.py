"""What is asked of coins: a list, the first of a category, one coin and its past."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from middleware.language import refuse_unheard
from middleware.validation import RequestModel
from services.coins.questions import (
    HISTORY_LIMIT_DEFAULT,
    HISTORY_LIMIT_MAX,
    LIMIT_DEFAULT,
    LIMIT_MAX,
    MIN_VOLUME_DEFAULT,
    OFFSET_MAX,
    SYMBOLS_MAX,
    TOP_LIMIT_DEFAULT,
    TOP_LIMIT_MAX,
    Cursor,
    HistoryInterval,
    HistoryRange,
    ListQuestion,
    Window,
)
from services.narration.sentences import Verbosity
from services.stores.coin_filters import Bounds, CoinFilter, Order, SortBy
from utils.field_types import LanguageName, Name, TimeZoneName, split_commas

SYNC_LIMIT_DEFAULT, SYNC_LIMIT_MAX = 200, 1_000
# More than all the money there is.
FIGURE_MAX = 1e18

Figure = Annotated[float, Field(ge=0, le=FIGURE_MAX, allow_inf_nan=False)]
Symbols = Annotated[
    Annotated[tuple[Name, ...], Field(min_length=1, max_length=SYMBOLS_MAX)], BeforeValidator(split_commas)
]
Extras = Annotated[
    Annotated[tuple[Literal["accessibility"], ...], Field(min_length=1)], BeforeValidator(split_commas)
]
# A sync, a dot, a place, a dot, and what the list is.
CURSOR = Field(
    max_length=64, json_schema_extra={"pattern": r"^[1-9][0-9]{0,17}\.[1-9][0-9]{0,5}\.[0-9a-f]{16}$"}
)


def _cursor(text: str) -> str:
    Cursor.parse(text)
    return text


class HeardQuery(RequestModel):
    """Ask for what can be heard of an answer, in a language and a time zone; and name a provider."""

    provider: Name | None = None
    include: Extras | None = None
    locale: LanguageName | None = None
    time_zone: TimeZoneName | None = None
    verbosity: Verbosity = Verbosity.NORMAL

    @model_validator(mode="after")
    def _has_room(self) -> "HeardQuery":
        refuse_unheard(self)
        return self


class CoinsQuery(HeardQuery):
    """``?sort_by=volume_24h&min_price=1&limit=100``; the cursor is the ``next`` of the page before."""

    limit: Annotated[int, Field(ge=1, le=LIMIT_MAX)] = LIMIT_DEFAULT
    offset: Annotated[int, Field(ge=0, le=OFFSET_MAX)] = 0
    cursor: Annotated[str, CURSOR, AfterValidator(_cursor)] | None = None
    symbol_filter: Symbols | None = None
    search: Name | None = None
    min_market_cap: Figure | None = None
    max_market_cap: Figure | None = None
    min_price: Figure | None = None
    max_price: Figure | None = None
    min_volume: Figure | None = None
    max_volume: Figure | None = None
    sort_by: SortBy = SortBy.MARKET_CAP
    order: Order | None = None

    @model_validator(mode="after")
    def _is_one_place(self) -> "CoinsQuery":
        if self.cursor is not None and self.offset:
            raise ValueError("offset and cursor do not go together: leave one out.")
        return self

    def question(self) -> ListQuestion:
        """Return what the listings are asked."""
        return ListQuestion(
            filter=CoinFilter(
                symbols=self.symbol_filter or (),
                search=self.search or "",
                bounds=Bounds(
                    self.min_market_cap,
                    self.max_market_cap,
                    self.min_price,
                    self.max_price,
                    self.min_volume,
                    self.max_volume,
                ),
            ),
            sort_by=self.sort_by,
            order=self.order or self.sort_by.natural_order,
            limit=self.limit,
            offset=self.offset,
            provider=self.provider,
        )


class TopQuery(HeardQuery):
    """``?window=7d&limit=20``: the window is that of gainers and losers."""

    limit: Annotated[int, Field(ge=1, le=TOP_LIMIT_MAX)] = TOP_LIMIT_DEFAULT
    window: Window = Window.DAY
    min_volume: Figure = MIN_VOLUME_DEFAULT


class CoinHistoryQuery(HeardQuery):
    """``?range=30d&interval=1d``: the newest points of a range."""

    range: HistoryRange = HistoryRange.WEEK
    interval: HistoryInterval = HistoryInterval.HOUR
    limit: Annotated[int, Field(ge=1, le=HISTORY_LIMIT_MAX)] = HISTORY_LIMIT_DEFAULT


class SyncQuery(RequestModel):
    """``?limit=200&provider=coingecko``; without a provider the first that answers."""

    limit: Annotated[int, Field(ge=1, le=SYNC_LIMIT_MAX)] = SYNC_LIMIT_DEFAULT
    provider: Name | None = None
