"""An id for every request and WebSocket; a line and a count when it is over. Never what was in the query."""

import logging
import random
import re
import time
from collections.abc import Mapping, MutableMapping
from typing import Any, cast

import structlog
from quart import Quart, Response, g, has_request_context, request, websocket
from quart.typing import ResponseTypes

from utils import figures
from utils.errors import shorten
from utils.metrics import OTHER

log = logging.getLogger(__name__)

HEADER = "X-Request-ID"
# Under this the scope of a call names its rule, for whoever stands around the app.
ROUTE = "accessibletrader.route"
ACCEPTED_ID = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)
PATH_LENGTH_MAX = 200
# What some servers write when the client went away before the answer.
STATUS_CLIENT_GONE = 499
# What callers may make up is not counted by its name.
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
NO_ROUTE = "none"


def init_request_log(app: Quart) -> None:
    """Give every call its id and write its line."""
    app.before_request(_begin)
    app.before_websocket(_begin)
    app.after_request(_finish)
    app.after_websocket(_name_refusal)
    app.teardown_request(_finish_unanswered)
    app.teardown_websocket(_finish_websocket)


def request_id() -> str:
    """Return the id of this request or WebSocket; a new one where the frame has not seen it yet."""
    if "request_id" not in g:
        g.request_id = _new_id()
    return str(g.request_id)


def name_connection(connection_id: str) -> None:
    """Name the live connection in every line that is written on its behalf, as its client was told it."""
    structlog.contextvars.bind_contextvars(connection_id=connection_id)


def id_of(given: str) -> str:
    """Return the id that a caller has given if it is one, or a new one."""
    return given if ACCEPTED_ID.fullmatch(given) else _new_id()


def _new_id() -> str:
    # No secret: whoever guesses one has learnt nothing. Asking the system for randomness costs a call to it.
    return f"{random.getrandbits(64):016x}"


def log_early(scope: Mapping[str, Any], rule: str, status: int, identity: str, started_s: float) -> None:
    """Count a request that was answered before Quart saw it, and write its line."""
    figures.REQUESTS.note(time.perf_counter() - started_s, rule, scope["method"], str(status))
    if not log.isEnabledFor(logging.INFO):
        return
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=identity)
    place = {"route": rule, "path": shorten(scope["path"], PATH_LENGTH_MAX)}
    duration_ms = round((time.perf_counter() - started_s) * 1000, 2)
    fields = {"method": scope["method"], "status": status, **place, "duration_ms": duration_ms}
    log.info("request answered", extra=fields)


async def _begin() -> None:
    call = request if has_request_context() else websocket
    g.request_id = id_of(call.headers.get(HEADER, ""))
    g.started_s = time.perf_counter()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_id())


async def _finish(response: Response) -> Response:
    response.headers[HEADER] = request_id()
    if request.url_rule is not None:
        scope: MutableMapping[str, Any] = cast("Any", request.scope)
        scope[ROUTE] = request.url_rule.rule
    _log_request(response.status_code)
    return response


async def _finish_unanswered(_: BaseException | None) -> None:
    if "logged" not in g:
        _log_request(STATUS_CLIENT_GONE)


def _log_request(status: int) -> None:
    if "logged" in g:
        return
    g.logged = True
    route = NO_ROUTE if request.url_rule is None else request.url_rule.rule
    method = request.method if request.method in METHODS else OTHER
    figures.REQUESTS.note(time.perf_counter() - _started_s(), route, method, str(status))
    level = logging.WARNING if status in (500, 503, 504) else logging.INFO
    fields = {"method": request.method, "status": status, **_place(request), "duration_ms": _duration_ms()}
    log.log(level, "request answered", extra=fields)


async def _name_refusal(response: ResponseTypes | None) -> ResponseTypes | None:
    if response is not None:
        response.headers[HEADER] = request_id()
        g.status = response.status_code
        figures.REFUSED.add(1, str(response.status_code))
    return response


async def _finish_websocket(_: BaseException | None) -> None:
    fields = {"refused_status": g.get("status"), **_place(websocket), "duration_ms": _duration_ms()}
    log.info("websocket closed", extra=fields)


def _place(call: object) -> dict[str, object]:
    rule = getattr(call, "url_rule", None)
    return {
        "route": None if rule is None else rule.rule,
        "path": shorten(getattr(call, "path", ""), PATH_LENGTH_MAX),
    }


def _started_s() -> float:
    started_s: float = g.get("started_s", time.perf_counter())
    return started_s


def _duration_ms() -> float:
    return round((time.perf_counter() - _started_s()) * 1000, 2)
