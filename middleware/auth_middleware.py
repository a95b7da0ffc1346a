"""Who may call a view: the access decorators, and reading the Authorization header.

Every view, of HTTP or WebSocket, carries exactly one of them and shows it as ``view.access``. An access
token is read from the header and from nowhere else: never from a query, where it would end in logs. A page
of a browser cannot send headers with a WebSocket: it gives a ticket that opens one, once, within 30 seconds.
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from quart import g, has_websocket_context, request, websocket
from quart_schema import security_scheme

from middleware.context import services
from middleware.declarations import declare, declared
from middleware.rate_limit import count_call
from middleware.validation import RequestModel, read_query
from services.sessions import invalid_access_token
from utils.accounts import Principal, Role
from utils.errors import Forbidden, Unauthorized

TICKET = "ticket"
TICKET_BUCKET = "default"

# What the OpenAPI document says of a view: no token is read, one may be sent, one has to be.
NO_TOKEN: list[dict[str, list[str]]] = []
TOKEN: list[dict[str, list[str]]] = [{"bearer": []}]
MAYBE_TOKEN: list[dict[str, list[str]]] = [{}, *TOKEN]

P = ParamSpec("P")
T = TypeVar("T")
View = Callable[P, Awaitable[T]]


class NoParameters(RequestModel):
    """What a view without a query model takes of an address: nothing."""


def public(view: View[P, T]) -> View[P, T]:
    """Open a view to everybody.

    Whoever sends a token is known by it (``g.principal``); a token that is not good is answered with 401
    rather than passed over, so that nobody believes to be signed in who is not.
    """
    return security_scheme(MAYBE_TOKEN)(_guard(view, "public", _principal_of_request))


def public_without_token(view: View[P, T]) -> View[P, T]:
    """Open a view to everybody and read no token, for signing in and refreshing.

    A client whose access token has ended may well send it along when it asks for a new one.
    """
    return security_scheme(NO_TOKEN)(_guard(view, "public", _nobody))


def requires_user(view: View[P, T]) -> View[P, T]:
    """Open a view to everybody who is signed in; ``g.principal`` is theirs."""
    return security_scheme(TOKEN)(_guard(view, "user", _signed_in))


def requires_role(role: Role) -> Callable[[View[P, T]], View[P, T]]:
    """Open a view to users who have this role at the moment of the request."""

    async def signed_in_with_role() -> Principal:
        principal = await _signed_in()
        if principal.role is not role:
            raise Forbidden(f"This is for users with the role {role}. Ask an {Role.ADMIN} for it.")
        return principal

    def decorate(view: View[P, T]) -> View[P, T]:
        return security_scheme(TOKEN)(_guard(view, f"role:{role}", signed_in_with_role))

    return decorate


async def principal_of(authorization: str | None) -> Principal | None:
    """Return who sent this Authorization header; None without one.

    Raises: Unauthorized when there is a header and it names nobody.
    """
    if authorization is None:
        return None
    scheme, _, token = authorization.partition(" ")
    if scheme.casefold() != "bearer":
        raise Unauthorized(
            "The Authorization header cannot be read. Send the word Bearer, a space, and the access token.",
            code="invalid_token",
        )
    return await services().auth.authenticate(token.strip(" "))


async def accept_socket() -> None:
    """Accept a WebSocket, and spend the ticket that it came with: one that was refused leaves it as it was.

    Raises: Unauthorized when the ticket has opened another meanwhile.
    """
    ticket = g.get("ticket")
    if ticket is not None:
        await services().auth.tickets.spend(ticket, websocket.headers.get("Origin"))
    await websocket.accept()


def _guard(view: View[P, T], access: str, identify: Callable[[], Awaitable[Principal | None]]) -> View[P, T]:
    # What is open to everybody may be a page, whose address holds more than a request is made of.
    takes_none = access != "public" and declared(view, "query_model") is None

    @wraps(view)
    async def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        g.principal = await identify()
        if takes_none and not has_websocket_context():
            read_query(NoParameters, request.args)
        return await view(*args, **kwargs)

    declare(guarded, access=access)
    return guarded


async def _nobody() -> None:
    return None


async def _principal_of_request() -> Principal | None:
    asked = websocket if has_websocket_context() else request
    headers = asked.headers.getlist("Authorization")
    tickets = asked.args.getlist(TICKET) if has_websocket_context() else []
    if len(headers) + len(tickets) > 1:
        raise invalid_access_token()
    if tickets:
        # Whoever makes tickets up is known by an address alone, and is counted before anybody is asked.
        await count_call(TICKET_BUCKET)
        g.ticket = tickets[0]
        return await services().auth.tickets.look_at(g.ticket, websocket.headers.get("Origin"))
    return await principal_of(headers[0] if headers else None)


async def _signed_in() -> Principal:
    principal = await _principal_of_request()
    if principal is None:
        raise Unauthorized(
            "You are not signed in. Sign in at /auth/login and send the access token you receive "
            "in the Authorization header, after the word Bearer."
        )
    return principal
