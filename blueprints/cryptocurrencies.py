"""Coins as providers list them: ``/api/v1/cryptocurrencies``."""

import asyncio
import functools
from collections.abc import Awaitable, Callable

from quart import Blueprint, Response, g, request
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
from blueprints.queries.coins import CoinHistoryQuery, CoinsQuery, HeardQuery, SyncQuery, TopQuery
from middleware.auth_middleware import public, requires_role
from middleware.caching import cached_response
from middleware.caller import caller
from middleware.context import services
from middleware.documentation import Answers, responses
from middleware.idempotency import answered, idempotent
from middleware.language import asked_voice, language_headers
from middleware.rate_limit import limit
from middleware.validation import query
from services.answers import NO_HEADERS, Answer, AnswerKey, make_listed_answer
from services.coins.answers import TOPIC
from services.coins.coin_jobs import SYNC
from services.coins.listings import CoinListings
from services.coins.questions import Category, Cursor, HistoryQuestion, rule_of, top_question
from services.jobs.job import JobTicket
from services.narration.telling_coins import DAY_CHANGE, tell_coin, tell_history, tell_list
from services.narration.voice import Voice
from services.stores.coin_filters import SortBy
from utils.accounts import Role
from utils.errors import unknown

blueprint = Blueprint("cryptocurrencies", __name__, url_prefix="/cryptocurrencies")


class CoinName(BaseConverter):
    """The name of a coin in a path; the address that takes orders is no coin's."""

    regex = r"(?!sync$)[^/]+"


@blueprint.record
def _know_names_of_coins(state: BlueprintSetupState) -> None:
    state.app.url_map.converters["coin"] = CoinName


JSON = "application/json"
KEPT = ("ETag", "Cache-Control", "Vary")
OF_PROVIDERS = {404: ("unknown_provider",)}
OF_COINS = {404: ("unknown_coin", "unknown_provider")}


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
    by = g.principal, caller()
    return _ordered(
        await services().jobs.enqueue(SYNC, order, dedupe_key=SYNC, by=by, keep=answered(_ordered))
    )


def _ordered(ticket: JobTicket) -> ResponseReturnValue:
    return format_ticket(ticket), 202


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
