"""What somebody missed, asked for once: ``/announcements``."""

from typing import Annotated, Literal

from pydantic import Field
from quart import Blueprint, g
from quart.typing import ResponseReturnValue

from blueprints.formats.announcement_models import MissedAnnouncements
from blueprints.formats.ws_announce import announcement_fields
from middleware.auth_middleware import public
from middleware.context import services
from middleware.documentation import OF_BARS, Answers, responses
from middleware.language import PRIVATE, asked_voice
from middleware.rate_limit import limit
from middleware.validation import RequestModel, query
from services.announcing.messages import Announce
from services.announcing.preferences import (
    WORDS_PER_MINUTE_MAX,
    WORDS_PER_MINUTE_MIN,
    Preferences,
    Verbosity,
)
from utils.domain import Timeframe, Topic
from utils.errors import FieldError, InvalidRequest
from utils.field_types import LanguageName, Name, TimeframeName, TimeMs, TimeZoneName

BIGINT_MAX = 2**63 - 1
DEFAULT_TIMEFRAME = "1m"

blueprint = Blueprint("announcements", __name__, url_prefix="/announcements")


class MissedQuery(RequestModel):
    """``?since=812`` for your alerts; ``&symbol=BTC/USD&since_ms=…`` for what a symbol did meanwhile."""

    since: Annotated[int, Field(ge=0, le=BIGINT_MAX)] = 0
    market: Name | None = None
    exchange: Name | None = None
    symbol: Name | None = None
    timeframe: TimeframeName = DEFAULT_TIMEFRAME
    since_ms: TimeMs | None = None
    verbosity: Literal["brief", "normal", "full"] = "normal"
    words_per_minute: Annotated[int, Field(ge=WORDS_PER_MINUTE_MIN, le=WORDS_PER_MINUTE_MAX)] = 175
    locale: LanguageName | None = None
    time_zone: TimeZoneName | None = None


@blueprint.get("")
@public
@limit("default")
@query(MissedQuery)
@responses(Answers(MissedAnnouncements, headers=("Cache-Control", "Vary")), refuses=OF_BARS)
async def get_announcements(query: MissedQuery) -> ResponseReturnValue:
    """Return your alerts that fired after a place of the record, and what a symbol did since a time."""
    voice = asked_voice(query.locale, query.time_zone)
    preferences = Preferences(verbosity=Verbosity(query.verbosity), words_per_minute=query.words_per_minute)
    principal = g.principal
    missed = await services().announcing.digest.missed(
        voice,
        preferences,
        user_id=None if principal is None else principal.user_id,
        since_sequence=query.since,
        topic=await _topic(query),
        since_ms=query.since_ms,
    )
    now_ms = services().clock.now_ms()
    answer = {
        "sequence": missed.sequence,
        "lang": voice.locale.code,
        "dir": voice.locale.direction,
        "catch_up": None if missed.catch_up is None else _shape(missed.catch_up, now_ms),
        "announcements": [_shape(announce, now_ms) for announce in missed.announcements],
    }
    return answer, PRIVATE


def _shape(announce: Announce, now_ms: int) -> dict[str, object]:
    return {"sequence": announce.sequence, **announcement_fields(announce, now_ms)}


async def _topic(query: MissedQuery) -> Topic | None:
    if (query.symbol is None) != (query.since_ms is None):
        missing = "since_ms" if query.since_ms is None else "symbol"
        detail = "symbol and since_ms belong together: give both, or neither."
        raise InvalidRequest(detail, errors=(FieldError(missing, "missing", detail),))
    if query.symbol is None:
        return None
    try:
        timeframe = Timeframe.parse(query.timeframe)
    except ValueError as error:
        detail = "timeframe must be a timeframe: like 1m, 1h or 1d."
        raise InvalidRequest(detail, errors=(FieldError("timeframe", "invalid", detail),)) from error
    market, exchange = await services().catalog.default_venue(query.market, query.exchange)
    (topic,) = await services().live.find_topics(market, exchange, (query.symbol,), timeframe)
    return topic
