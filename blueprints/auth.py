"""Signing in, staying signed in and signing out: everything under ``/auth``."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import AliasChoices, ConfigDict, Field
from quart import Blueprint, g, request
from quart.typing import ResponseReturnValue

from blueprints.formats.account_models import OwnSessions, TicketAnswer, TokenPairAnswer, UserAnswer
from blueprints.formats.accounts import format_session, format_user
from middleware.auth_middleware import public_without_token, requires_user
from middleware.caller import caller
from middleware.context import services
from middleware.documentation import Answers, responses
from middleware.idempotency import answered, idempotent
from middleware.rate_limit import limit
from middleware.validation import RequestModel, json_body, query
from services.accounts import USERNAME_SHAPE
from services.passwords import PASSWORD_CHARACTERS_MAX, PASSWORD_CHARACTERS_MIN
from services.sessions import TokenPair
from services.tickets import TICKET_LIFE_S
from utils.accounts import User

blueprint = Blueprint("auth", __name__, url_prefix="/auth")

# No store between here and the client may keep a token. Source: RFC 6749, section 5.1.
PRIVATE = {"Cache-Control": "no-store"}
NO_CONTENT = ("", 204, PRIVATE)
NOT_KEPT = ("Cache-Control",)
NOTHING_TO_SAY = Answers(status=204, headers=NOT_KEPT)
BUSY = {429: ("too_many_attempts",), 503: ("busy",)}

Username = Annotated[str, Field(max_length=256)]
# Room for 128 characters in the form of Unicode that takes the most.
Password = Annotated[str, Field(max_length=1024, repr=False)]
# What a new one has to be is checked where it is stored, in one place with the commands.
NewUsername = Annotated[Username, Field(json_schema_extra={"pattern": f"^{USERNAME_SHAPE.pattern}$"})]
NewPassword = Annotated[
    Password,
    Field(
        json_schema_extra={
            "format": "new-password",
            "minLength": PASSWORD_CHARACTERS_MIN,
            "maxLength": PASSWORD_CHARACTERS_MAX,
        }
    ),
]


class LoginBody(RequestModel):
    """``{"username": "ada", "password": "…"}``."""

    username: Username
    password: Password


def _one_of_two_names(schema: dict[str, Any]) -> None:
    schema["properties"]["token"] = schema["properties"]["refresh_token"]
    schema["oneOf"] = [{"required": [name]} for name in ("refresh_token", "token")]
    del schema["required"]


class RegisterBody(RequestModel):
    """``{"username": "ada", "password": "…"}``, of somebody new."""

    username: NewUsername
    password: NewPassword


class RefreshBody(RequestModel):
    """``{"refresh_token": "…"}`` or ``{"token": "…"}``, not both."""

    model_config = ConfigDict(json_schema_extra=_one_of_two_names)

    refresh_token: Annotated[
        str, Field(validation_alias=AliasChoices("refresh_token", "token"), max_length=256, repr=False)
    ]


class PasswordBody(RequestModel):
    """``{"current_password": "…", "new_password": "…"}``."""

    current_password: Password
    new_password: NewPassword


class EndSessionsQuery(RequestModel):
    """``?keep_current=true`` spares the session that asks."""

    keep_current: bool = False


@blueprint.post("/login")
@public_without_token
@limit("login")
@json_body(LoginBody)
@responses(Answers(TokenPairAnswer, headers=NOT_KEPT), refuses={401: ("invalid_credentials",), **BUSY})
async def post_login(body: LoginBody) -> ResponseReturnValue:
    """Trade a username and a password for a pair of tokens."""
    return _format_pair(await services().auth.sign_in(body.username, body.password, caller())), PRIVATE


@blueprint.post("/refresh")
@public_without_token
@limit("default")
@json_body(RefreshBody)
@responses(Answers(TokenPairAnswer, headers=NOT_KEPT), refuses={401: ("invalid_refresh_token",)})
async def post_refresh(body: RefreshBody) -> ResponseReturnValue:
    """Trade a refresh token, which can be used once, for a new pair."""
    return _format_pair(await services().auth.refresh(body.refresh_token, caller())), PRIVATE


@blueprint.post("/register")
@public_without_token
@limit("login")
@idempotent
@json_body(RegisterBody)
@responses(
    Answers(UserAnswer, status=201, headers=NOT_KEPT),
    refuses={403: ("registration_closed",), 409: ("username_taken",), **BUSY},
)
async def post_register(body: RegisterBody) -> ResponseReturnValue:
    """Make an account, where the operator lets people do so by themselves."""
    accounts = services().auth.accounts
    return _registered(await accounts.register(body.username, body.password, caller(), answered(_registered)))


@blueprint.post("/logout")
@requires_user
@limit("default")
@responses(NOTHING_TO_SAY)
async def post_logout() -> ResponseReturnValue:
    """End the session that asks."""
    await services().auth.end_session(g.principal, g.principal.session_id, caller())
    return NO_CONTENT


@blueprint.post("/password")
@requires_user
@limit("login")
@json_body(PasswordBody)
@responses(NOTHING_TO_SAY, refuses={403: ("wrong_password",), 409: ("conflict",), **BUSY})
async def post_password(body: PasswordBody) -> ResponseReturnValue:
    """Change the password and end every session of the user, this one too."""
    await services().auth.change_password(g.principal, body.current_password, body.new_password, caller())
    return NO_CONTENT


@blueprint.get("/sessions")
@requires_user
@limit("default")
@responses(Answers(OwnSessions))
async def get_sessions() -> ResponseReturnValue:
    """Return the sessions of whoever asks, newest first."""
    sessions = await services().auth.list_sessions(g.principal)
    current_id = g.principal.session_id
    shown = [format_session(each) | {"current": each.session_id == current_id} for each in sessions]
    return {"sessions": shown}


@blueprint.delete("/sessions")
@requires_user
@limit("default")
@query(EndSessionsQuery)
@responses(NOTHING_TO_SAY)
async def delete_sessions(query: EndSessionsQuery) -> ResponseReturnValue:
    """End every session of whoever asks."""
    spared_id = g.principal.session_id if query.keep_current else None
    await services().auth.end_sessions(g.principal, caller(), spared_id=spared_id)
    return NO_CONTENT


@blueprint.delete("/sessions/<uuid:session_id>")
@requires_user
@limit("default")
@responses(NOTHING_TO_SAY, refuses={404: ("unknown_session",)})
async def delete_session(session_id: UUID) -> ResponseReturnValue:
    """End one session of whoever asks."""
    await services().auth.end_session(g.principal, session_id, caller())
    return NO_CONTENT


@blueprint.post("/ws-ticket")
@requires_user
@limit("default")
@responses(Answers(TicketAnswer))
async def post_ws_ticket() -> ResponseReturnValue:
    """Give a ticket that opens one WebSocket from a browser, which can send no header with it."""
    ticket = await services().auth.tickets.issue(g.principal, request.headers.get("Origin"))
    return {"ticket": ticket, "expires_in": TICKET_LIFE_S}


def _registered(user: User) -> ResponseReturnValue:
    return format_user(user), 201, PRIVATE


def _format_pair(pair: TokenPair) -> dict[str, str | int]:
    # "token" is the documented second name of the access token.
    return {
        "access_token": pair.access_token,
        "token": pair.access_token,
        "refresh_token": pair.refresh_token,
        "token_type": "Bearer",
        "expires_in": pair.expires_in_s,
    }
