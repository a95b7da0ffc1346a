import pytest
from quart import Quart, websocket
from quart.testing import WebsocketResponseError

from middleware.origins import origin_allowed
from tests.middleware.conftest import MakeApp

TRUSTED = ("https://charts.example.org", "http://localhost:8080")
HOST = "api.example.org:5000"

ALLOWED = [
    None,
    "https://charts.example.org",
    "http://localhost:8080",
    f"http://{HOST}",
    f"https://{HOST}",
]
REFUSED = [
    "",
    "null",
    "*",
    "https://charts.example.org.evil.example",
    "https://evil-charts.example.org",
    "https://charts.example.org@evil.example",
    "https://evil.example/https://charts.example.org",
    "https://evil.example#https://charts.example.org",
    "https://charts.example.org/",
    "https://charts.example.org:443",
    "https://charts.example.org:8443",
    "http://charts.example.org",
    "HTTPS://CHARTS.EXAMPLE.ORG",
    "https://Charts.example.org",
    "charts.example.org",
    "//charts.example.org",
    "https://charts.example.or",
    "https://example.org",
    "https://sub.charts.example.org",
    "https://charts.example.org.",
    "https://charts.example.org\x00",
    " https://charts.example.org",
    "https://charts.example.org https://evil.example",
    "https://charts.example.org, https://evil.example",
    "https://chаrts.example.org",  # the third letter is Cyrillic
    "https://xn--chrts-3ve.example.org",
    "http://localhost",
    "http://localhost:80801",
    "http://127.0.0.1:8080",
    "http://[::1]:8080",
    "http://api.example.org",
    "http://api.example.org:5001",
    f"http://user@{HOST}",
    f"http://{HOST}.evil.example",
    f"ws://{HOST}",
    f"file://{HOST}",
    "chrome-extension://abcdefghijklmnop",
]


@pytest.mark.parametrize("origin", ALLOWED)
def test_a_websocket_of_ours_may_open(origin: str | None) -> None:
    assert origin_allowed(origin, HOST, TRUSTED)


@pytest.mark.parametrize("origin", REFUSED)
def test_a_websocket_of_another_page_may_not_open(origin: str) -> None:
    assert not origin_allowed(origin, HOST, TRUSTED)


@pytest.mark.parametrize("origin", ["http://", "https://", "null", ""])
def test_without_a_host_there_is_no_own_origin(origin: str) -> None:
    assert not origin_allowed(origin, "", TRUSTED)


@pytest.fixture
def serving(make_app: MakeApp) -> Quart:
    app = make_app(trusted_origins=TRUSTED)

    @app.get("/page")
    async def page() -> str:
        return "page"

    @app.websocket("/ws")
    async def ws() -> None:
        await websocket.send("open")

    return app


def cors_names(response: object) -> set[str]:
    return {name for name, _ in response.headers.items() if name.lower().startswith("access-control-")}


@pytest.mark.parametrize(
    "origin", [origin for origin in REFUSED if origin.isascii() and origin.isprintable()]
)
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
async def test_another_page_gets_no_cors_header(serving: Quart, origin: str, method: str) -> None:
    headers = {"Origin": origin, "Access-Control-Request-Method": "GET"}
    response = await serving.test_client().open("/page", method=method, headers=headers)
    assert cors_names(response) == set()
    assert "Origin" in response.headers["Vary"]


async def test_a_trusted_page_may_read_the_answer_and_its_headers(serving: Quart) -> None:
    response = await serving.test_client().get("/page", headers={"Origin": TRUSTED[0]})
    assert response.headers["Access-Control-Allow-Origin"] == TRUSTED[0]
    assert "Access-Control-Allow-Credentials" not in response.headers
    exposed = set(response.headers["Access-Control-Expose-Headers"].split(", "))
    assert exposed == {
        *("ETag", "Idempotency-Replayed", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-ID"),
        *(
            "Content-Disposition",
            "Link",
            "X-As-Of",
            "X-Gap-Count",
            "X-Gaps",
            "X-Next",
            "X-Stale",
            "X-Timeframe",
        ),
    }
    assert "Origin" in response.headers["Vary"]


async def test_a_trusted_page_may_ask_first(serving: Quart) -> None:
    headers = {
        "Origin": TRUSTED[0],
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "Authorization, Idempotency-Key, X-Evil",
    }
    response = await serving.test_client().options("/page", headers=headers)
    assert response.headers["Access-Control-Allow-Origin"] == TRUSTED[0]
    allowed = response.headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert sorted(allowed) == ["authorization", "idempotency-key"]
    assert response.headers["Access-Control-Max-Age"] == "600"


async def test_a_trusted_page_can_read_errors_too(serving: Quart) -> None:
    response = await serving.test_client().get("/nowhere", headers={"Origin": TRUSTED[1]})
    assert response.status_code == 404
    assert response.headers["Access-Control-Allow-Origin"] == TRUSTED[1]


@pytest.mark.parametrize("origin", [None, TRUSTED[0], "http://localhost"])
async def test_terminals_trusted_pages_and_our_own_page_open_a_websocket(
    serving: Quart, origin: str | None
) -> None:
    headers = {"Host": "localhost"} | ({} if origin is None else {"Origin": origin})
    async with serving.test_client().websocket("/ws", headers=headers) as connection:
        assert await connection.receive() == "open"


@pytest.mark.parametrize("path", ["/ws", "/nowhere"])
async def test_another_page_hears_why_its_websocket_does_not_open(serving: Quart, path: str) -> None:
    with pytest.raises(WebsocketResponseError) as caught:
        async with serving.test_client().websocket(
            path, headers={"Origin": "https://evil.example"}
        ) as socket:
            await socket.receive()
    response = caught.value.response
    assert response.status_code == 403
    assert b"origin_not_allowed" in await response.get_data()


async def test_a_terminal_at_a_wrong_address_gets_a_404(serving: Quart) -> None:
    with pytest.raises(WebsocketResponseError) as caught:
        async with serving.test_client().websocket("/nowhere") as socket:
            await socket.receive()
    assert caught.value.response.status_code == 404


async def test_two_origins_are_no_origin(serving: Quart) -> None:
    headers = [("Origin", TRUSTED[0]), ("Origin", "https://evil.example")]
    with pytest.raises(WebsocketResponseError) as caught:
        async with serving.test_client().websocket("/ws", headers=headers) as socket:
            await socket.receive()
    assert caught.value.response.status_code == 403
