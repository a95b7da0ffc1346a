"""What the ``type`` of a problem leads to: each code, its status, and what to do, as a page to read."""

import functools
from pathlib import Path

from quart import Blueprint, Response

from blueprints.formats.markdown_page import markdown_page
from blueprints.formats.system_models import Page
from middleware.auth_middleware import public_without_token
from middleware.documentation import Answers, responses
from middleware.rate_limit import limit

blueprint = Blueprint("problems", __name__)

DOCUMENT = Path(__file__).resolve().parents[1] / "docs/problems.md"


@blueprint.get("/docs/problems")
@public_without_token
@limit("default")
@responses(Answers(Page, media="text/html"))
async def get_problems() -> Response:
    """Explain every problem code, under the heading that the type of a problem names."""
    return Response(_page(), content_type="text/html; charset=utf-8")


@functools.cache
def _page() -> str:
    return markdown_page(DOCUMENT.read_text(encoding="utf-8"))
