"""What only admins see and change: users, sessions, what was done, and feeds (``/api/v1/admin``)."""

import os
from typing import Annotated, TypeVar
from uuid import UUID

from pydantic import AfterValidator, Field
from quart import Blueprint, g
from quart.typing import ResponseReturnValue

from blueprints.formats.account_models import (
    AuditPage,
    SessionsPage,
    UserAnswer,
    UsersPage,
)
from blueprints.formats.accounts import (
    format_event,
    format_session,
    format_user,
)
from blueprints.formats.feed_models import ExchangeStates, Feeds
from blueprints.formats.feeds import budgets_of, format_exchange, format_feed, format_fleet
from middleware.auth_middleware import requires_role
from middleware.caller import caller
from middleware.context import services
from middleware.documentation import Answers, responses
from middleware.idempotency import answered, idempotent
from middleware.rate_limit import limit
from middleware.validation import RequestModel, json_body, query
from utils.accounts import Role

BIGINT_MAX = 2**63 - 1
OF_USERS = {404: ("unknown_user",), 409: ("last_admin",)}

blueprint = Blueprint("admin", __name__, url_prefix="/admin")

Row = TypeVar("Row")
PageLimit = Annotated[int, Field(ge=1, le=200)]
RowId = Annotated[int, Field(ge=0, le=BIGINT_MAX)]

# When the session began, a dot, and its id.
SESSION_CURSOR = Field(
    max_length=64, json_schema_extra={"pattern": r"^[0-9]{1,15}\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}
)
# Whether the last feed of the page before needs attention, a dot, and its topic.
FEED_CURSOR_SHAPE = r"^[01]\.bars:[^\x00-\x1f\x7f-\x9f]+$"
FEED_CURSOR = Field(
    max_length=300, pattern=FEED_CURSOR_SHAPE, json_schema_extra={"pattern": FEED_CURSOR_SHAPE}
)


def _session_cursor(text: str) -> str:
    began_ms, _, session_id = text.partition(".")
    if not (began_ms.isascii() and began_ms.isdigit() and len(began_ms) <= 15):
        raise ValueError("must be the next of the page before.")
    try:
        UUID(session_id)
    except ValueError:
        raise ValueError("must be the next of the page before.") from None
    return text


class UsersQuery(RequestModel):
    """``?limit=50&cursor=120``; the cursor is the ``next`` of the page before."""

    limit: PageLimit = 50
    cursor: RowId = 0


class NewestFirstQuery(RequestModel):
    """``?limit=50&cursor=120``; the cursor is the ``next`` of the page before."""

    limit: PageLimit = 50
    cursor: RowId | None = None


class SessionsQuery(RequestModel):
    """``?user_id=7&limit=50&cursor=…``; the cursor is the ``next`` of the page before."""

    user_id: RowId | None = None
    limit: PageLimit = 50
    cursor: Annotated[str, SESSION_CURSOR, AfterValidator(_session_cursor)] | None = None


class FeedsQuery(RequestModel):
    """``?limit=50&cursor=1.bars:…``; the cursor is the ``next`` of the page before."""

    limit: PageLimit = 50
    cursor: Annotated[str, FEED_CURSOR] | None = None


class RoleBody(RequestModel):
    """``{"role": "admin"}``."""

    role: Role


@blueprint.get("/users")
@requires_role(Role.ADMIN)
@limit("default")
@query(UsersQuery)
@responses(Answers(UsersPage))
async def get_users(query: UsersQuery) -> ResponseReturnValue:
    """Return users in order of their id, and the cursor of the next page, null at the end."""
    found = await services().user_admin.list_users(after_user_id=query.cursor, limit=query.limit + 1)
    users, more = _page(found, query.limit)
    following = str(users[-1].user_id) if more else None
    return {"users": [format_user(user) for user in users], "next": following}


@blueprint.put("/users/<int:user_id>/role")
@requires_role(Role.ADMIN)
@limit("default")
@json_body(RoleBody)
@responses(Answers(UserAnswer), refuses=OF_USERS)
async def put_role(user_id: int, body: RoleBody) -> ResponseReturnValue:
    """Give a user a role; it counts at the next request, and the user's WebSockets end."""
    return format_user(await services().user_admin.set_role(g.principal, user_id, body.role, caller()))


@blueprint.post("/users/<int:user_id>/disable")
@requires_role(Role.ADMIN)
@limit("default")
@idempotent
@responses(Answers(UserAnswer), refuses=OF_USERS)
async def post_disable(user_id: int) -> ResponseReturnValue:
    """Shut a user out and end every session of theirs."""
    admin = services().user_admin
    keep = answered(format_user)
    return format_user(await admin.set_disabled(g.principal, user_id, caller(), disabled=True, keep=keep))


@blueprint.post("/users/<int:user_id>/enable")
@requires_role(Role.ADMIN)
@limit("default")
@idempotent
@responses(Answers(UserAnswer), refuses=OF_USERS)
async def post_enable(user_id: int) -> ResponseReturnValue:
    """Let a disabled user sign in again."""
    admin = services().user_admin
    keep = answered(format_user)
    return format_user(await admin.set_disabled(g.principal, user_id, caller(), disabled=False, keep=keep))


@blueprint.get("/sessions")
@requires_role(Role.ADMIN)
@limit("default")
@query(SessionsQuery)
@responses(Answers(SessionsPage))
async def get_all_sessions(query: SessionsQuery) -> ResponseReturnValue:
    """Return the sessions of everybody or of one user, newest first."""
    began_ms, _, session_id = (query.cursor or "").partition(".")
    before = (int(began_ms), UUID(session_id)) if query.cursor else None
    found = await services().user_admin.list_sessions(
        before=before, user_id=query.user_id, limit=query.limit + 1
    )
    sessions, more = _page(found, query.limit)
    following = f"{sessions[-1].created_ms}.{sessions[-1].session_id}" if more else None
    shown = [format_session(each) | {"user_id": each.user_id} for each in sessions]
    return {"sessions": shown, "next": following}


@blueprint.delete("/sessions/<uuid:session_id>")
@requires_role(Role.ADMIN)
@limit("default")
@responses(Answers(status=204), refuses={404: ("unknown_session",)})
async def delete_any_session(session_id: UUID) -> ResponseReturnValue:
    """End anybody's session."""
    await services().user_admin.end_session(g.principal, session_id, caller())
    return "", 204


@blueprint.get("/audit")
@requires_role(Role.ADMIN)
@limit("default")
@query(NewestFirstQuery)
@responses(Answers(AuditPage))
async def get_audit(query: NewestFirstQuery) -> ResponseReturnValue:
    """Return who did what, newest first."""
    found = await services().user_admin.list_events(before_event_id=query.cursor, limit=query.limit + 1)
    events, more = _page(found, query.limit)
    following = str(events[-1].event_id) if more else None
    return {"events": [format_event(event) for event in events], "next": following}


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


def _page(found: list[Row], limit: int) -> tuple[list[Row], bool]:
    # One more than asked for shows whether there is a next page.
    return found[:limit], len(found) > limit
