import asyncio
import logging
import re

import pytest
import structlog
from quart import Quart, websocket
from quart.testing import WebsocketResponseError

from utils.errors import Unavailable

GIVEN = "client-made_id.01"


def lines(caplog: pytest.LogCaptureFixture, event: str = "request answered") -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.message == event]


@pytest.fixture(autouse=True)
def every_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


async def test_an_answer_carries_the_id_that_the_log_and_the_problem_carry(app: Quart) -> None:
    bound: list[str] = []

    @app.get("/bound")
    async def view() -> str:
        bound.append(structlog.contextvars.get_contextvars()["request_id"])
        raise Unavailable("Away. Try again.")

    response = await app.test_client().get("/bound")
    request_id = response.headers["X-Request-ID"]
    assert re.fullmatch(r"[0-9a-f]{16}", request_id)
    assert bound == [request_id]
    assert (await response.get_json())["request_id"] == request_id


@pytest.mark.parametrize("given", [GIVEN, "a" * 64, "12345678"])
async def test_a_decent_id_of_the_caller_is_kept(app: Quart, given: str) -> None:
    response = await app.test_client().get("/", headers={"X-Request-ID": given})
    assert response.headers["X-Request-ID"] == given


@pytest.mark.parametrize(
    "given", ["", "short", "a" * 65, "with space", "<script>", "ünïcode-id", "id\tid-1234"]
)
async def test_any_other_id_is_replaced(app: Quart, given: str) -> None:
    response = await app.test_client().get("/", headers={"X-Request-ID": given.encode().decode("latin-1")})
    assert re.fullmatch(r"[0-9a-f]{16}", response.headers["X-Request-ID"])


async def test_ids_of_calls_at_once_do_not_mix(app: Quart) -> None:
    both = asyncio.Barrier(2)

    @app.get("/both")
    async def view() -> str:
        await both.wait()
        return str(structlog.contextvars.get_contextvars()["request_id"])

    client = app.test_client()
    async with asyncio.timeout(5):
        responses = await asyncio.gather(client.get("/both"), client.get("/both"))
    for response in responses:
        assert await response.get_data(as_text=True) == response.headers["X-Request-ID"]
    assert responses[0].headers["X-Request-ID"] != responses[1].headers["X-Request-ID"]


async def test_one_line_a_request_tells_what_an_operator_asks(
    app: Quart, caplog: pytest.LogCaptureFixture
) -> None:
    @app.get("/things/<path:name>")
    async def view(name: str) -> str:
        return name

    await app.test_client().get("/things/BTC/USD?secret=hunter2")
    [line] = lines(caplog)
    assert (line.method, line.status, line.route, line.path) == (
        "GET",
        200,
        "/things/<path:name>",
        "/things/BTC/USD",
    )
    assert 0 <= line.duration_ms < 60_000
    assert "hunter2" not in str(vars(line))


@pytest.mark.parametrize(("path", "status"), [("/nowhere", 404), ("/crash", 500)])
async def test_a_failed_request_has_its_line_too(
    app: Quart, caplog: pytest.LogCaptureFixture, path: str, status: int
) -> None:
    @app.get("/crash")
    async def crash() -> None:
        raise RuntimeError("crash")

    await app.test_client().get(path)
    [line] = lines(caplog)
    assert line.status == status
    assert (line.levelno == logging.WARNING) == (status == 500)


async def test_a_path_cannot_forge_a_line(app: Quart, caplog: pytest.LogCaptureFixture) -> None:
    await app.test_client().get("/%0d%0aforged%1b[31m" + "x" * 1_000)
    [line] = lines(caplog)
    assert line.path.isprintable()
    assert len(line.path) <= 200


async def test_a_client_that_goes_away_leaves_a_line(app: Quart, caplog: pytest.LogCaptureFixture) -> None:
    begun = asyncio.Event()

    @app.get("/slow")
    async def slow() -> None:
        begun.set()
        await asyncio.Event().wait()

    async with asyncio.timeout(5):
        async with app.test_client().request("/slow", method="GET") as connection:
            await begun.wait()
            await connection.disconnect()
    [line] = lines(caplog)
    assert line.status == 499


async def test_a_websocket_has_one_line_when_it_closes(app: Quart, caplog: pytest.LogCaptureFixture) -> None:
    @app.websocket("/ws")
    async def ws() -> None:
        await websocket.send(structlog.contextvars.get_contextvars()["request_id"])

    async with app.test_client().websocket(
        "/ws?token=hunter2", headers={"X-Request-ID": GIVEN}
    ) as connection:
        assert await connection.receive() == GIVEN
    [line] = lines(caplog, "websocket closed")
    assert (line.route, line.path, line.refused_status) == ("/ws", "/ws", None)
    assert "hunter2" not in str(vars(line))


async def test_a_refused_websocket_carries_its_id_and_leaves_its_status(
    app: Quart, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(WebsocketResponseError) as caught:
        async with app.test_client().websocket("/nowhere", headers={"X-Request-ID": GIVEN}) as connection:
            await connection.receive()
    assert caught.value.response.headers["X-Request-ID"] == GIVEN
    [line] = lines(caplog, "websocket closed")
    assert line.refused_status == 404
