import asyncio
import json
import logging

import pytest
from quart import Quart, Response, abort, request, websocket
from quart.testing import WebsocketResponseError

from tests.socket_client import SocketClosedError
from utils.errors import (
    AppError,
    Conflict,
    FieldError,
    InvalidRequest,
    NotFound,
    TooManyRequests,
    Unauthorized,
    UpstreamLimited,
    UpstreamTimeout,
)

INNER_TEXT = "inner text that nobody outside may read"


def raising(app: Quart, error: Exception) -> None:
    @app.get("/fails")
    async def fails() -> None:
        raise error


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (
            NotFound("There is no market x. The markets are crypto.", code="unknown_market"),
            404,
            "unknown_market",
        ),
        (Conflict("There is one already. Choose another name."), 409, "conflict"),
        (UpstreamTimeout("Kraken did not answer in time. Try again."), 504, "exchange_timeout"),
    ],
)
async def test_an_app_error_becomes_its_problem(app: Quart, error: AppError, status: int, code: str) -> None:
    raising(app, error)
    response = await app.test_client().get("/fails")
    body = await response.get_json()
    assert response.status_code == status
    assert response.content_type == "application/problem+json"
    assert body == {
        "type": f"/docs/problems#{code}",
        "title": error.title,
        "status": status,
        "detail": error.detail,
        "code": code,
        "instance": "/fails",
        "request_id": response.headers["X-Request-ID"],
    }


async def test_fields_are_listed_in_errors(app: Quart) -> None:
    field = FieldError("limit", "less_than_equal", "limit must be at most 5000.")
    raising(app, InvalidRequest("limit must be at most 5000.", errors=(field,)))
    body = await (await app.test_client().get("/fails")).get_json()
    assert body["errors"] == [
        {"field": "limit", "code": "less_than_equal", "detail": "limit must be at most 5000."}
    ]


@pytest.mark.parametrize(("wait_s", "header"), [(2.3, "3"), (0.001, "1"), (60.0, "60")])
async def test_the_time_to_wait_is_a_number_and_a_header_that_never_promises_too_much(
    app: Quart, wait_s: float, header: str
) -> None:
    raising(app, UpstreamLimited("Kraken asked us to wait.", retry_after_s=wait_s))
    response = await app.test_client().get("/fails")
    assert response.headers["Retry-After"] == header
    assert (await response.get_json())["retry_after"] == wait_s


@pytest.mark.parametrize(
    ("code", "header"), [("unauthorized", "Bearer"), ("invalid_token", 'Bearer error="invalid_token"')]
)
async def test_whoever_is_not_signed_in_hears_how(app: Quart, code: str, header: str) -> None:
    raising(app, Unauthorized("You are not signed in.", code=code))
    response = await app.test_client().get("/fails")
    assert response.headers["WWW-Authenticate"] == header


async def test_an_unexpected_error_tells_nothing_outside_and_everything_in_the_log(
    app: Quart, caplog: pytest.LogCaptureFixture
) -> None:
    raising(app, RuntimeError(INNER_TEXT))
    response = await app.test_client().get("/fails")
    text = await response.get_data(as_text=True)
    assert response.status_code == 500
    assert response.content_type == "application/problem+json"
    assert INNER_TEXT not in text
    assert "Traceback" not in text
    [record] = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.exc_info is not None
    assert record.exc_info[1].args == (INNER_TEXT,)


async def test_an_answer_that_cannot_be_written_is_a_problem_too_and_logged_once(
    app: Quart, caplog: pytest.LogCaptureFixture
) -> None:
    @app.get("/nan")
    async def nan() -> dict[str, float]:
        return {"price": float("nan")}

    response = await app.test_client().get("/nan")
    assert (response.status_code, response.content_type) == (500, "application/problem+json")
    assert len([record for record in caplog.records if record.levelno >= logging.ERROR]) == 1


async def test_a_failing_after_request_function_still_leaves_a_problem(app: Quart) -> None:
    app.testing = True  # Quart then lets such errors through, unless told otherwise

    @app.after_request
    async def fail(response: Response) -> Response:
        raise RuntimeError(INNER_TEXT)

    @app.get("/fine")
    async def fine() -> str:
        return "fine"

    response = await app.test_client().get("/fine")
    assert (response.status_code, response.content_type) == (500, "application/problem+json")
    assert INNER_TEXT not in await response.get_data(as_text=True)


async def test_a_wrong_method_keeps_its_allow_header_and_names_the_right_ones(app: Quart) -> None:
    @app.get("/market")
    async def market() -> str:
        return ""

    response = await app.test_client().put("/market")
    body = await response.get_json()
    assert response.status_code == 405
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
    assert body["detail"] == "PUT is not possible at this address. Use GET or HEAD or OPTIONS."
    assert response.content_type == "application/problem+json"


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/market/get_symbol", "There is nothing at /market/get_symbol. Did you mean /market/get_symbols?"),
        (
            "/market//get_symbols",
            "There is nothing at /market//get_symbols. Did you mean /market/get_symbols?",
        ),
        (
            "/market/get_symbols/",
            "There is nothing at /market/get_symbols/. Did you mean /market/get_symbols?",
        ),
        ("/zzz", "There is nothing at /zzz. The address / lists what there is."),
    ],
)
async def test_an_unknown_address_names_what_was_probably_meant(app: Quart, path: str, detail: str) -> None:
    @app.get("/market/get_symbols")
    async def symbols() -> str:
        return ""

    response = await app.test_client().get(path)
    assert response.status_code == 404
    assert (await response.get_json())["detail"] == detail


@pytest.mark.parametrize(
    "status", [400, 403, 404, 406, 408, 409, 410, 411, 412, 413, 414, 415, 416, 418, 422]
)
async def test_every_refusal_of_the_framework_can_be_heard(app: Quart, status: int) -> None:
    @app.get("/refused")
    async def refused() -> None:
        abort(status, description=INNER_TEXT)

    response = await app.test_client().get("/refused")
    body = await response.get_json()
    assert response.status_code == body["status"] == status
    assert response.content_type == "application/problem+json"
    assert 0 < len(body["title"]) <= 80
    assert 0 < len(body["detail"]) <= 200
    assert body["detail"].endswith(".")
    assert INNER_TEXT not in body["detail"]


async def test_the_instance_is_a_short_printable_path(app: Quart) -> None:
    response = await app.test_client().get("/" + "%1b%0a" + "x" * 5_000)
    body = await response.get_json()
    assert response.status_code == 404
    assert body["instance"].isprintable()
    assert len(body["instance"]) <= 200
    assert len(body["detail"]) <= 200


async def test_a_body_that_does_not_arrive_is_a_408(app: Quart) -> None:
    app.config["BODY_TIMEOUT"] = 0.01

    @app.post("/slow")
    async def slow() -> str:
        await request.get_data()
        return ""

    client = app.test_client()
    async with client.request("/slow", method="POST") as connection:
        await connection.send(b"half of it")
        async with asyncio.timeout(5):
            body = json.loads(await connection.receive())
    assert connection.status_code == 408
    assert body["code"] == "request_timeout"


async def test_a_refused_handshake_carries_the_problem(app: Quart) -> None:
    @app.websocket("/ws")
    async def ws() -> None:
        raise TooManyRequests("Too many connections. Wait 5 seconds, then try again.", retry_after_s=5)

    with pytest.raises(WebsocketResponseError) as caught:
        async with app.test_client().websocket("/ws") as connection:
            await connection.receive()
    response = caught.value.response
    assert response.status_code == 429
    assert response.headers["Retry-After"] == "5"
    assert response.headers["Content-Type"] == "application/problem+json"
    assert len(response.headers["X-Request-ID"]) == 16


async def test_http_and_websocket_addresses_say_which_they_are(app: Quart) -> None:
    @app.websocket("/ws")
    async def ws() -> None:
        await websocket.accept()

    @app.get("/page")
    async def page() -> str:
        return ""

    response = await app.test_client().get("/ws")
    body = await response.get_json()
    assert response.status_code == 400
    assert body["detail"] == "This address is a WebSocket. Connect to it with a WebSocket client."
    with pytest.raises(WebsocketResponseError) as caught:
        async with app.test_client().websocket("/page") as connection:
            await connection.receive()
    assert caught.value.response.status_code == 400
    assert b"This address is no WebSocket." in await caught.value.response.get_data()


async def test_an_open_websocket_that_fails_is_closed_as_failed(app: Quart) -> None:
    @app.websocket("/ws")
    async def ws() -> None:
        await websocket.accept()
        raise RuntimeError(INNER_TEXT)

    with pytest.raises(SocketClosedError) as caught:
        async with app.test_client().websocket("/ws") as connection:
            await connection.receive()
    assert caught.value.args == (1011,)


async def test_a_host_that_cannot_be_one_is_a_problem_and_not_a_crash(app: Quart) -> None:
    response = await app.test_client().get("/", headers={"Host": "a" * 100 + ".example"})
    assert response.status_code in (400, 404)
    assert response.content_type == "application/problem+json"
