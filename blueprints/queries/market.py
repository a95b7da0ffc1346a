"""What is asked of markets: exchanges, symbols, bars and their descriptions."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from middleware.language import refuse_unheard
from middleware.validation import RequestModel
from services.answers import AnswerKey
from services.market_service import LIMIT_DEFAULT, LIMIT_MAX, HistoryQuery
from services.narration.sentences import Verbosity
from services.timeframe_choice import POINTS_DEFAULT
from utils.domain import Instrument, Timeframe, Topic
from utils.field_types import LanguageName, Name, TimeframeName, TimeMs, TimeZoneName, split_commas

# Names, in place of a timeframe, the finest that shows the span in about as many bars as are asked for.
AUTO = "auto"
# Each bar takes some tenths of a millisecond to put into words.
SAY_BARS_MAX = 500
Extra = Literal["accessibility", "sonification"]
TABLES = ("rows", "columns", "csv")


class MarketQuery(RequestModel):
    """Name a market."""

    market: Name


class ExchangeQuery(MarketQuery):
    """Name an exchange of a market."""

    exchange: Name


class SpanQuery(ExchangeQuery):
    """Name bars; ``since`` and ``until`` bound their opens, ``until`` is not included."""

    symbol: Name
    timeframe: TimeframeName
    since: TimeMs | None = None
    until: TimeMs | None = None
    limit: Annotated[int, Field(ge=1, le=LIMIT_MAX)] = LIMIT_DEFAULT
    points: Annotated[int, Field(ge=1, le=LIMIT_MAX)] | None = None

    @field_validator("timeframe")
    @classmethod
    def _is_timeframe(cls, text: str) -> str:
        try:
            if text != AUTO:
                Timeframe.parse(text)
        except ValueError as error:
            raise ValueError("must be a timeframe: like 1m, 1h, 1d, 1w or 1M, at most 12M.") from error
        return text

    @model_validator(mode="after")
    def _is_in_order(self) -> "SpanQuery":
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise ValueError("until must be later than since.")
        return self

    @model_validator(mode="after")
    def _leaves_one_choice(self) -> "SpanQuery":
        if self.timeframe != AUTO:
            if self.points is not None:
                raise ValueError(
                    "points needs timeframe=auto; limit bounds the bars of a timeframe that is named."
                )
        elif self.since is None or self.until is None:
            raise ValueError("timeframe=auto needs since and until: the timeframe follows from the span.")
        elif "limit" in self.model_fields_set:
            raise ValueError(
                "limit needs a timeframe that is named; with timeframe=auto, points says how many."
            )
        return self

    def history_query(self) -> HistoryQuery:
        """Return what the market service is asked."""
        return HistoryQuery(
            Instrument(self.market, self.exchange, self.symbol),
            Timeframe.parse(self.timeframe),
            start_ms=self.since,
            end_ms=self.until,
            limit=self.limit,
        )

    def answer_key(self, *spoken: str) -> AnswerKey:
        """Return the name of the answer; ``spoken`` is what else it depends on."""
        asked = self.history_query()
        return AnswerKey(
            Topic(asked.instrument, asked.timeframe).text,
            " ".join((*spoken, self.model_dump_json())),
            may_settle=self.since is not None or self.until is not None,
        )


class BarsQuery(SpanQuery):
    """Ask for bars in one of seven shapes, and for what can be heard of them."""

    format: Literal["native", "highcharts", "candles", "lightweight", "rows", "columns", "csv"] = "highcharts"
    include: Annotated[
        Annotated[tuple[Extra, ...], Field(min_length=1)] | None, BeforeValidator(split_commas)
    ] = None
    locale: LanguageName | None = None
    time_zone: TimeZoneName | None = None
    verbosity: Verbosity = Verbosity.NORMAL

    @model_validator(mode="after")
    def _has_room(self) -> "BarsQuery":
        if self.include and self.format in TABLES:
            raise ValueError(
                f"include needs an answer that is an object: {self.format} has no room for it. "
                "Ask /market/describe."
            )
        refuse_unheard(self)
        return self


class DescriptionQuery(SpanQuery):
    """Ask what bars say in words."""

    locale: LanguageName | None = None
    time_zone: TimeZoneName | None = None
    verbosity: Verbosity = Verbosity.NORMAL
    say: Literal["none", "window"] = "none"

    @model_validator(mode="after")
    def _is_not_too_long_to_say(self) -> "DescriptionQuery":
        named = ("limit", self.limit)
        name, bars = ("points", self.points or POINTS_DEFAULT) if self.timeframe == AUTO else named
        if self.say != "none" and bars > SAY_BARS_MAX:
            raise ValueError(f"{name} must be at most {SAY_BARS_MAX} where say asks for every bar in words.")
        return self
