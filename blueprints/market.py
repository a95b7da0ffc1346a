"""Market data by REST: exchanges, symbols and history."""

import functools
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator
from quart import Blueprint
from quart.typing import ResponseReturnValue

from blueprints.formats.candles import encode_candles
from blueprints.formats.csv_bars import CSV, csv_headers, encode_csv
from blueprints.formats.highcharts import encode_history
from blueprints.formats.lightweight import encode_lightweight
from blueprints.formats.native import encode_native
from middleware.auth_middleware import public
from middleware.caching import cached_response
from middleware.context import services
from middleware.rate_limit import limit
from middleware.validation import RequestModel, query
from services.answers import Answer, AnswerKey, make_answer
from services.market_service import LIMIT_DEFAULT, LIMIT_MAX, HistoryQuery, MarketService
from utils.domain import Instrument, Timeframe, Topic
from utils.field_types import Name, TimeMs

blueprint = Blueprint("market", __name__, url_prefix="/market")

JSON = "application/json"
JSON_ENCODERS = {"native": encode_native, "candles": encode_candles, "lightweight": encode_lightweight}


class MarketQuery(RequestModel):
    """Name a market."""

    market: Name


class ExchangeQuery(MarketQuery):
    """Name an exchange of a market."""

    exchange: Name


class BarsQuery(ExchangeQuery):
    """Ask for bars; ``since`` and ``until`` bound their opens, ``until`` is not included."""

    symbol: Name
    timeframe: Name
    since: TimeMs | None = None
    until: TimeMs | None = None
    limit: Annotated[int, Field(ge=1, le=LIMIT_MAX)] = LIMIT_DEFAULT
    format: Literal["native", "highcharts", "candles", "lightweight", "csv"] = "highcharts"

    @field_validator("timeframe")
    @classmethod
    def _is_timeframe(cls, text: str) -> str:
        try:
            Timeframe.parse(text)
        except ValueError as error:
            raise ValueError("must be a timeframe: like 1m, 1h, 1d, 1w or 1M, at most 12M.") from error
        return text

    @model_validator(mode="after")
    def _is_in_order(self) -> "BarsQuery":
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise ValueError("until must be later than since.")
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


@blueprint.get("/get_exchanges")
@public
@limit("default")
@query(MarketQuery)
async def get_exchanges(query: MarketQuery) -> ResponseReturnValue:
    """Return the ids of the exchanges of a market."""
    return list(await services().catalog.exchanges(query.market))


@blueprint.get("/get_symbols")
@public
@limit("default")
@query(ExchangeQuery)
async def get_symbols(query: ExchangeQuery) -> ResponseReturnValue:
    """Return the symbols of an exchange."""
    specs = await services().catalog.instruments(query.market, query.exchange)
    return [spec.instrument.symbol for spec in specs]


@blueprint.get("/fetch_ohlcv")
@public
@limit("default")
@query(BarsQuery)
async def get_ohlcv(query: BarsQuery) -> ResponseReturnValue:
    """Return bars, oldest first, in one of five shapes, with what each answer has to say of itself."""
    key = AnswerKey(
        Topic(query.history_query().instrument, query.history_query().timeframe).text,
        query.model_dump_json(),
        may_settle=query.since is not None or query.until is not None,
    )
    return await cached_response(key, functools.partial(_answer, services().market, query))


async def _answer(market: MarketService, query: BarsQuery) -> Answer:
    asked = query.history_query()
    if query.format == "highcharts":
        history = await market.text(asked)
        return make_answer(history, encode_history(history), JSON)
    bars = await market.bars(asked)
    if query.format == "csv":
        return make_answer(bars, encode_csv(bars), CSV, csv_headers(bars))
    return make_answer(bars, JSON_ENCODERS[query.format](bars), JSON)
