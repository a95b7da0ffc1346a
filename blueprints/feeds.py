"""Feeds and exchanges of all workers, for admins (``/api/v1/admin``)."""

import os
from typing import Annotated

from pydantic import Field
from quart import Blueprint
from quart.typing import ResponseReturnValue

from blueprints.formats.feed_models import ExchangeStates, Feeds
from blueprints.formats.feeds import budgets_of, format_exchange, format_feed, format_fleet
from middleware.auth_middleware import requires_role
from middleware.context import services
from middleware.documentation import Answers, responses
from middleware.rate_limit import limit
from middleware.validation import RequestModel, query
from utils.accounts import Role

blueprint = Blueprint("feeds", __name__, url_prefix="/admin")

# Whether the last feed of the page before needs attention, a dot, and its topic.
CURSOR = Field(max_length=300, json_schema_extra={"pattern": r"^[01]\.bars:.+$"}, pattern=r"^[01]\.bars:.+$")


class FeedsQuery(RequestModel):
    """``?limit=50&cursor=1.bars:…``; the cursor is the ``next`` of the page before."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[str, CURSOR] | None = None


@blueprint.get("/exchanges")
@requires_role(Role.ADMIN)
@limit("default")
@responses(Answers(ExchangeStates))
async def get_exchange_states() -> ResponseReturnValue:
    """Return how the exchanges are that any worker has asked since its start."""
    state = await services().fleet.look()
    return {
        "worker": os.getpid(),
        "complete": state.complete,
        "exchanges": [format_exchange(row) for row in state.exchanges],
    }


@blueprint.get("/feeds")
@requires_role(Role.ADMIN)
@limit("default")
@query(FeedsQuery)
@responses(Answers(Feeds))
async def get_feeds(query: FeedsQuery) -> ResponseReturnValue:
    """Return the feeds of all workers, what needs attention first, and what they come to."""
    house = services()
    state = await house.fleet.look()
    after = query.cursor or ""
    found = [row for row in state.feeds if row.place > after][: query.limit + 1]
    rows, now_ms, budgets = found[: query.limit], house.clock.now_ms(), budgets_of(state.exchanges)
    return {
        "worker": os.getpid(),
        **format_fleet(state),
        "feeds": [format_feed(row, budgets, now_ms) for row in rows],
        "next": rows[-1].place if len(found) > query.limit else None,
    }
