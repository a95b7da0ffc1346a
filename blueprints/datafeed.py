"""The datafeed in JSON: what a page gives to the Charting Library's JavaScript API, piece by piece."""

import functools
from typing import Annotated

from pydantic import Field, model_validator
from quart import Blueprint
from quart.typing import ResponseReturnValue

from blueprints.formats.chart_models import QuotesAnswer, SymbolInfo
from blueprints.formats.chart_quotes import encode_quotes
from blueprints.formats.chart_symbols import (
    KIND_OF,
    TYPES,
    encode_exchanges,
    encode_found,
    encode_symbol,
    resolution_of,
)
from blueprints.formats.datafeed import encode_bars
from blueprints.formats.datafeed_models import DatafeedBars, DatafeedConfig, DatafeedFound, DatafeedHealth
from middleware.auth_middleware import public, public_without_token
from middleware.caching import cached_response
from middleware.context import services
from middleware.documentation import OF_BARS, OF_EXCHANGES, OF_MARKETS, Answers, responses
from middleware.rate_limit import limit, limit_exempt
from middleware.validation import RequestModel, json_body, query
from services.answers import Answer, AnswerKey, make_answer
from services.chart_quotes import SYMBOLS_MAX
from services.datafeed import BARS_MAX, Datafeed
from services.health import HealthStatus
from services.last_bars import BarWindow
from services.search.instrument_search import LIMIT_DEFAULT, LIMIT_MAX
from utils.domain import Instrument, Timeframe, Topic
from utils.field_types import ChartTime, Name, Resolution

# Registered below a version only.
blueprint = Blueprint("datafeed", __name__)

JSON = "application/json"
KEPT = ("ETag", "Cache-Control", "Vary")
MOMENT = {"Cache-Control": "no-store"}


class SearchQuery(RequestModel):
    """Search for symbols; what is left empty is not asked for."""

    query: str | None = None
    type: str | None = None
    exchange: str | None = None
    limit: Annotated[int, Field(ge=1, le=LIMIT_MAX)] = LIMIT_DEFAULT


class BarsQuery(RequestModel):
    """Ask for bars as getBars does; ``countback`` outranks ``from``, and ``to`` is not included."""

    symbol: Name
    resolution: Resolution
    from_ms: Annotated[ChartTime | None, Field(alias="from")] = None
    to_ms: Annotated[ChartTime, Field(alias="to")]
    countback: Annotated[int | None, Field(ge=0)] = None

    @model_validator(mode="after")
    def _is_a_range(self) -> "BarsQuery":
        if not self.countback and self.from_ms is None:
            raise ValueError("from or countback is needed: say where the bars begin, or how many to send.")
        if not self.countback and self.from_ms is not None and self.from_ms >= self.to_ms:
            raise ValueError("to must be later than from.")
        return self

    def window(self, instrument: Instrument) -> BarWindow:
        """Return what the datafeed is asked."""
        timeframe = Timeframe.parse(self.resolution)
        if self.countback:
            return BarWindow(instrument, timeframe, self.to_ms, min(self.countback, BARS_MAX))
        return BarWindow(instrument, timeframe, self.to_ms, BARS_MAX, floor_ms=self.from_ms or 0)


class QuotesBody(RequestModel):
    """Name the symbols to quote."""

    symbols: Annotated[tuple[Name, ...], Field(min_length=1, max_length=SYMBOLS_MAX)]


@blueprint.get("/config")
@public
@limit("default")
@responses(Answers(DatafeedConfig), refuses=OF_MARKETS)
async def get_datafeed_config() -> ResponseReturnValue:
    """Return what onReady hands to the library."""
    feed = services().datafeed
    return {
        "supported_resolutions": [resolution_of(each) for each in await feed.timeframes()],
        "exchanges": encode_exchanges(await feed.exchanges()),
        "symbols_types": list(TYPES),
        "supports_time": True,
        "supports_marks": False,
        "supports_timescale_marks": False,
    }


@blueprint.get("/search")
@public
@limit("default")
@query(SearchQuery)
@responses(Answers(DatafeedFound), refuses=OF_EXCHANGES)
async def get_datafeed_found(query: SearchQuery) -> ResponseReturnValue:
    """Return what searchSymbols hands to the library: the symbols that fit, the best first."""
    if query.type and query.type not in KIND_OF:
        return []
    found = await services().datafeed.search(
        query.query or "",
        exchange=query.exchange or None,
        kind=KIND_OF.get(query.type or ""),
        limit=query.limit,
    )
    return [encode_found(each) for each in found]


@blueprint.get("/resolve/<path:symbol>")
@public
@limit("default")
@responses(Answers(SymbolInfo), refuses=OF_BARS)
async def get_resolved(symbol: str) -> ResponseReturnValue:
    """Return what resolveSymbol hands to the library: the SymbolInfo of a symbol."""
    return encode_symbol(await services().datafeed.symbol(symbol))


@blueprint.get("/bars")
@public
@limit("default")
@query(BarsQuery)
@responses(Answers(DatafeedBars, headers=KEPT), Answers(status=304, headers=KEPT), refuses=OF_BARS)
async def get_datafeed_bars(query: BarsQuery) -> ResponseReturnValue:
    """Return what getBars hands to the library: bars with names, in milliseconds, the forming one last."""
    feed = services().datafeed
    window = query.window((await feed.instrument(query.symbol)).instrument)
    key = AnswerKey(Topic(window.instrument, window.timeframe).text, f"datafeed {window}")
    make = functools.partial(_answer, feed, window)
    return await cached_response(key, make, by_address=query.symbol == window.instrument.text)


@blueprint.post("/quotes")
@public
@limit("default")
@json_body(QuotesBody)
@responses(Answers(QuotesAnswer, headers=("Cache-Control",)))
async def post_quotes(body: QuotesBody) -> ResponseReturnValue:
    """Return the newest prices of many symbols, and how they changed since the day before."""
    return encode_quotes(await services().datafeed.quotes.read(body.symbols)), MOMENT


@blueprint.get("/health")
@public_without_token
@limit_exempt("pages and monitors ask this often, and must not be sent away")
@responses(
    Answers(DatafeedHealth, headers=("Cache-Control",)),
    Answers(DatafeedHealth, status=503, headers=("Cache-Control",)),
)
async def get_datafeed_health() -> ResponseReturnValue:
    """Say how what the datafeed needs is doing."""
    house = services()
    health = await house.health.check()
    body = {"status": health.status, "server_time_ms": house.clock.now_ms()}
    return body, 503 if health.status is HealthStatus.UNAVAILABLE else 200, MOMENT


async def _answer(feed: Datafeed, window: BarWindow) -> Answer:
    found = await feed.bars(window)
    return make_answer(found.history, encode_bars(found), JSON)
