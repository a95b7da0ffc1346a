"""Who is calling, as far as the network can tell; only configured proxies are believed."""

import functools
import ipaddress
from collections.abc import Sequence
from typing import Any

from quart import current_app, has_websocket_context, request, websocket

TRUSTED_PROXY_HOPS = "TRUSTED_PROXY_HOPS"
LOCAL = "local"
ADDRESSES_MAX = 4_096
# An address takes 45 characters at most, and a port and brackets eight more.
ADDRESS_LENGTH_MAX = 64


def client_address() -> str:
    """Return the address of the client of this request or WebSocket; ``local`` over a Unix socket.

    With ``TRUSTED_PROXY_HOPS`` n, the n-th address from the right of X-Forwarded-For is believed: whatever
    stands left of it was written by the client.
    """
    call = websocket if has_websocket_context() else request
    # The scope and not a header: everybody can send a header called Remote-Addr.
    peer = call.scope.get("client")
    return believed_address(
        peer, call.headers.getlist("X-Forwarded-For"), current_app.config[TRUSTED_PROXY_HOPS]
    )


def believed_address(peer: Sequence[Any] | None, forwarded_for: Sequence[str], hops: int) -> str:
    """Return the address that counts, of a peer (host, port) and what proxies wrote."""
    if hops:
        forwarded = ",".join(forwarded_for).split(",")
        named = _address(forwarded[-hops]) if len(forwarded) >= hops else None
        if named is not None:
            return named
    return (_address(peer[0]) if peer else None) or LOCAL


def address_group(address: str) -> str:
    """Return what counts as one client: an IPv4 address, or the /64 network of an IPv6 address."""
    if ":" not in address:
        return address
    return str(ipaddress.ip_network((address, 64), strict=False))


def _address(text: str) -> str | None:
    # Anybody may write anything into a header, and what is read is kept.
    return _read_address(text) if len(text) <= ADDRESS_LENGTH_MAX else None


@functools.lru_cache(ADDRESSES_MAX)
def _read_address(text: str) -> str | None:
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
