"""The documents about the interfaces, for programs as JSON and for people as pages."""

import asyncio
import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quart import Blueprint, Response, current_app, request

from blueprints.formats.asyncapi_page import asyncapi_page
from blueprints.formats.markdown_page import markdown_page
from blueprints.formats.redoc_page import REDOC_PAGE
from blueprints.formats.system_models import JsonDocument, Page
from middleware.auth_middleware import public_without_token
from middleware.documentation import JSON, Answers, responses
from middleware.rate_limit import limit
from services.answers import tag_matches
from utils.json_codec import encode_json

blueprint = Blueprint("docs", __name__)

EXTENSION = "accessibletrader_documents"
VERSIONING = Path(__file__).resolve().parents[1] / "docs/versioning.md"
HTML = "text/html; charset=utf-8"
KEPT = ("ETag", "Cache-Control")
# Redoc writes styles into the page, and looks for words in a worker of its own. It reaches nobody but us.
REDOC_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Documents:
    """Hold what makes the documents: a second of work the first time, nothing later."""

    openapi: Callable[[], Document]
    asyncapi: Callable[[], Document]


@blueprint.get("/openapi.json")
@public_without_token
@limit("default")
@responses(Answers(JsonDocument, headers=KEPT), Answers(status=304, headers=KEPT))
async def get_openapi() -> Response:
    """Return the OpenAPI document of the HTTP interface."""
    return _answer(encode_json(await asyncio.to_thread(_documents().openapi)), JSON)


@blueprint.get("/asyncapi.json")
@public_without_token
@limit("default")
@responses(Answers(JsonDocument, headers=KEPT), Answers(status=304, headers=KEPT))
async def get_asyncapi() -> Response:
    """Return the AsyncAPI document of the WebSockets."""
    return _answer(encode_json(await asyncio.to_thread(_documents().asyncapi)), JSON)


@blueprint.get("/docs")
@public_without_token
@limit("default")
@responses(Answers(Page, media="text/html", headers=KEPT), Answers(status=304, headers=KEPT))
async def get_docs() -> Response:
    """Show the OpenAPI document to people."""
    response = _answer(REDOC_PAGE.encode(), HTML)
    response.headers["Content-Security-Policy"] = REDOC_POLICY
    return response


@blueprint.get("/docs/websockets")
@public_without_token
@limit("default")
@responses(Answers(Page, media="text/html", headers=KEPT), Answers(status=304, headers=KEPT))
async def get_websocket_docs() -> Response:
    """Show the AsyncAPI document to people."""
    document = await asyncio.to_thread(_documents().asyncapi)
    return _answer(asyncapi_page(document).encode(), HTML)


@blueprint.get("/docs/versioning")
@public_without_token
@limit("default")
@responses(Answers(Page, media="text/html", headers=KEPT), Answers(status=304, headers=KEPT))
async def get_versioning() -> Response:
    """Say what is promised about the interface, and how the end of something is announced."""
    return _answer(_versioning(), HTML)


@functools.cache
def _versioning() -> bytes:
    return markdown_page(VERSIONING.read_text(encoding="utf-8")).encode()


def _documents() -> Documents:
    documents = current_app.extensions[EXTENSION]
    assert isinstance(documents, Documents)
    return documents


def _answer(body: bytes, content_type: str) -> Response:
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    if tag_matches(", ".join(request.headers.getlist("If-None-Match")), etag):
        return Response(status=304, headers=headers)
    return Response(body, content_type=content_type, headers=headers)
