"""Candles by symbol, and the symbols that are collected: ``/api/candles`` and ``/api/symbols``."""

import functools
from typing import Annotated

from pydantic import Field, field_validator, model_validator
from quart import Blueprint, Response, g
from quart.typing import ResponseReturnValue

from blueprints.formats.candles import encode_candles
from blueprints.formats.collected import format_symbol, format_symbols
from blueprints.formats.collected_models import CollectedAnswer, CollectedSymbols
from blueprints.formats.market_models import Candles
from middleware.auth_middleware import public, requires_user
from middleware.caching import cached_response
from middleware.caller import caller
from middleware.context import services
from middleware.documentation import OF_BARS, Answers, refusals, responses
from middleware.idempotency import answered, idempotent
from middleware.rate_limit import limit
from middleware.validation import RequestModel, json_body, query
from services.answers import Answer, AnswerKey, make_answer
from services.collecting import COLLECT, Collected
from services.market_service import HistoryQuery, MarketService
from utils.domain import Timeframe, Topic
from utils.field_types import Name, TimeframeName, TimeMs

blueprint = Blueprint("candles", __name__, url_prefix="/api")

JSON = "application/json"
KEPT = ("ETag", "Cache-Control", "Vary")
LIMIT_MAX, LIMIT_DEFAULT = 1_000, 100
INTERVAL_DEFAULT = "1m"


class PlaceQuery(RequestModel):
    """Say where a symbol is traded; else the text of the symbol or the settings say it."""

    market: Name | None = None
    exchange: Name | None = None


class CandlesQuery(PlaceQuery):
    """``?interval=1h&limit=100``: the newest candles, or those of a span."""

    interval: TimeframeName = INTERVAL_DEFAULT
    since: TimeMs | None = None
    until: TimeMs | None = None
    limit: Annotated[int, Field(ge=1, le=LIMIT_MAX)] = LIMIT_DEFAULT

    @field_validator("interval")
    @classmethod
    def _is_timeframe(cls, text: str) -> str:
        try:
            Timeframe.parse(text)
        except ValueError as error:
            raise ValueError("must be an interval: like 1m, 5m, 1h or 1d, at most 12M.") from error
        return text

    @model_validator(mode="after")
    def _is_in_order(self) -> "CandlesQuery":
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise ValueError("until must be later than since.")
        return self


class SymbolBody(RequestModel):
    """``{"symbol": "BTC/USD"}``, in any writing that a search resolves."""

    symbol: Name
    market: Name | None = None
    exchange: Name | None = None


@blueprint.get("/candles/<path:symbol>")
@public
@limit("default")
@query(CandlesQuery)
@responses(
    Answers(Candles, headers=KEPT),
    Answers(status=304, headers=KEPT),
    refuses=OF_BARS,
)
async def get_candles(symbol: str, query: CandlesQuery) -> Response:
    """Return the newest candles of a symbol, oldest first; a span of them where one is named."""
    house = services()
    spec = await house.search.resolve(symbol, market=query.market, exchange=query.exchange)
    asked = HistoryQuery(
        spec.instrument,
        Timeframe.parse(query.interval),
        start_ms=query.since,
        end_ms=query.until,
        limit=query.limit,
    )
    key = AnswerKey(
        Topic(asked.instrument, asked.timeframe).text,
        f"candles {query.model_dump_json()}",
        may_settle=query.since is not None or query.until is not None,
    )
    # With its exchange, a symbol that is written out is the same for ever; all else is searched for.
    whole_names = (spec.instrument.text, spec.instrument.symbol if query.exchange else None)
    make = functools.partial(_answer, house.market, asked)
    return await cached_response(key, make, by_address=symbol in whole_names)


@blueprint.get("/symbols")
@public
@limit("default")
@responses(Answers(CollectedSymbols, headers=("Cache-Control",)))
async def get_collected_symbols() -> ResponseReturnValue:
    """Return the symbols that are collected, and how far the bars of each reach."""
    collecting = services().collecting
    user_id = None if g.principal is None else g.principal.user_id
    body = format_symbols(await collecting.list(), collecting.timeframes, user_id)
    return body, {"Cache-Control": "no-store"}


@blueprint.post("/symbols")
@requires_user
@limit("default")
@idempotent
@json_body(SymbolBody)
@responses(
    Answers(CollectedAnswer),
    Answers(CollectedAnswer, status=201),
    refuses=refusals(OF_BARS, {409: ("too_many_symbols",)}),
)
async def post_collected_symbol(body: SymbolBody) -> ResponseReturnValue:
    """Collect a symbol from now on: its history is filled and kept warm; asking again changes nothing."""
    house = services()
    spec = await house.search.resolve(body.symbol, market=body.market, exchange=body.exchange)
    collected = await house.collecting.ask(g.principal.user_id, spec.instrument, answered(_collected))
    if collected.added:
        # A round of its own: one that goes on may have looked for the last time at what is to be done.
        asked = f"{collected.symbol.instrument.text} for {g.principal.user_id}"
        await house.jobs.enqueue(COLLECT, dedupe_key=asked)
    return _collected(collected)


def _collected(collected: Collected) -> ResponseReturnValue:
    return format_symbol(collected.symbol, yours=True), 201 if collected.added else 200


@blueprint.delete("/symbols/<path:symbol>")
@requires_user
@limit("default")
@query(PlaceQuery)
@responses(Answers(status=204), refuses={404: ("not_collected",), 409: ("ambiguous_symbol",)})
async def delete_collected_symbol(symbol: str, query: PlaceQuery) -> ResponseReturnValue:
    """Collect a symbol for you no longer, or as an admin for nobody; the bars that are stored stay."""
    await services().collecting.remove(
        g.principal, symbol, caller(), market=query.market, exchange=query.exchange
    )
    return "", 204


async def _answer(market: MarketService, asked: HistoryQuery) -> Answer:
    history = await market.bars(asked)
    return make_answer(history, encode_candles(history), JSON)
