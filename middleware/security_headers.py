"""What every answer tells the browser about itself, errors included."""

from quart import Quart, current_app, request
from quart.typing import ResponseTypes

from middleware.declarations import declared

CONTENT_SECURITY_POLICY = "default-src 'none'; frame-ancestors 'none'"
HSTS = "max-age=31536000; includeSubDomains"
PRIVATE_BLUEPRINTS = ("auth",)


def init_security_headers(app: Quart, *, production: bool) -> None:
    """Add the headers to every answer; what a view has set stays."""

    async def add_headers(response: ResponseTypes) -> ResponseTypes:
        headers = response.headers
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        headers.setdefault("Referrer-Policy", "no-referrer")
        if response.status_code >= 400 or _is_private():
            headers.setdefault("Cache-Control", "no-store")
        if production:
            headers.setdefault("Strict-Transport-Security", HSTS)
        headers.pop("Server", None)
        return response

    async def add_headers_to_refusal(response: ResponseTypes | None) -> ResponseTypes | None:
        # Only a refused WebSocket has an answer with headers.
        if response is not None:
            response.headers.setdefault("Cache-Control", "no-store")
            await add_headers(response)
        return response

    app.after_request(add_headers)
    app.after_websocket(add_headers_to_refusal)


def _is_private() -> bool:
    view = current_app.view_functions.get(request.endpoint or "")
    access = declared(view, "access")
    return request.blueprint in PRIVATE_BLUEPRINTS or (access is not None and access != "public")
