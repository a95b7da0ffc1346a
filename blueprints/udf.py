"""TradingView's UDF: what a page with the Charting Library asks of ``UDFCompatibleDatafeed``."""

import functools
from typing import Annotated, cast

from pydantic import Field, field_validator, model_validator
from quart import Blueprint, Quart, Response
from quart.blueprints import BlueprintSetupState
from quart.typing import ResponseReturnValue

from blueprints.formats.chart_symbols import TYPES, encode_exchanges, encode_symbol, resolution_of
from blueprints.formats.udf import JSON, encode_udf_bars, encode_udf_problem
from blueprints.formats.udf_models import UdfConfig, UdfError, UdfHistory, UdfSymbol, UdfTime
from middleware.auth_middleware import public
from middleware.caching import cached_response
from middleware.context import services
from middleware.documentation import OF_BARS, OF_MARKETS, Answers, Failure, responses
from middleware.error_handler import use_error_format
from middleware.rate_limit import limit
from middleware.validation import RequestModel, query
from services.answers import Answer, AnswerKey, make_answer
from services.datafeed import BARS_MAX, Datafeed
from services.last_bars import BarWindow
from utils.domain import SECOND_MS, Instrument, Timeframe, Topic
from utils.field_types import Name, Seconds, TimeframeName

blueprint = Blueprint("udf", __name__, url_prefix="/udf")

KEPT = ("ETag", "Cache-Control", "Vary")
IN_UDF = Failure(UdfError, JSON)


@blueprint.record
def _answer_failures_in_udf(state: BlueprintSetupState) -> None:
    use_error_format(cast("Quart", state.app), state.url_prefix or "", encode_udf_problem)


class SymbolQuery(RequestModel):
    """Name a symbol; its currency and unit are what they are."""

    symbol: Name
    currency_code: Annotated[str | None, Field(alias="currencyCode")] = None
    unit_id: Annotated[str | None, Field(alias="unitId")] = None


class RangeQuery(SymbolQuery):
    """Name bars by their opens, in seconds; ``to`` is not included."""

    resolution: TimeframeName
    from_ms: Annotated[Seconds, Field(alias="from")] = 0
    to_ms: Annotated[Seconds, Field(alias="to")]

    @field_validator("resolution")
    @classmethod
    def _is_resolution(cls, text: str) -> str:
        try:
            Timeframe.parse(text)
        except ValueError as error:
            raise ValueError("must be a resolution: like 1, 60, 1D, 1W or 1M, at most 12M.") from error
        return text

    @property
    def timeframe(self) -> Timeframe:
        """Return the resolution as a timeframe."""
        return Timeframe.parse(self.resolution)


class HistoryQuery(RangeQuery):
    """Ask for bars; ``countback`` outranks ``from``: the last so many bars before ``to``."""

    countback: Annotated[int | None, Field(ge=0)] = None
    first_data_request: Annotated[str | None, Field(alias="firstDataRequest")] = None

    @model_validator(mode="after")
    def _is_in_order(self) -> "HistoryQuery":
        if not self.countback and self.from_ms >= self.to_ms:
            raise ValueError("to must be later than from.")
        return self

    def window(self, instrument: Instrument) -> BarWindow:
        """Return what the datafeed is asked."""
        if self.countback:
            return BarWindow(instrument, self.timeframe, self.to_ms, min(self.countback, BARS_MAX))
        return BarWindow(instrument, self.timeframe, self.to_ms, BARS_MAX, floor_ms=self.from_ms)


@blueprint.get("/config")
@public
@limit("default")
@responses(Answers(UdfConfig), refuses=OF_MARKETS, failure=IN_UDF)
async def get_config() -> ResponseReturnValue:
    """Return what this datafeed can do."""
    feed = services().datafeed
    return {
        "supported_resolutions": [resolution_of(each) for each in await feed.timeframes()],
        "supports_search": True,
        "supports_group_request": False,
        "supports_marks": False,
        "supports_timescale_marks": False,
        "supports_time": True,
        "exchanges": encode_exchanges(await feed.exchanges()),
        "symbols_types": list(TYPES),
    }


@blueprint.get("/time")
@public
@limit("default")
@responses(Answers(UdfTime, media="text/plain"), failure=IN_UDF)
async def get_time() -> ResponseReturnValue:
    """Return the time of the service in seconds, as plain text."""
    return Response(str(services().clock.now_ms() // SECOND_MS), content_type="text/plain; charset=utf-8")


@blueprint.get("/symbols")
@public
@limit("default")
@query(SymbolQuery)
@responses(Answers(UdfSymbol), refuses=OF_BARS, failure=IN_UDF)
async def get_symbol(query: SymbolQuery) -> ResponseReturnValue:
    """Return what a chart has to know of a symbol."""
    return encode_symbol(await services().datafeed.symbol(query.symbol))


@blueprint.get("/history")
@public
@limit("default")
@query(HistoryQuery)
@responses(
    Answers(UdfHistory, headers=KEPT),
    Answers(status=304, headers=KEPT),
    refuses=OF_BARS,
    failure=IN_UDF,
)
async def get_history(query: HistoryQuery) -> ResponseReturnValue:
    """Return bars, oldest first, the forming one last."""
    feed = services().datafeed
    spec = await feed.instrument(query.symbol)
    window = query.window(spec.instrument)
    key = AnswerKey(Topic(window.instrument, window.timeframe).text, f"udf {window}")
    return await cached_response(key, functools.partial(_answer, feed, window))


async def _answer(feed: Datafeed, window: BarWindow) -> Answer:
    found = await feed.bars(window)
    return make_answer(found.history, encode_udf_bars(found), JSON)
