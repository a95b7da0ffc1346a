"""TradingView's UDF: what a page with the Charting Library asks of ``UDFCompatibleDatafeed``."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

from quart import Blueprint, Quart, Response, g
from quart.blueprints import BlueprintSetupState
from quart.typing import ResponseReturnValue

from blueprints.formats.chart_quotes import encode_quotes
from blueprints.formats.chart_symbols import (
    KIND_OF,
    TYPES,
    encode_exchanges,
    encode_found,
    encode_symbol,
    resolution_of,
)
from blueprints.formats.udf import JSON, encode_udf_bars, encode_udf_problem
from blueprints.formats.udf_group import encode_group
from blueprints.formats.udf_marks import encode_marks, encode_timescale_marks
from blueprints.formats.udf_models import (
    UdfConfig,
    UdfError,
    UdfFound,
    UdfGroup,
    UdfHistory,
    UdfMarks,
    UdfQuotes,
    UdfSymbol,
    UdfTime,
    UdfTimescaleMarks,
)
from blueprints.queries.udf import GroupQuery, HistoryQuery, QuotesQuery, RangeQuery, SearchQuery, SymbolQuery
from middleware.auth_middleware import public
from middleware.caching import cached_response
from middleware.context import services
from middleware.documentation import OF_BARS, OF_EXCHANGES, OF_MARKETS, Answers, Failure, responses
from middleware.error_handler import use_error_format
from middleware.language import BY_LANGUAGE, BY_LANGUAGE_AND_PERSON, PRIVATE, asked_voice
from middleware.rate_limit import limit
from middleware.validation import query
from services.answers import Answer, AnswerKey, make_answer
from services.chart_marks import BARS_MAX as MARKED_BARS_MAX
from services.chart_marks import Marked
from services.datafeed import BARS_MAX, Datafeed
from services.last_bars import BarWindow
from services.narration.voice import Voice
from services.search.instrument_search import LIMIT_MAX
from utils.domain import SECOND_MS, Topic
from utils.json_codec import encode_json

blueprint = Blueprint("udf", __name__, url_prefix="/udf")

KEPT = ("ETag", "Cache-Control", "Vary")
IN_UDF = Failure(UdfError, JSON)
Encode = Callable[[Any], object]


@blueprint.record
def _answer_failures_in_udf(state: BlueprintSetupState) -> None:
    use_error_format(cast("Quart", state.app), state.url_prefix or "", encode_udf_problem)


@blueprint.get("/config")
@public
@limit("default")
@responses(Answers(UdfConfig), refuses=OF_MARKETS, failure=IN_UDF)
async def get_udf_config() -> ResponseReturnValue:
    """Return what this datafeed can do."""
    feed = services().datafeed
    return {
        "supported_resolutions": [resolution_of(each) for each in await feed.timeframes()],
        "supports_search": True,
        "supports_group_request": False,
        "supports_marks": True,
        "supports_timescale_marks": True,
        "supports_time": True,
        "exchanges": encode_exchanges(await feed.exchanges()),
        "symbols_types": list(TYPES),
    }


@blueprint.get("/time")
@public
@limit("default")
@responses(Answers(UdfTime, media="text/plain"), failure=IN_UDF)
async def get_udf_time() -> ResponseReturnValue:
    """Return the time of the service in seconds, as plain text."""
    return Response(str(services().clock.now_ms() // SECOND_MS), content_type="text/plain; charset=utf-8")


@blueprint.get("/symbols")
@public
@limit("default")
@query(SymbolQuery)
@responses(Answers(UdfSymbol), refuses=OF_BARS, failure=IN_UDF)
async def get_udf_symbol(query: SymbolQuery) -> ResponseReturnValue:
    """Return what a chart has to know of a symbol."""
    return encode_symbol(await services().datafeed.symbol(query.symbol))


@blueprint.get("/search")
@public
@limit("default")
@query(SearchQuery)
@responses(Answers(UdfFound), refuses=OF_EXCHANGES, failure=IN_UDF)
async def get_udf_found(query: SearchQuery) -> ResponseReturnValue:
    """Return the symbols that fit, the best first."""
    if query.type and query.type not in KIND_OF:
        return []
    found = await services().datafeed.search(
        query.query or "",
        exchange=query.exchange or None,
        kind=KIND_OF.get(query.type or ""),
        limit=min(query.limit, LIMIT_MAX),
    )
    return [encode_found(each) for each in found]


@blueprint.get("/symbol_info")
@public
@limit("default")
@query(GroupQuery)
@responses(Answers(UdfGroup), refuses=OF_EXCHANGES, failure=IN_UDF)
async def get_udf_group(query: GroupQuery) -> ResponseReturnValue:
    """Return all symbols of an exchange, as columns."""
    symbols = await services().datafeed.group(query.group)
    # Large exchanges have thousands of symbols.
    return await asyncio.to_thread(encode_group, symbols)


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
async def get_udf_history(query: HistoryQuery) -> ResponseReturnValue:
    """Return bars, oldest first, the forming one last."""
    feed = services().datafeed
    window = await _window(feed, query)
    make = functools.partial(_answer, feed, window)
    by_address = query.symbol == window.instrument.text
    return await cached_response(_key("udf", window), make, by_address=by_address)


@blueprint.get("/marks")
@public
@limit("default")
@query(RangeQuery)
@responses(
    Answers(UdfMarks, headers=KEPT),
    Answers(status=304, headers=KEPT),
    refuses=OF_BARS,
    failure=IN_UDF,
)
async def get_udf_marks(query: RangeQuery) -> ResponseReturnValue:
    """Return the landmarks of bars: highs and lows, the largest moves, turns, spikes of volume, gaps."""
    feed = services().datafeed
    window = await _window(feed, query, MARKED_BARS_MAX)
    voice = asked_voice()
    read = functools.partial(feed.marks.landmarks, window, voice)
    make = functools.partial(_marked, read, encode_marks, BY_LANGUAGE)
    return await cached_response(_key("udf marks", window, voice), make, by_address=False)


@blueprint.get("/timescale_marks")
@public
@limit("default")
@query(RangeQuery)
@responses(
    Answers(UdfTimescaleMarks, headers=KEPT),
    Answers(status=304, headers=KEPT),
    refuses=OF_BARS,
    failure=IN_UDF,
)
async def get_udf_timescale_marks(query: RangeQuery) -> ResponseReturnValue:
    """Return what was worth announcing, at its bars; with an access token, also your alerts that fired."""
    feed = services().datafeed
    window = await _window(feed, query, MARKED_BARS_MAX)
    voice = asked_voice()
    if g.principal is not None:
        # What is shown of one's own alerts is for nobody else.
        marked = await feed.marks.announced(window, voice, g.principal.user_id)
        return Response(encode_json(encode_timescale_marks(marked.marks)), content_type=JSON, headers=PRIVATE)
    read = functools.partial(feed.marks.announced, window, voice, None)
    make = functools.partial(_marked, read, encode_timescale_marks, BY_LANGUAGE_AND_PERSON)
    return await cached_response(_key("udf timescale marks", window, voice), make, by_address=False)


@blueprint.get("/quotes")
@public
@limit("default")
@query(QuotesQuery)
@responses(Answers(UdfQuotes, headers=("Cache-Control",)), failure=IN_UDF)
async def get_udf_quotes(query: QuotesQuery) -> ResponseReturnValue:
    """Return the newest prices of symbols, and how they changed since the day before."""
    quotes = await services().datafeed.quotes.read(query.symbols)
    return encode_quotes(quotes), {"Cache-Control": "no-store"}


async def _window(feed: Datafeed, query: RangeQuery, bars_max: int = BARS_MAX) -> BarWindow:
    return query.window((await feed.instrument(query.symbol)).instrument, bars_max)


async def _answer(feed: Datafeed, window: BarWindow) -> Answer:
    found = await feed.bars(window)
    return make_answer(found.history, encode_udf_bars(found), JSON)


async def _marked(read: Callable[[], Awaitable[Marked]], encode: Encode, vary: Mapping[str, str]) -> Answer:
    marked = await read()
    return make_answer(marked.history, encode_json(encode(marked.marks)), JSON, vary)


def _key(question: str, window: BarWindow, voice: Voice | None = None) -> AnswerKey:
    language = "" if voice is None else voice.locale.code
    return AnswerKey(Topic(window.instrument, window.timeframe).text, f"{question} {language} {window}")
