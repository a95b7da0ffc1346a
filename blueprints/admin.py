"""What only admins see: ``/api/v1/admin/users``."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field
from quart import Blueprint
from quart.typing import ResponseReturnValue

from middleware.auth_middleware import requires_role
from middleware.context import services
from middleware.rate_limit import limit
from middleware.validation import RequestModel, query
from utils.accounts import Role, User

BIGINT_MAX = 2**63 - 1

blueprint = Blueprint("admin", __name__, url_prefix="/admin")


class UsersQuery(RequestModel):
    """``?limit=50&cursor=120``; the cursor is the ``next`` of the page before."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[int, Field(ge=0, le=BIGINT_MAX)] = 0


@blueprint.get("/users")
@requires_role(Role.ADMIN)
@limit("default")
@query(UsersQuery)
async def get_users(query: UsersQuery) -> ResponseReturnValue:
    """Return users in order of their id, and the cursor of the next page, null at the end."""
    # One more than asked for shows whether there is a next page.
    users = await services().auth.list_users(after_user_id=query.cursor, limit=query.limit + 1)
    page = users[: query.limit]
    following = str(page[-1].user_id) if len(users) > query.limit else None
    return {"users": [_format_user(user) for user in page], "next": following}


def _format_user(user: User) -> dict[str, int | str | bool]:
    created = datetime.fromtimestamp(user.created_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return {
        "id": user.user_id,
        "username": user.username,
        "role": user.role.value,
        "disabled": user.disabled,
        "created_at": created.replace("+00:00", "Z"),
    }
