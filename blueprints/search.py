"""Finding instruments: ``/market/search``."""

from typing import Annotated

from pydantic import Field
from quart import Blueprint
from quart.typing import ResponseReturnValue

from blueprints.formats.search import format_search
from blueprints.formats.search_models import SearchAnswer
from middleware.auth_middleware import public
from middleware.context import services
from middleware.documentation import OF_MARKETS, Answers, refusals, responses
from middleware.rate_limit import limit
from middleware.validation import RequestModel, query
from services.search.found import InstrumentKind
from services.search.instrument_search import LIMIT_DEFAULT, LIMIT_MAX
from services.search.text import TEXT_LENGTH_MAX
from utils.field_types import Name

blueprint = Blueprint("search", __name__, url_prefix="/market")


class SearchQuery(RequestModel):
    """``?query=bitcoin``: a symbol, a code, a name, an exchange, several of them, or nearly so."""

    query: Annotated[str, Field(max_length=TEXT_LENGTH_MAX)]
    market: Name | None = None
    exchange: Name | None = None
    kind: InstrumentKind | None = None
    limit: Annotated[int, Field(ge=1, le=LIMIT_MAX)] = LIMIT_DEFAULT


@blueprint.get("/search")
@public
@limit("default")
@query(SearchQuery)
@responses(Answers(SearchAnswer), refuses=refusals(OF_MARKETS, {404: ("unknown_exchange",)}))
async def get_search(query: SearchQuery) -> ResponseReturnValue:
    """Return the instruments that fit what was typed, the best first, with slips forgiven."""
    search = services().search
    found = await search.search(
        query.query, market=query.market, exchange=query.exchange, kind=query.kind, limit=query.limit
    )
    unread = await search.unread(query.query, market=query.market, exchange=query.exchange)
    return format_search(query.query, found, unread)
