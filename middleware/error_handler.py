"""Every failure leaves as problem+json, with the headers that belong to it and no inner text.

Below the addresses of a protocol that has its own form of failure, it leaves in that form.
"""

import logging
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from quart import Quart, Response, current_app, has_websocket_context, request, websocket
from werkzeug.exceptions import HTTPException, InternalServerError, MethodNotAllowed
from werkzeug.routing.exceptions import WebsocketMismatch

from middleware.failures import INTERNAL, UNSTORABLE, problem_of
from middleware.fence import ACCEPTED
from middleware.request_log import request_id
from utils.errors import AppError, near_misses, shorten
from utils.json_codec import encode_json
from utils.problems import CONTENT_TYPE, Problem

log = logging.getLogger(__name__)

FORMATS = "accessibletrader_error_formats"
INSTANCE_LENGTH_MAX = 200
CLOSE_INTERNAL_ERROR = 1011
# A close frame holds 123 bytes.
CLOSE_REASON_LENGTH_MAX = 120


class ErrorFormat(Protocol):
    """Write a problem as a protocol wants it."""

    def __call__(self, problem: Problem, *, request_id: str) -> tuple[bytes, str]:
        """Return the body and its media type."""


def use_error_format(app: Quart, prefix: str, encode: ErrorFormat) -> None:
    """Let every failure at an address below the prefix, known or not, leave in another form."""
    app.extensions.setdefault(FORMATS, {})[f"{prefix}/"] = encode


def init_error_handler(app: Quart) -> None:
    """Answer every exception, of routes, WebSocket handshakes and Quart itself."""
    # Tests and debugging see the same answer that a user gets; the log has the stack.
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.register_error_handler(Exception, _answer)


async def _answer(error: Exception) -> Response:
    if isinstance(error, InternalServerError) and isinstance(error.original_exception, Exception):
        # What failed after the view: Quart has logged it already.
        error = error.original_exception
        problem = problem_of(error)
    else:
        problem = _problem_here(error)
        _log(problem, error)
    if has_websocket_context() and ACCEPTED in websocket.scope:
        # An open WebSocket cannot get an answer any more, only a reason; Quart would say 1000, all is well.
        with suppress(RuntimeError):  # closed already
            reason = shorten(f"{problem.title}. Request id {request_id()}.", CLOSE_REASON_LENGTH_MAX)
            await websocket.close(CLOSE_INTERNAL_ERROR, reason)
    return problem_response(problem, error)


def problem_response(problem: Problem, error: Exception | None = None) -> Response:
    """Return a problem as an answer to this request or WebSocket handshake."""
    call = websocket if has_websocket_context() else request
    body, media = _encode(problem, call.path)
    response = Response(body, problem.status, content_type=media)
    if isinstance(error, HTTPException):
        kept = ((name, text) for name, text in error.get_headers() if name.casefold() != "content-type")
        response.headers.extend(list(kept))
    if problem.retry_after_header is not None:
        response.headers["Retry-After"] = problem.retry_after_header
    if problem.status == 401:
        reason = ' error="invalid_token"' if problem.code == "invalid_token" else ""
        response.headers["WWW-Authenticate"] = f"Bearer{reason}"
    return response


def _encode(problem: Problem, path: str) -> tuple[bytes, str]:
    formats: dict[str, ErrorFormat] = current_app.extensions.get(FORMATS, {})
    encode = next((encode for prefix, encode in formats.items() if f"{path}/".startswith(prefix)), None)
    if encode is not None:
        return encode(problem, request_id=request_id())
    body = problem.body(instance=shorten(path, INSTANCE_LENGTH_MAX), request_id=request_id())
    return encode_json(body), CONTENT_TYPE


def _problem_here(error: Exception) -> Problem:
    problem = problem_of(error)
    if isinstance(error, AppError):
        return problem
    if problem.status == 404:
        return replace(problem, detail=_not_found_sentence())
    if isinstance(error, WebsocketMismatch):
        return replace(problem, code="websocket_mismatch", detail=_mismatch_sentence())
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        methods = " or ".join(sorted(error.valid_methods))
        sentence = f"{shorten(request.method)} is not possible at this address. Use {methods}."
        return replace(problem, detail=sentence)
    return problem


def _not_found_sentence() -> str:
    path = (websocket if has_websocket_context() else request).path
    known = {rule.rule for rule in current_app.url_map.iter_rules() if "<" not in rule.rule} - {path}
    near = near_misses(path, known)
    if near:
        return f"There is nothing at {shorten(path)}. Did you mean {near[0]}?"
    return f"There is nothing at {shorten(path)}. The address / lists what there is."


def _mismatch_sentence() -> str:
    if has_websocket_context():
        return "This address is no WebSocket. Ask it by HTTP."
    return "This address is a WebSocket. Connect to it with a WebSocket client."


def _log(problem: Problem, error: Exception) -> None:
    # What only the database refused should have been refused by a model before: worth a line too.
    if problem.status < 500 and problem is not UNSTORABLE:
        return
    fields = {"code": problem.code, "error_type": type(error).__name__}
    if problem is INTERNAL:
        log.error("request failed", extra=fields, exc_info=error)
    elif isinstance(error, AppError):
        log.warning("request could not be served", extra=fields | {"detail": error.detail})
    else:
        log.warning("request could not be served", extra=fields | {"cause": shorten(str(error), 200)})
