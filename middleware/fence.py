"""The outermost ring: what fails before Quart can answer, who waits, and whether a WebSocket is open.

Quart reads the Host header before any of its error handlers is in reach.
"""

import logging
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from quart import Quart
from werkzeug.exceptions import HTTPException

from middleware.failures import problem_of
from middleware.request_log import HEADER
from middleware.security_headers import baseline_headers
from utils.json_codec import encode_json
from utils.problems import CONTENT_TYPE
from utils.waiting import somebody_waits

log = logging.getLogger(__name__)

ACCEPTED = "accessibletrader.accepted"

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def init_fence(app: Quart, *, production: bool) -> None:
    """Put the fence around the app, inside whatever is wrapped around it later."""
    inner = app.asgi_app
    headers = baseline_headers(production=production) | {"Cache-Control": "no-store"}

    async def fenced(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            # What is begun here goes on for as long as the app does, and nobody waits for that.
            await inner(scope, receive, send)  # type: ignore[arg-type]  # the same shapes, named otherwise
            return
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            if message["type"] == "websocket.accept":
                scope[ACCEPTED] = True
                # Nobody waits for a connection to end that is there to be open.
                request.answered = True
            await send(message)

        try:
            with somebody_waits() as request:
                await inner(scope, receive, watched)  # type: ignore[arg-type]  # the same shapes, named otherwise
        except HTTPException as error:
            if begun:
                raise
            await _refuse(scope, send, error, headers)

    app.asgi_app = fenced  # type: ignore[method-assign,assignment]  # the documented way to wrap a Quart app


async def _refuse(scope: Message, send: Send, error: HTTPException, headers: dict[str, str]) -> None:
    problem = problem_of(error)
    request_id = secrets.token_hex(8)
    log.info("request refused", extra={"request_id": request_id, "status": problem.status})
    body = encode_json(problem.body(instance="", request_id=request_id))
    prefix = "websocket.http.response" if scope["type"] == "websocket" else "http.response"
    own = {"Content-Type": CONTENT_TYPE, "Content-Length": str(len(body)), HEADER: request_id}
    pairs = [(name.lower().encode(), text.encode()) for name, text in (headers | own).items()]
    await send({"type": f"{prefix}.start", "status": problem.status, "headers": pairs})
    await send({"type": f"{prefix}.body", "body": body, "more_body": False})
