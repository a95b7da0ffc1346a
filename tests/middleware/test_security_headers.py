import pytest
from quart import Blueprint, Quart, Response, abort, request

from middleware.declarations import declare
from middleware.rate_limit import limit
from tests.middleware.conftest import MakeApp
from utils.errors import Unauthorized

BASELINE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
CALLS = [
    ("GET", "/fine", 200),
    ("HEAD", "/fine", 200),
    ("OPTIONS", "/fine", 200),
    ("GET", "/unchanged", 304),
    ("GET", "/bad", 400),
    ("GET", "/secret", 401),
    ("GET", "/nowhere", 404),
    ("DELETE", "/fine", 405),
    ("POST", "/body", 413),
    ("GET", "/counted", 429),
    ("GET", "/crash", 500),
]


def add_views(app: Quart) -> None:
    @app.get("/fine")
    async def fine() -> str:
        return "fine"

    @app.get("/unchanged")
    async def unchanged() -> Response:
        return Response(status=304)

    @app.get("/bad")
    async def bad() -> None:
        abort(400)

    @app.get("/secret")
    async def secret() -> None:
        raise Unauthorized("You are not signed in.")

    @app.post("/body")
    async def body() -> bytes:
        return await request.get_data()

    @app.get("/counted")
    @limit("default")
    async def counted() -> str:
        return ""

    @app.get("/crash")
    async def crash() -> None:
        raise RuntimeError("crash")


@pytest.mark.parametrize("hsts", [None, "max-age=31536000; includeSubDomains"])
@pytest.mark.parametrize(("method", "path", "status"), CALLS)
async def test_every_answer_has_them(
    make_app: MakeApp, method: str, path: str, status: int, hsts: str | None
) -> None:
    app = make_app(production=hsts is not None, rate_limit_per_minute=1)
    add_views(app)
    client = app.test_client()
    await client.get("/counted")
    data = b"x" * 70_000 if method == "POST" else None
    response = await client.open(path, method=method, data=data)
    assert response.status_code == status
    assert {name: response.headers[name] for name in BASELINE} == BASELINE
    assert response.headers.get("Strict-Transport-Security") == hsts
    assert "Server" not in response.headers
    assert (response.headers.get("Cache-Control") == "no-store") == (status >= 400)


async def test_what_a_view_sets_stays(app: Quart) -> None:
    own = {"Content-Security-Policy": "default-src 'self'", "Cache-Control": "max-age=5"}

    @app.get("/page")
    async def page() -> Response:
        return Response("page", 200, own)

    response = await app.test_client().get("/page")
    assert {name: response.headers[name] for name in own} == own


@pytest.mark.parametrize(
    ("access", "cache_control"), [("public", None), ("user", "no-store"), ("role:admin", "no-store")]
)
async def test_what_is_for_one_person_is_not_kept_by_caches(
    app: Quart, access: str, cache_control: str | None
) -> None:
    @app.get("/view")
    async def view() -> str:
        return ""

    declare(app.view_functions["view"], access=access)
    response = await app.test_client().get("/view")
    assert response.headers.get("Cache-Control") == cache_control


@pytest.mark.parametrize("prefix", ["/auth", "/api/v1/auth"])
async def test_tokens_are_not_kept_by_caches(app: Quart, prefix: str) -> None:
    blueprint = Blueprint("accounts", __name__)

    @blueprint.post("/login")
    async def login() -> str:
        return ""

    declare(login, access="public")
    app.register_blueprint(blueprint, url_prefix=prefix)
    response = await app.test_client().post(f"{prefix}/login")
    assert response.headers["Cache-Control"] == "no-store"
