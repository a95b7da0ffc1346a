"""Signing in and refreshing: ``/auth/login`` and ``/auth/refresh``."""

from typing import Annotated

from pydantic import AliasChoices, Field
from quart import Blueprint
from quart.typing import ResponseReturnValue

from middleware.auth_middleware import public_without_token
from middleware.context import services
from middleware.rate_limit import limit
from middleware.validation import RequestModel, json_body
from services.auth_service import TokenPair

blueprint = Blueprint("auth", __name__, url_prefix="/auth")

# No store between here and the client may keep a token. Source: RFC 6749, section 5.1.
PRIVATE = {"Cache-Control": "no-store"}


class LoginBody(RequestModel):
    """``{"username": "ada", "password": "…"}``."""

    username: Annotated[str, Field(max_length=256)]
    # Room for 128 characters in the form of Unicode that takes the most.
    password: Annotated[str, Field(max_length=1024, repr=False)]


class RefreshBody(RequestModel):
    """``{"refresh_token": "…"}`` or ``{"token": "…"}``, not both."""

    refresh_token: Annotated[
        str, Field(validation_alias=AliasChoices("refresh_token", "token"), max_length=256, repr=False)
    ]


@blueprint.post("/login")
@public_without_token
@limit("login")
@json_body(LoginBody)
async def post_login(body: LoginBody) -> ResponseReturnValue:
    """Trade a username and a password for a pair of tokens."""
    return _format_pair(await services().auth.sign_in(body.username, body.password)), PRIVATE


@blueprint.post("/refresh")
@public_without_token
@limit("default")
@json_body(RefreshBody)
async def post_refresh(body: RefreshBody) -> ResponseReturnValue:
    """Trade a refresh token, which can be used once, for a new pair."""
    return _format_pair(await services().auth.refresh(body.refresh_token)), PRIVATE


def _format_pair(pair: TokenPair) -> dict[str, str | int]:
    # "token" is the documented second name of the access token.
    return {
        "access_token": pair.access_token,
        "token": pair.access_token,
        "refresh_token": pair.refresh_token,
        "token_type": "Bearer",
        "expires_in": pair.expires_in_s,
    }
