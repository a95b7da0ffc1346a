"""The one-time link that makes the first admin: in development only, and only while there is none."""

from typing import Annotated

from pydantic import Field
from quart import Blueprint, Response, request
from quart_schema import DataSource, document_request

from blueprints.formats.first_admin_page import first_admin_made_page, first_admin_page
from blueprints.formats.system_models import Page
from middleware.auth_middleware import public_without_token
from middleware.caller import caller
from middleware.context import services
from middleware.documentation import Answers, refusals, responses
from middleware.rate_limit import limit
from middleware.validation import RequestModel, query, read_query
from utils.errors import Conflict, FieldError, InvalidRequest

blueprint = Blueprint("first_admin", __name__, url_prefix="/auth")

HTML = "text/html; charset=utf-8"
OF_LINKS = {401: ("invalid_token",), 404: ("not_found",), 409: ("set_up_already",)}


class LinkQuery(RequestModel):
    """``?token=…``, as the launcher printed it."""

    token: Annotated[str, Field(max_length=128, repr=False)]


class AdminForm(LinkQuery):
    """What the form sends."""

    username: Annotated[str, Field(max_length=256)]
    password: Annotated[str, Field(max_length=1024, repr=False)]


@blueprint.get("/first-admin")
@public_without_token
@limit("login")
@query(LinkQuery)
@responses(Answers(Page, media="text/html"), refuses=OF_LINKS)
async def get_first_admin(query: LinkQuery) -> Response:
    """Show the form that makes the first admin."""
    await services().auth.accounts.check_first_admin_token(query.token)
    return Response(first_admin_page(query.token), content_type=HTML)


@blueprint.post("/first-admin")
@public_without_token
@limit("login")
@document_request(AdminForm, source=DataSource.FORM)
@responses(
    *(Answers(Page, status=status, media="text/html") for status in (201, 409, 422)),
    refuses=refusals(OF_LINKS, {413: ("payload_too_large",), 422: ("invalid_request",), 503: ("busy",)}),
)
async def post_first_admin() -> Response:
    """Make the first admin, or show the form again with what was wrong."""
    form = read_query(AdminForm, await request.form)
    auth = services().auth
    await auth.accounts.check_first_admin_token(form.token)
    try:
        user = await auth.accounts.create_first_admin(form.username, form.password, caller())
    except (InvalidRequest, Conflict) as error:
        errors = error.errors or (FieldError("username", error.error_code, error.detail),)
        page = first_admin_page(form.token, form.username, errors)
        return Response(page, error.status, content_type=HTML)
    return Response(first_admin_made_page(user.username), 201, content_type=HTML)
