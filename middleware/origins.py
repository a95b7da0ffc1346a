"""Which web pages may call: CORS for requests, and the Origin decision for WebSockets.

Browsers let any page open a WebSocket to anywhere, so the server has to look at Origin itself. Programs
that are no browser send none and are let in.
"""

from collections.abc import Sequence

from quart import Quart, current_app, websocket
from quart_cors import cors

from utils.errors import Forbidden

TRUSTED_ORIGINS = "TRUSTED_ORIGINS"
ANY_ORIGIN = "*"  # refused by the settings in production
METHODS = ("GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE")
REQUEST_HEADERS = ("Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "X-Request-ID")
EXPOSED_HEADERS = (
    *("ETag", "Idempotency-Replayed", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-ID"),
    # What bars in a table have to say beside their rows.
    *("Content-Disposition", "Link", "X-As-Of", "X-Gap-Count", "X-Gaps", "X-Next", "X-Stale", "X-Timeframe"),
)
PREFLIGHT_SECONDS = 600


def init_origins(app: Quart, trusted_origins: Sequence[str]) -> None:
    """Answer CORS for the trusted origins only, and refuse WebSockets of other pages."""
    app.config[TRUSTED_ORIGINS] = tuple(trusted_origins)
    ours = list(app.before_websocket_funcs[None])
    cors(
        app,
        allow_origin=list(trusted_origins),
        allow_methods=METHODS,
        allow_headers=REQUEST_HEADERS,
        expose_headers=EXPOSED_HEADERS,
        max_age=PREFLIGHT_SECONDS,
    )
    # quart-cors also refuses every WebSocket without an Origin, which is every terminal client.
    app.before_websocket_funcs[None] = [*ours, _check_websocket_origin]


def origin_allowed(origin: str | None, host: str, trusted: Sequence[str]) -> bool:
    """Tell whether a WebSocket handshake with this Origin may go on.

    Allowed are no Origin, the service's own host, and a listed origin, compared whole and exactly.
    """
    if origin is None:
        return True
    own = (f"http://{host}", f"https://{host}") if host else ()
    return origin in own or origin in trusted or ANY_ORIGIN in trusted


async def _check_websocket_origin() -> None:
    origins = websocket.headers.getlist("Origin")
    # Several Origin headers, joined, are no origin that anybody trusts.
    origin = ", ".join(origins) if origins else None
    host = websocket.headers.get("Host", "")
    if not origin_allowed(origin, host, current_app.config[TRUSTED_ORIGINS]):
        raise Forbidden(
            "This page may not open a WebSocket here. Ask the operator to add its origin to TRUSTED_ORIGINS.",
            code="origin_not_allowed",
        )
