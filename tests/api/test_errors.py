"""Every way a request can fail, on the whole app: one shape, sentences that can be heard, no inner text."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from quart import Quart, Response
from quart.typing import TestClientProtocol as Client

from app import create_app
from config import Config
from middleware.context import services

INNER_TEXT = "inner text that nobody outside may read"
LOGIN = "/auth/login"
EXCHANGES = "/market/get_exchanges"
JSON = {"Content-Type": "application/json"}
BARS = "/market/fetch_ohlcv?market=simulated&exchange=simex&symbol=BTC/USD&timeframe=1h"
MEMBERS = {"type", "title", "status", "detail", "code", "instance", "request_id"}


@dataclass(frozen=True)
class Call:
    status: int
    code: str
    method: str
    path: str
    data: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    detail: str | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.path[:70]} {self.status} {self.code}"


CALLS = [
    Call(404, "not_found", "GET", "/nowhere"),
    Call(404, "not_found", "HEAD", "/nowhere"),
    Call(404, "not_found", "OPTIONS", "/nowhere"),
    Call(404, "not_found", "POST", "/nowhere", b"x" * 70_000),
    Call(404, "not_found", "GET", "/market/get_symbol", detail="Did you mean /market/get_symbols?"),
    Call(404, "not_found", "GET", "/%ff%fe%00"),
    Call(404, "not_found", "GET", "//market//get_symbols"),
    Call(404, "not_found", "GET", "/static/../config.py"),
    Call(405, "method_not_allowed", "POST", "/market/fetch_ohlcv", detail="Use GET or HEAD or OPTIONS."),
    Call(405, "method_not_allowed", "DELETE", LOGIN, detail="Use OPTIONS or POST."),
    Call(405, "method_not_allowed", "TRACE", "/"),
    Call(405, "method_not_allowed", "BREW", "/health"),
    Call(400, "websocket_mismatch", "GET", "/ws/subscribe?symbols=BTC/USD"),
    Call(415, "unsupported_media_type", "POST", LOGIN, b"{}", {"Content-Type": "text/plain"}),
    Call(415, "unsupported_media_type", "POST", LOGIN, b"{}"),
    Call(413, "payload_too_large", "POST", LOGIN, b" " * 70_000, JSON),
    Call(400, "malformed_json", "POST", LOGIN, b"", JSON),
    Call(400, "malformed_json", "POST", LOGIN, b"{", JSON),
    Call(400, "malformed_json", "POST", LOGIN, b"[]", JSON),
    Call(400, "malformed_json", "POST", LOGIN, b"\xff", JSON),
    Call(400, "malformed_json", "POST", LOGIN, b"[" * 60_000, JSON),
    Call(400, "malformed_json", "POST", LOGIN, b'{"username":"a","username":"b","password":"c"}', JSON),
    Call(400, "malformed_json", "POST", LOGIN, b'{"username":NaN,"password":"c"}', JSON),
    Call(400, "malformed_json", "POST", LOGIN, b'{"username":"\\ud800","password":"c"}', JSON),
    Call(422, "invalid_request", "POST", LOGIN, b"{}", JSON),
    Call(422, "invalid_request", "POST", LOGIN, b'{"username":5,"password":null,"role":"admin"}', JSON),
    Call(422, "invalid_request", "POST", LOGIN, b'{"username":"\\u0000","password":"c"}', JSON),
    Call(401, "", "POST", LOGIN, b'{"username":"nobody","password":"a horse in a field"}', JSON),
    Call(401, "invalid_token", "GET", EXCHANGES + "?market=simulated", headers={"Authorization": "Bearer x"}),
    Call(401, "unauthorized", "GET", "/api/v1/admin/users"),
    Call(404, "unknown_market", "GET", EXCHANGES + "?market=simulatd", detail="Did you mean simulated?"),
    Call(
        404,
        "unknown_exchange",
        "GET",
        "/market/get_symbols?market=simulated&exchange=simx",
        detail="Did you mean simex?",
    ),
    Call(404, "unknown_symbol", "GET", BARS.replace("BTC/USD", "BTC/USE")),
    Call(422, "invalid_request", "GET", EXCHANGES, detail="market is missing: add it."),
    Call(422, "invalid_request", "HEAD", EXCHANGES),
    Call(422, "invalid_request", "GET", BARS.replace("1h", "soon")),
    Call(422, "invalid_request", "GET", f"{BARS}&limit=0", detail="limit must be at least 1."),
    Call(422, "invalid_request", "GET", f"{BARS}&limit=99999999999999999999"),
    Call(422, "invalid_request", "GET", f"{BARS}&since=tomorrow", detail="since must be a time"),
    Call(422, "invalid_request", "GET", f"{BARS}&since=1763730000", detail="looks like seconds"),
    Call(422, "invalid_request", "GET", f"{BARS}&since=2026-02-01&until=2026-01-01"),
    Call(
        422,
        "invalid_request",
        "GET",
        f"{BARS}&limit=5&limit=6",
        detail="limit is given 2 times: give it once.",
    ),
    Call(422, "invalid_request", "GET", f"{BARS}&timefram=1h", detail="Did you mean timeframe?"),
    Call(422, "invalid_request", "GET", EXCHANGES + "?market=" + "x" * 300),
    Call(422, "invalid_request", "GET", EXCHANGES + "?market=%00"),
    Call(422, "invalid_request", "GET", EXCHANGES + "?market=a%0d%0aSet-Cookie:%20a=b"),
    Call(422, "invalid_request", "GET", EXCHANGES + "?" + "&".join(f"p{n}=1" for n in range(500))),
]


async def problem_in(response: Response) -> dict[str, Any]:
    """Return the problem document, after looking at all that every problem must have."""
    assert response.content_type == "application/problem+json"
    problem: dict[str, Any] = json.loads(await response.get_data())
    assert problem.keys() >= MEMBERS
    assert problem["status"] == response.status_code
    assert problem["type"] == f"/docs/problems#{problem['code']}"
    assert problem["request_id"] == response.headers["X-Request-ID"]
    assert 0 < len(problem["title"]) <= 80
    assert 0 < len(problem["detail"]) <= 200
    assert problem["detail"][-1] in ".?"
    for field_error in problem.get("errors", []):
        assert field_error.keys() == {"field", "code", "detail"}
        assert field_error["detail"][-1] in ".?"
    assert ("retry_after" in problem) == ("Retry-After" in response.headers)
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert response.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in response.headers
    return problem


async def test_every_refusal_is_a_problem_that_can_be_heard(
    client: Client, subtests: pytest.Subtests
) -> None:
    for number, call in enumerate(CALLS):
        with subtests.test(str(call)):
            # From an address of its own, so that signing in is not what runs out.
            scope = {"client": (f"192.0.2.{number}", 1)}
            response = await client.open(
                call.path, method=call.method, data=call.data, headers=call.headers, scope_base=scope
            )
            problem = await problem_in(response)
            assert response.status_code == call.status
            assert problem["code"] == (call.code or problem["code"])
            assert (call.detail or "") in problem["detail"]
            assert ("Allow" in response.headers) == (call.status == 405)
            assert ("WWW-Authenticate" in response.headers) == (call.status == 401)
            assert ("errors" in problem) == (call.status == 422 and "too many" not in problem["detail"])


async def test_asking_what_is_possible_is_no_error(client: Client) -> None:
    for path in ("/market/fetch_ohlcv", LOGIN, "/health", "/api/v1/admin/users"):
        response = await client.options(path)
        assert response.status_code == 200
        assert "OPTIONS" in response.headers["Allow"]


@pytest.fixture
async def failing(config: Config) -> AsyncIterator[Quart]:
    """The whole app with views that fail in ways of their own."""
    app = create_app(config)

    @app.get("/fails/unexpectedly")
    async def fails_unexpectedly() -> None:
        raise RuntimeError(INNER_TEXT)

    @app.get("/fails/at/data")
    async def fails_at_data() -> None:
        await services().pool.fetchval("SELECT $1::text", "a\x00b")

    @app.get("/fails/at/number")
    async def fails_at_number() -> None:
        await services().pool.fetchval("SELECT $1::bigint", 2**63)

    @app.get("/fails/at/closed/database")
    async def fails_at_closed_database() -> None:
        async with services().pool.acquire() as connection:
            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    @app.get("/fails/at/slow/database")
    async def fails_at_slow_database() -> None:
        await services().pool.execute("SELECT pg_sleep(5)", timeout=0.05)

    @app.get("/fails/at/turns/<code>")
    async def fails_at_turns(code: str) -> None:
        await services().pool.execute(f"DO $$ BEGIN RAISE SQLSTATE '{code}'; END $$")

    @app.get("/fails/at/cache")
    async def fails_at_cache() -> None:
        await services().redis.set("text", "not a number")
        await services().redis.incr("text")

    async with app.test_app():
        yield app


FAILURES = {
    "/fails/unexpectedly": (500, "internal"),
    "/fails/at/data": (422, "unstorable_value"),
    "/fails/at/number": (422, "unstorable_value"),
    "/fails/at/closed/database": (503, "database_unavailable"),
    "/fails/at/slow/database": (503, "database_unavailable"),
    # A deadlock, and two changes of which only one can be.
    "/fails/at/turns/40P01": (503, "database_unavailable"),
    "/fails/at/turns/40001": (503, "database_unavailable"),
    "/fails/at/cache": (503, "cache_unavailable"),
}


async def test_failures_inside_tell_no_more_than_they_should(
    failing: Quart, subtests: pytest.Subtests
) -> None:
    for path, expected in FAILURES.items():
        with subtests.test(path):
            problem = await problem_in(await failing.test_client().get(path))
            assert (problem["status"], problem["code"]) == expected
            text = json.dumps(problem)
            for inner in (INNER_TEXT, "RuntimeError", "Traceback", "asyncpg", "redis", "SELECT"):
                assert inner not in text
