"""Market data by REST: exchanges, symbols and history."""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import TypeVar

from quart import Blueprint, Response, request
from quart.typing import ResponseReturnValue

from blueprints.formats.candles import encode_candles
from blueprints.formats.csv_bars import CSV, csv_headers, encode_csv
from blueprints.formats.data_module import encode_columns, encode_rows
from blueprints.formats.description import encode_description, with_accessibility
from blueprints.formats.description_models import DescriptionAnswer
from blueprints.formats.header_facts import header_facts
from blueprints.formats.highcharts import encode_history
from blueprints.formats.lightweight import encode_lightweight
from blueprints.formats.market_models import Bars, CsvBars, ExchangeIds, Symbols
from blueprints.formats.native import encode_native
from blueprints.queries.market import AUTO, BarsQuery, DescriptionQuery, ExchangeQuery, MarketQuery, SpanQuery
from middleware.auth_middleware import public
from middleware.caching import cached_response
from middleware.context import services
from middleware.documentation import OF_BARS, OF_EXCHANGES, OF_MARKETS, Answers, responses
from middleware.language import asked_voice, language_headers
from middleware.rate_limit import limit
from middleware.validation import query
from services.answers import Answer, make_answer
from services.market_service import MarketService
from services.narration.describe import describe
from services.narration.voice import Voice
from services.timeframe_choice import POINTS_DEFAULT
from utils.domain import Span

blueprint = Blueprint("market", __name__, url_prefix="/market")

JSON = "application/json"
KEPT = ("ETag", "Cache-Control", "Vary")
# What an answer whose body is a table says of itself.
FACTS = ("Link", "X-As-Of", "X-Gap-Count", "X-Gaps", "X-Next", "X-Stale", "X-Timeframe")
JSON_ENCODERS = {"native": encode_native, "candles": encode_candles, "lightweight": encode_lightweight}

Asked = TypeVar("Asked", bound=SpanQuery)


@blueprint.get("/get_exchanges")
@public
@limit("default")
@query(MarketQuery)
@responses(Answers(ExchangeIds), refuses=OF_MARKETS)
async def get_exchanges(query: MarketQuery) -> ResponseReturnValue:
    """Return the ids of the exchanges of a market."""
    return list(await services().catalog.exchanges(query.market))


@blueprint.get("/get_symbols")
@public
@limit("default")
@query(ExchangeQuery)
@responses(Answers(Symbols), refuses=OF_EXCHANGES)
async def get_symbols(query: ExchangeQuery) -> ResponseReturnValue:
    """Return the symbols of an exchange."""
    specs = await services().catalog.instruments(query.market, query.exchange)
    return [spec.instrument.symbol for spec in specs]


@blueprint.get("/fetch_ohlcv")
@public
@limit("default")
@query(BarsQuery)
@responses(
    Answers(Bars, headers=(*KEPT, "Content-Language")),
    Answers(CsvBars, media="text/csv", headers=("Content-Disposition", *FACTS)),
    Answers(status=304, headers=KEPT),
    refuses=OF_BARS,
)
async def get_ohlcv(query: BarsQuery) -> ResponseReturnValue:
    """Return bars, oldest first, in one of seven shapes, with what each answer has to say of itself."""
    query = await _with_timeframe(query)
    if query.include:
        return await _spoken_response(query, functools.partial(_answer_aloud, services().market, query))
    return await cached_response(query.answer_key(), functools.partial(_answer, services().market, query))


@blueprint.get("/describe")
@public
@limit("default")
@query(DescriptionQuery)
@responses(
    Answers(DescriptionAnswer, headers=(*KEPT, "Content-Language")),
    Answers(status=304, headers=KEPT),
    refuses=OF_BARS,
)
async def get_description(query: DescriptionQuery) -> ResponseReturnValue:
    """Return what bars say in words, with the facts behind each number, places to jump to, and sound."""
    query = await _with_timeframe(query)
    return await _spoken_response(query, functools.partial(_describe, services().market, query))


async def _with_timeframe(query: Asked) -> Asked:
    if query.timeframe != AUTO:
        return query
    assert query.since is not None
    assert query.until is not None
    chosen = await services().market.choose_timeframe(
        query.market, query.exchange, Span(query.since, query.until), query.points or POINTS_DEFAULT
    )
    # From here on it is the same question, and has the same answer, as if the timeframe had been named.
    return query.model_copy(
        update={"timeframe": chosen.timeframe.text, "limit": chosen.limit, "points": None}
    )


async def _answer(market: MarketService, query: BarsQuery) -> Answer:
    asked = query.history_query()
    if query.format == "highcharts":
        history = await market.text(asked)
        return make_answer(history, encode_history(history), JSON)
    if query.format == "rows":
        history = await market.text(asked)
        return make_answer(history, encode_rows(history), JSON, header_facts(history, "rows"))
    bars = await market.bars(asked)
    if query.format == "columns":
        return make_answer(bars, encode_columns(bars), JSON, header_facts(bars, "columns"))
    if query.format == "csv":
        return make_answer(bars, encode_csv(bars), CSV, csv_headers(bars))
    return make_answer(bars, JSON_ENCODERS[query.format](bars), JSON)


async def _spoken_response(
    query: BarsQuery | DescriptionQuery, make: Callable[[Voice], Awaitable[Answer]]
) -> Response:
    voice = asked_voice(query.locale, query.time_zone)
    key = query.answer_key(request.path.rpartition("/")[2], voice.locale.code)
    # A language that is named is part of the address; one that is wished for is not.
    return await cached_response(key, functools.partial(make, voice), by_address=query.locale is not None)


async def _answer_aloud(market: MarketService, query: BarsQuery, voice: Voice) -> Answer:
    history = await market.bars(query.history_query())
    encode = JSON_ENCODERS.get(query.format, encode_history)

    def make() -> bytes:
        description = describe(history, voice, query.verbosity)
        with_series = "sonification" in (query.include or ())
        return with_accessibility(encode(history), encode_description(description, with_series=with_series))

    # Milliseconds of work, which others need not wait for.
    return make_answer(history, await asyncio.to_thread(make), JSON, language_headers(query.locale, voice))


async def _describe(market: MarketService, query: DescriptionQuery, voice: Voice) -> Answer:
    history = await market.bars(query.history_query())

    def make() -> bytes:
        say_bars = query.say == "window"
        return encode_description(describe(history, voice, query.verbosity, say_bars=say_bars))

    return make_answer(history, await asyncio.to_thread(make), JSON, language_headers(query.locale, voice))
