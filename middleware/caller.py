"""Where a request comes from, as services note it."""

from quart import has_websocket_context, request, websocket

from middleware.client_address import address_group, client_address
from middleware.request_log import request_id
from utils.accounts import Caller
from utils.errors import shorten

CLIENT_LENGTH_MAX = 120


def caller() -> Caller:
    """Return where this request or WebSocket comes from, and what the client calls itself."""
    call = websocket if has_websocket_context() else request
    client = shorten(call.headers.get("User-Agent", ""), CLIENT_LENGTH_MAX)
    return Caller(address_group(client_address()), client, request_id())
