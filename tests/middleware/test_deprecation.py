"""A deprecated route says so in every answer, and no route goes without notice."""

from datetime import date
from itertools import pairwise

import pytest
from quart import Quart

from app_extensions.openapi import build_openapi
from middleware.auth_middleware import public_without_token
from middleware.deprecation import deprecated
from middleware.documentation import Answers, responses
from middleware.rate_limit import limit_exempt
from utils.version import API_VERSION, API_VERSIONS


@pytest.fixture
def app() -> Quart:
    made = Quart("deprecating")

    @made.get("/old")
    @deprecated(date(2027, 1, 1), date(2027, 7, 1), "/new")
    @public_without_token
    @limit_exempt("nothing is counted in this test")
    @responses(Answers())
    async def get_old() -> tuple[str, int]:
        """Answer as before."""
        return "still here", 200

    return made


async def test_every_answer_names_the_day_the_end_and_the_successor(app: Quart) -> None:
    response = await app.test_client().get("/old")
    assert await response.get_data(as_text=True) == "still here"
    assert response.headers["Deprecation"] == "@1798761600"
    assert response.headers["Sunset"] == "Thu, 01 Jul 2027 00:00:00 GMT"
    assert response.headers.getlist("Link") == [
        '</new>; rel="successor-version"',
        '</docs/versioning>; rel="deprecation"; type="text/html"',
    ]


async def test_the_document_calls_it_deprecated_and_names_the_headers(app: Quart) -> None:
    operation = build_openapi(app)["paths"]["/old"]["get"]
    assert operation["deprecated"] is True
    assert {"Deprecation", "Sunset", "Link"} <= operation["responses"]["200"]["headers"].keys()


def test_an_end_needs_half_a_year_of_notice() -> None:
    with pytest.raises(ValueError, match="180 days"):
        deprecated(date(2027, 1, 1), date(2027, 6, 1), "/new")


def test_the_current_version_is_stable_and_comes_last() -> None:
    assert [each.name for each in API_VERSIONS][-1] == API_VERSION
    assert API_VERSIONS[-1].state == "stable"
    names = [int(each.name.removeprefix("v")) for each in API_VERSIONS]
    assert all(later == earlier + 1 for earlier, later in pairwise(names))
