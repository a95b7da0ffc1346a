"""Every route and socket, for everybody who may come: the exact status, and the headers of every answer.

The routes come from the app itself. One that is added needs a row here, and an access that was declared.
"""

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from quart.testing.connections import WebsocketResponseError
from werkzeug.datastructures import Headers

from app import create_app
from config import load_config
from middleware.security_headers import baseline_headers
from tests.attack.conftest import BAD_KINDS, GOOD_KINDS, Household

SOCKET_OPENS = 101
ID = str(UUID(int=0, version=4))
# What the path holds where it names something: things that are not there.
PLACEHOLDERS = {
    "<int:user_id>": "999999",
    "<uuid:session_id>": ID,
    "<path:name>": "nothing.js",
    "<int:alert_id>": "999999",
    "<int:run_id>": "999999",
    "<coin:coin>": "nothing",
    "<category>": "nothing",
    "<path:symbol>": "simulated:nowhere:NOTHING",
}
# What a request without parameters and body is answered once it was let in. True: no token is read.
OWN: dict[str, tuple[int, bool]] = {
    "GET /": (200, True),
    "GET /web/<path:name>": (404, True),
    "GET /docs/problems": (200, True),
    "GET /docs": (200, True),
    "GET /docs/websockets": (200, True),
    "GET /docs/versioning": (200, True),
    "GET /version": (200, True),
    "GET /versions": (200, True),
    "GET /ping": (200, True),
    "GET /info": (200, True),
    "GET /openapi.json": (200, True),
    "GET /asyncapi.json": (200, True),
    "GET /health": (200, True),
    "GET /live": (200, True),
    "GET /ready": (200, True),
    "GET /market/get_exchanges": (422, False),
    "GET /market/get_symbols": (422, False),
    "GET /market/fetch_ohlcv": (422, False),
    "GET /market/describe": (422, False),
    "GET /market/search": (422, False),
    "GET /api/candles/<path:symbol>": (404, False),
    "GET /api/v1/candles/<path:symbol>": (404, False),
    "GET /api/symbols": (200, False),
    "GET /api/v1/symbols": (200, False),
    "POST /api/symbols": (415, False),
    "POST /api/v1/symbols": (415, False),
    "DELETE /api/symbols/<path:symbol>": (404, False),
    "DELETE /api/v1/symbols/<path:symbol>": (404, False),
    "GET /announcements": (200, False),
    "GET /ws": (SOCKET_OPENS, False),
    "GET /api/v1/ws": (SOCKET_OPENS, False),
    "GET /ws/subscribe": (422, False),
    "POST /auth/login": (415, True),
    "POST /auth/refresh": (415, True),
    "POST /auth/register": (415, True),
    "GET /auth/first-admin": (422, True),
    "POST /auth/first-admin": (422, True),
    "POST /auth/logout": (204, False),
    "POST /auth/password": (415, False),
    "GET /auth/sessions": (200, False),
    "DELETE /auth/sessions": (204, False),
    "DELETE /auth/sessions/<uuid:session_id>": (404, False),
    "POST /auth/ws-ticket": (200, False),
    "GET /api/v1/users/profile": (200, False),
    "PATCH /api/v1/users/profile": (415, False),
    "GET /api/v1/alerts": (200, False),
    "POST /api/v1/alerts": (415, False),
    "DELETE /api/v1/alerts/<int:alert_id>": (404, False),
    "GET /api/v1/cryptocurrencies/": (200, False),
    "GET /api/v1/cryptocurrencies/<coin:coin>": (404, False),
    "GET /api/v1/cryptocurrencies/<coin:coin>/history": (404, False),
    "GET /api/v1/cryptocurrencies/top/<category>": (404, False),
    "POST /api/v1/cryptocurrencies/sync": (202, False),
    "GET /api/v1/admin/users": (200, False),
    "PUT /api/v1/admin/users/<int:user_id>/role": (415, False),
    "POST /api/v1/admin/users/<int:user_id>/disable": (404, False),
    "POST /api/v1/admin/users/<int:user_id>/enable": (404, False),
    "GET /api/v1/admin/sessions": (200, False),
    "DELETE /api/v1/admin/sessions/<uuid:session_id>": (404, False),
    "GET /api/v1/admin/audit": (200, False),
    "GET /api/v1/admin/jobs": (200, False),
    "GET /api/v1/admin/jobs/<int:run_id>": (404, False),
    "POST /api/v1/admin/jobs/<int:run_id>/cancel": (404, False),
    "POST /api/v1/admin/jobs/run": (415, False),
    "GET /admin/jobs": (200, True),
    "GET /admin/feeds": (200, True),
    "GET /api/v1/admin/exchanges": (200, False),
    "GET /api/v1/admin/feeds": (200, False),
    "GET /udf/config": (200, False),
    "GET /udf/time": (200, False),
    "GET /udf/symbols": (422, False),
    "GET /udf/search": (200, False),
    "GET /udf/symbol_info": (422, False),
    "GET /udf/history": (422, False),
    "GET /udf/marks": (422, False),
    "GET /udf/timescale_marks": (422, False),
    "GET /udf/quotes": (422, False),
    "GET /api/v1/datafeed/config": (200, False),
    "GET /api/v1/datafeed/search": (200, False),
    "GET /api/v1/datafeed/resolve/<path:symbol>": (404, False),
    "GET /api/v1/datafeed/bars": (422, False),
    "POST /api/v1/datafeed/quotes": (415, False),
    "GET /api/v1/datafeed/health": (200, True),
}
IMPLIED_METHODS = {"HEAD", "OPTIONS"}
OTHER_METHODS = ("PUT", "PATCH", "DELETE", "POST", "GET", "TRACE", "PROPFIND")
BASELINE = baseline_headers(production=False)


def all_routes() -> dict[str, tuple[Callable[..., object], bool]]:
    """Return ``GET /health`` and the like, with the view and whether it is a socket."""
    app = create_app(load_config({"ENV": "test", "SECRET_KEY": "x" * 40}, dotenv=None))
    return {
        f"{method} {rule.rule}": (app.view_functions[rule.endpoint], bool(rule.websocket))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or {"GET"}) - IMPLIED_METHODS
    }


ROUTES = all_routes()


def row_of(route: str) -> tuple[int, bool]:
    """Return the row of a route; a versioned twin shares that of the other."""
    return OWN[route] if route in OWN else OWN[route.replace("/api/v1", "", 1)]


def expected(route: str, kind: str) -> int:
    view, _ = ROUTES[route]
    access = str(getattr(view, "access", None))
    assert access in ("public", "user") or access.startswith("role:"), f"{route} has no declared access"
    own, reads_nothing = row_of(route)
    if reads_nothing:
        assert access == "public"
        return own
    if kind in BAD_KINDS or (kind == "none" and access != "public"):
        return 401
    if access.startswith("role:") and kind != access.removeprefix("role:"):
        return 403
    return own


def address(route: str) -> tuple[str, str]:
    method, _, path = route.partition(" ")
    return method, re.sub(r"<[^>]+>", lambda found: PLACEHOLDERS[found[0]], path)


def check_headers(response: Any, route: str) -> None:
    headers = response.headers
    assert {name: headers.get(name) for name in BASELINE if name != "Content-Security-Policy"} == {
        name: text for name, text in BASELINE.items() if name != "Content-Security-Policy"
    }, route
    # The page brings a policy of its own that lets it load its scripts.
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], route
    assert "default-src 'none'" in headers["Content-Security-Policy"], route
    assert "Server" not in headers
    assert headers["X-Request-ID"]
    if response.status_code >= 400:
        assert headers["Cache-Control"] == "no-store", route
        if not headers["Content-Type"].startswith("text/html"):
            udf = "/udf/" in route
            assert headers["Content-Type"] == ("application/json" if udf else "application/problem+json"), (
                route
            )
    if "/auth/" in route or "/admin/" in route or "/users/" in route or "/alerts" in route:
        assert headers["Cache-Control"] == "no-store", route


async def status_of(household: Household, route: str, kind: str) -> int:
    method, path = address(route)
    token = await household.token(kind)
    headers = Headers({"Authorization": f"Bearer {token}"} if token is not None else {})
    client = household.app.test_client()
    if not ROUTES[route][1]:
        response = await client.open(path, method=method, headers=headers, scope_base=household.place())
        check_headers(response, route)
        return int(response.status_code)
    try:
        async with client.websocket(path, headers=headers, scope_base=household.place()) as connection:
            await connection.send('{"type":"ping"}')
            await connection.receive()
    except WebsocketResponseError as refused:
        check_headers(refused.response, route)
        return int(refused.response.status_code)
    return SOCKET_OPENS


def test_every_route_has_a_row_and_no_row_is_left_over() -> None:
    rows = {route if route in OWN else route.replace("/api/v1", "", 1) for route in ROUTES}
    assert rows == set(OWN)


@pytest.mark.parametrize("kind", ["none", *BAD_KINDS, *GOOD_KINDS])
async def test_every_route_answers_everybody_as_declared(household: Household, kind: str) -> None:
    wrong = []
    for route in ROUTES:
        status = await status_of(household, route, kind)
        if status != expected(route, kind):
            wrong.append(f"{route} answers {status} to {kind}, not {expected(route, kind)}")
    assert not wrong, "\n".join(wrong)


async def test_every_other_method_is_refused_with_the_ones_there_are(household: Household) -> None:
    token = await household.token("admin")
    client = household.app.test_client()
    for path in {address(route)[1] for route, (_, socket) in ROUTES.items() if not socket}:
        known = {route.split()[0] for route in ROUTES if address(route)[1] == path}
        for method in set(OTHER_METHODS) - known:
            response = await client.open(
                path,
                method=method,
                headers={"Authorization": f"Bearer {token}"},
                scope_base=household.place(),
            )
            assert response.status_code == 405, (method, path)
            assert known <= set(response.headers["Allow"].split(", ")), (method, path)
            check_headers(response, path)


@pytest.mark.parametrize("ticket", ["", "x", "A" * 43, "..", "%00"])
async def test_no_made_up_ticket_opens_a_socket(household: Household, ticket: str) -> None:
    client = household.app.test_client()
    for route in (route for route, (_, socket) in ROUTES.items() if socket):
        with pytest.raises(WebsocketResponseError) as refused:
            async with client.websocket(f"{address(route)[1]}?ticket={ticket}") as connection:
                await connection.receive()
        assert refused.value.response.status_code == 401


async def test_no_route_for_somebody_passes_over_a_parameter_that_it_does_not_know(
    household: Household,
) -> None:
    client = household.app.test_client()
    asked = 0
    for route, (view, socket) in ROUTES.items():
        if socket or vars(view)["access"] == "public":
            continue
        method, path = address(route)
        headers = {"Authorization": f"Bearer {await household.token('admin')}"}
        response = await client.open(
            f"{path}?nonsense=1", method=method, headers=headers, scope_base=household.place()
        )
        assert response.status_code == 422, route
        assert "nonsense" in (await response.get_json())["detail"], route
        asked += 1
    assert asked > 20
