"""Live bars by WebSocket: three addresses, each with its own dialect, over one hub."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Literal

from pydantic import Field
from quart import Blueprint, g, websocket

from blueprints.formats.ws_native import NATIVE, parse_since
from blueprints.formats.ws_prices import PRICES
from blueprints.formats.ws_topics import TOPICS
from middleware.auth_middleware import accept_socket, public
from middleware.client_address import address_group, client_address
from middleware.context import services
from middleware.language import accepted_languages
from middleware.live_connection import LiveConnection
from middleware.live_identity import LiveIdentity, OnEnd
from middleware.rate_limit import limit
from middleware.validation import RequestModel, query
from services.announcing.preferences import (
    WORDS_PER_MINUTE_MAX,
    WORDS_PER_MINUTE_MIN,
    Mode,
    PreferencesChange,
    Verbosity,
)
from services.live.dialect import Dialect, Wanted
from services.live.log import Position
from services.live.session import LiveSession
from utils.accounts import Principal
from utils.domain import Timeframe, Topic
from utils.errors import FieldError, InvalidRequest
from utils.field_types import CommaSeparated, LanguageName, Name, TimeframeName, TimeZoneName

blueprint = Blueprint("websocket", __name__)

SYMBOLS_MAX = 50
DEFAULT_TIMEFRAME = "1m"


class VenueQuery(RequestModel):
    """Say where symbols are looked for when a command does not."""

    market: Name | None = None
    exchange: Name | None = None
    batch: bool = False
    ticket: Annotated[str, Field(max_length=64)] | None = Field(None, repr=False)


class LiveQuery(VenueQuery):
    """Name what a connection begins with; more follows by commands."""

    symbols: CommaSeparated
    timeframe: TimeframeName = DEFAULT_TIMEFRAME
    since: Annotated[str, Field(max_length=64)] | None = None
    announce: bool = False
    announce_since: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    mode: Literal["off", "alerts", "important", "all"] | None = None
    verbosity: Literal["brief", "normal", "full"] | None = None
    words_per_minute: Annotated[int, Field(ge=WORDS_PER_MINUTE_MIN, le=WORDS_PER_MINUTE_MAX)] | None = None
    locale: LanguageName | None = None
    time_zone: TimeZoneName | None = None

    def announcements(self) -> PreferencesChange | None:
        """Return what is to be announced from the first bar on; None for nothing before a command asks."""
        if not self.announce:
            return None
        return PreferencesChange(
            mode=None if self.mode is None else Mode(self.mode),
            verbosity=None if self.verbosity is None else Verbosity(self.verbosity),
            words_per_minute=self.words_per_minute,
            locale=self.locale,
            time_zone=self.time_zone,
        )


@blueprint.websocket("/ws/subscribe")
@public
@limit("default")
@query(LiveQuery)
async def ws_subscribe(query: LiveQuery) -> None:
    """Stream the bars of some symbols as they form, close and are corrected."""
    services().live.check_room(*_holders())
    if len(query.symbols) > SYMBOLS_MAX:
        raise _invalid("symbols", f"symbols may name at most {SYMBOLS_MAX}: send the others as commands.")
    topics = await _find_topics(query, query.symbols, query.timeframe)
    await _serve(NATIVE, query, query.timeframe, topics, _read_since(query, topics))


@blueprint.websocket("/ws")
@public
@limit("default")
@query(VenueQuery)
async def ws_prices(query: VenueQuery) -> None:
    """Stream the newest prices of symbols, with the change since the day began."""
    await _serve(PRICES, query, DEFAULT_TIMEFRAME)


@blueprint.websocket("/api/v1/ws")
@public
@limit("default")
@query(VenueQuery)
async def ws_topics(query: VenueQuery) -> None:
    """Stream bars by topic, in the style of chart datafeeds."""
    await _serve(TOPICS, query, DEFAULT_TIMEFRAME)


def _holders() -> tuple[str, int | None]:
    principal = g.principal
    return address_group(client_address()), None if principal is None else principal.user_id


async def _serve(
    dialect: Dialect,
    query: VenueQuery,
    timeframe: str,
    topics: tuple[Topic, ...] = (),
    since: Position | None = None,
) -> None:
    async def find(wanted: Wanted) -> Topic:
        given = {"market": wanted.market, "exchange": wanted.exchange}
        venue = query.model_copy(update={name: value for name, value in given.items() if value is not None})
        (topic,) = await _find_topics(venue, (wanted.symbol,), wanted.timeframe or timeframe)
        return topic

    live = services().live
    with live.session(*_holders()) as session:
        if isinstance(query, LiveQuery):
            await _give_earphone(session, query)
        await accept_socket()
        connection = LiveConnection(
            session, dialect, live.limits, services().clock, find, _identity(), query.batch
        )
        await connection.run(topics, since)


def _identity() -> LiveIdentity:
    house, known = services(), g.principal

    @contextmanager
    def hold(principal: Principal, on_end: OnEnd) -> Iterator[None]:
        # Whoever was known at the handshake is counted already.
        counted = house.live.counted(None if known else principal.user_id)
        with house.principals.watched(principal, on_end), counted:
            yield

    return LiveIdentity(known, house.auth.authenticate, hold)


async def _give_earphone(session: LiveSession, query: LiveQuery) -> None:
    languages = accepted_languages(websocket.headers)
    earphone = services().announcing.earphone(session.mailbox, g.principal, languages)
    session.earphone = earphone
    wanted = query.announcements()
    if wanted is not None:
        await earphone.plug(wanted, query.announce_since)


async def _find_topics(query: VenueQuery, symbols: tuple[str, ...], timeframe_text: str) -> tuple[Topic, ...]:
    try:
        timeframe = Timeframe.parse(timeframe_text)
    except ValueError as error:
        raise _invalid("timeframe", "timeframe must be a timeframe: like 1m, 1h or 1d.") from error
    market, exchange = await services().catalog.default_venue(query.market, query.exchange)
    return await services().live.find_topics(market, exchange, symbols, timeframe)


def _read_since(query: LiveQuery, topics: tuple[Topic, ...]) -> Position | None:
    if query.since is None:
        return None
    position = parse_since(query.since)
    if position is None:
        raise _invalid("since", "since must be EPOCH,OFFSET as the last message gave them.")
    if len(topics) != 1:
        raise _invalid("since", "since belongs to one symbol: resume several by commands.")
    return position


def _invalid(field: str, detail: str) -> InvalidRequest:
    return InvalidRequest(detail, errors=(FieldError(field, "invalid", detail),))
