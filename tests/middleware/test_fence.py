import json
from typing import Any

import pytest
from quart import Quart, websocket

from utils.waiting import waiting_request


async def call(app: Quart, host: bytes) -> tuple[int, dict[bytes, bytes], Any]:
    # Straight at the ASGI door: the test client refuses to send such hosts.
    sent: list[Any] = []
    asked = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Any:
        return next(asked, None) or {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "path": "/nowhere",
        "query_string": b"",
        "http_version": "1.1",
        "headers": [(b"host", host)],
        "client": ("127.0.0.1", 1),
    }
    await app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], dict(sent[0]["headers"]), json.loads(body)


@pytest.mark.parametrize(
    "host", [b"", b"exa mple..com", b"a..b", b"\xff\xfe", b"[::1", b"x" * 300, b"a:b:c", b"xn--a", b"a/b"]
)
async def test_no_host_header_brings_the_service_down(app: Quart, host: bytes) -> None:
    status, headers, body = await call(app, host)
    assert status in (400, 404)
    assert headers[b"content-type"] == b"application/problem+json"
    assert body["request_id"].encode() == headers[b"x-request-id"]


async def test_a_refusal_before_quart_has_every_header_of_a_refusal(app: Quart) -> None:
    status, headers, body = await call(app, b"a..b")
    assert status == 400
    assert body["code"] == "bad_request"
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert headers[b"content-security-policy"] == b"default-src 'none'; frame-ancestors 'none'"
    assert headers[b"referrer-policy"] == b"no-referrer"
    assert headers[b"cache-control"] == b"no-store"


async def test_somebody_waits_for_a_handshake_and_nobody_for_an_open_socket(app: Quart) -> None:
    waited: list[bool] = []

    @app.websocket("/socket")
    async def socket() -> None:
        waited.append(waiting_request() is not None)
        await websocket.accept()
        waited.append(waiting_request() is not None)
        await websocket.send("open")

    async with app.test_client().websocket("/socket") as connection:
        assert await connection.receive() == "open"
    assert waited == [True, False]


async def test_nobody_waits_for_what_goes_on_as_long_as_the_app_does(app: Quart) -> None:
    waited: list[bool] = []

    @app.before_serving
    async def begin() -> None:
        waited.append(waiting_request() is not None)

    async with app.test_app():
        assert waited == [False]
