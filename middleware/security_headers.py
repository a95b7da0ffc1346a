"""What every answer tells the browser about itself, errors included."""

from quart import Quart, current_app, request
from quart.typing import ResponseTypes

from middleware.declarations import declared

CONTENT_SECURITY_POLICY = "default-src 'none'; frame-ancestors 'none'"
HSTS = "max-age=31536000; includeSubDomains"
# Whoever may call them, their answers are for one person: tokens.
ACCOUNT_PATHS = "/auth/"


def baseline_headers(*, production: bool) -> dict[str, str]:
    """Return the headers that every answer has."""
    headers = {
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "Referrer-Policy": "no-referrer",
    }
    return headers | ({"Strict-Transport-Security": HSTS} if production else {})


def init_security_headers(app: Quart, *, production: bool) -> None:
    """Add the headers to every answer; what a view has set stays."""
    baseline = baseline_headers(production=production)

    async def add_headers(response: ResponseTypes) -> ResponseTypes:
        headers = response.headers
        for name, text in baseline.items():
            headers.setdefault(name, text)
        if response.status_code >= 400 or _is_private():
            headers.setdefault("Cache-Control", "no-store")
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
    rule = request.url_rule
    if rule is None:
        return False
    access = declared(current_app.view_functions.get(rule.endpoint), "access")
    return ACCOUNT_PATHS in rule.rule or access not in (None, "public")
