"""Coins as providers list them: ``/api/v1/cryptocurrencies``."""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from quart import Blueprint, Response, request
from quart.blueprints import BlueprintSetupState
from quart.typing import ResponseReturnValue
from werkzeug.routing import BaseConverter

from blueprints.formats.coin_models import (
    CoinAnswer,
    CoinHistoryAnswer,
    CoinsAnswer,
    SyncTicket,
    TopCoinsAnswer,
)
from blueprints.formats.coins import encode_coin, encode_coin_history, encode_list, format_ticket
from middleware.auth_middleware import public, requires_role
from middleware.caching import cached_response
from middleware.context import services
from middleware.documentation import Answers, responses
from middleware.idempotency import idempotent
from middleware.language import asked_voice, language_headers, refuse_unheard
from middleware.rate_limit import limit
from middleware.validation import RequestModel, query
from services.answers import NO_HEADERS, Answer, AnswerKey, make_listed_answer
from services.coins.answers import TOPIC
from services.coins.coin_jobs import SYNC
from services.coins.listings import CoinListings
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
    Category,
    Cursor,
    HistoryInterval,
    HistoryQuestion,
    HistoryRange,
    ListQuestion,
    Window,
    rule_of,
    top_question,
)
from services.narration.sentences import Verbosity
from services.narration.telling_coins import DAY_CHANGE, tell_coin, tell_history, tell_list
from services.narration.voice import Voice
from services.stores.coin_filters import Bounds, CoinFilter, Order, SortBy
from utils.accounts import Role
from utils.errors import unknown
from utils.field_types import LanguageName, Name, TimeZoneName, split_commas

blueprint = Blueprint("cryptocurrencies", __name__, url_prefix="/cryptocurrencies")


class CoinName(BaseConverter):
    """The name of a coin in a path; the address that takes orders is no coin's."""

    regex = r"(?!sync$)[^/]+"


@blueprint.record
def _know_names_of_coins(state: BlueprintSetupState) -> None:
    state.app.url_map.converters["coin"] = CoinName


JSON = "application/json"
KEPT = ("ETag", "Cache-Control", "Vary")
SYNC_LIMIT_DEFAULT, SYNC_LIMIT_MAX = 200, 1_000
# More than all the money there is.
FIGURE_MAX = 1e18
OF_PROVIDERS = {404: ("unknown_provider",)}
OF_COINS = {404: ("unknown_coin", "unknown_provider")}

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


@blueprint.get("/", strict_slashes=False)
@public
@limit("default")
@query(CoinsQuery)
@responses(
    Answers(CoinsAnswer, headers=(*KEPT, "Content-Language")),
    Answers(status=304, headers=KEPT),
    refuses=OF_PROVIDERS,
)
async def get_coins(query: CoinsQuery) -> ResponseReturnValue:
    """Return a part of one provider's list, filtered and in order."""
    _check_provider(query)
    return await _response(query, functools.partial(_list, services().coins, query))


@blueprint.get("/<coin:coin>")
@public
@limit("default")
@query(HeardQuery)
@responses(
    Answers(CoinAnswer, headers=(*KEPT, "Content-Language")),
    Answers(status=304, headers=KEPT),
    refuses=OF_COINS,
)
async def get_coin(coin: str, query: HeardQuery) -> ResponseReturnValue:
    """Return one coin by its id, slug or symbol; where a symbol is shared, the coin that ranks highest."""
    _check_provider(query)
    return await _response(query, functools.partial(_coin, services().coins, coin, query))


@blueprint.get("/<coin:coin>/history")
@public
@limit("default")
@query(CoinHistoryQuery)
@responses(
    Answers(CoinHistoryAnswer, headers=(*KEPT, "Content-Language")),
    Answers(status=304, headers=KEPT),
    refuses=OF_COINS,
)
async def get_coin_history(coin: str, query: CoinHistoryQuery) -> ResponseReturnValue:
    """Return what a coin was worth, oldest first."""
    _check_provider(query)
    return await _response(query, functools.partial(_history, services().coins, coin, query))


@blueprint.get("/top/<category>")
@public
@limit("default")
@query(TopQuery)
@responses(
    Answers(TopCoinsAnswer, headers=(*KEPT, "Content-Language")),
    Answers(status=304, headers=KEPT),
    refuses={404: ("unknown_category", "unknown_provider")},
)
async def get_top_coins(category: str, query: TopQuery) -> ResponseReturnValue:
    """Return the first coins of a category, and the rule that they are chosen by."""
    _check_provider(query)
    known = [each.value for each in Category]
    if category not in known:
        raise unknown("category", category, known, advice=f"The categories are {', '.join(known)}.")
    return await _response(query, functools.partial(_top, services().coins, Category(category), query))


@blueprint.post("/sync")
@requires_role(Role.ADMIN)
@limit("sync")
@idempotent
@query(SyncQuery)
@responses(Answers(SyncTicket, status=202), refuses=OF_PROVIDERS)
async def post_sync(query: SyncQuery) -> ResponseReturnValue:
    """Order a listing of the first coins, and return its run; while one is open, that one."""
    _check_provider(query)
    order = {"limit": query.limit, "provider": query.provider}
    return format_ticket(await services().jobs.enqueue(SYNC, order, dedupe_key=SYNC)), 202


def _check_provider(query: HeardQuery | SyncQuery) -> None:
    if query.provider is not None:
        services().coin_source.profile(query.provider)


async def _list(coins: CoinListings, query: CoinsQuery, voice: Voice | None) -> bytes:
    cursor = None if query.cursor is None else Cursor.parse(query.cursor)
    page = await coins.list(query.question(), cursor)
    if voice is None:
        return encode_list(page, None)
    # Milliseconds of work, which others need not wait for.
    change = _change_of(query.sort_by)
    telling = await asyncio.to_thread(tell_list, page, voice, query.verbosity, change=change)
    return encode_list(page, (telling, voice))


async def _top(coins: CoinListings, category: Category, query: TopQuery, voice: Voice | None) -> bytes:
    question = top_question(
        category,
        window=query.window,
        limit=query.limit,
        min_volume=query.min_volume,
        provider=query.provider,
    )
    page = await coins.top(question)
    beside = {"category": category, "rule": rule_of(question)}
    if voice is None:
        return encode_list(page, None, **beside)
    change = _change_of(question.sort_by)
    telling = await asyncio.to_thread(
        tell_list, page, voice, query.verbosity, change=change, category=category.value
    )
    return encode_list(page, (telling, voice), **beside)


async def _coin(coins: CoinListings, name: str, query: HeardQuery, voice: Voice | None) -> bytes:
    found = await coins.get(name, query.provider)
    heard = None if voice is None else (tell_coin(found, voice, query.verbosity), voice)
    return encode_coin(found, heard)


async def _history(coins: CoinListings, name: str, query: CoinHistoryQuery, voice: Voice | None) -> bytes:
    question = HistoryQuestion(name, query.range, query.interval, query.limit, query.provider)
    history = await coins.history(question)
    return encode_coin_history(
        history, None if voice is None else (tell_history(history, voice, query.verbosity), voice)
    )


async def _response(query: HeardQuery, make: Callable[[Voice | None], Awaitable[bytes]]) -> Response:
    voice = asked_voice(query.locale, query.time_zone) if query.include else None
    spoken = "" if voice is None else voice.locale.code
    key = AnswerKey(TOPIC, f"{request.path} {spoken} {query.model_dump_json()}")

    async def answer() -> Answer:
        said = NO_HEADERS if voice is None else language_headers(query.locale, voice)
        return make_listed_answer(await make(voice), JSON, said)

    # A language that is named is part of the address; one that is wished for is not.
    return await cached_response(key, answer, by_address=voice is None or query.locale is not None)


def _change_of(sort_by: SortBy) -> str:
    return sort_by.value if sort_by.value.startswith("change_") else DAY_CHANGE
