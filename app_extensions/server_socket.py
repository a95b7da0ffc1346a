"""The listening socket: made once by the launcher, inherited by every worker.

So a worker that dies and comes back loses no connection that is waiting to be accepted.
"""

import contextlib
import errno
import socket

BACKLOG = 1024
SETTINGS = ("HOST", "PORT")
# A client that stops reading may hold this much of ours, and for this long.
SEND_BUFFER_BYTES = 128 * 1024
UNACKNOWLEDGED_TIMEOUT_MS = 10_000


class ListenError(Exception):
    """Say in one sentence why the address cannot be listened on, then what to do."""


def bound_socket(host: str, port: int, settings: tuple[str, str] = SETTINGS) -> socket.socket:
    """Return a socket bound to the address but not yet listening: connections are refused until it does.

    ``settings`` names those that the address comes from. Raises: ListenError.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError) as error:
        sentence = f"{settings[0]} {host} is not a known address: set it to 127.0.0.1 or 0.0.0.0."
        raise ListenError(sentence) from error
    with contextlib.ExitStack() as stack:
        try:
            listener = stack.enter_context(socket.socket(family, kind, protocol))
            _set_options(listener)
            listener.bind(address)
        except OSError as error:
            raise listen_error(host, port, error, settings) from error
        stack.pop_all()
    return listener


def listen_error(host: str, port: int, error: OSError, settings: tuple[str, str] = SETTINGS) -> ListenError:
    """Return the sentence for what the system said about this address."""
    of_host, of_port = settings
    if error.errno == errno.EADDRINUSE:
        advice = f"stop the program that uses it, or set {of_port} to another number."
        return ListenError(f"Port {port} is already taken: {advice}")
    if error.errno == errno.EACCES:
        advice = f"set {of_port} to 1024 or above."
        return ListenError(f"Port {port} needs more rights than this user has: {advice}")
    if error.errno == errno.EAFNOSUPPORT:
        advice = "set it to 127.0.0.1 or 0.0.0.0."
        return ListenError(
            f"{of_host} {host} is an address of IPv6, which this machine does not have: {advice}"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        advice = "set it to 127.0.0.1 or 0.0.0.0."
        return ListenError(f"{of_host} {host} is not an address of this machine: {advice}")
    return ListenError(f"{host} port {port} cannot be listened on: {error.strerror}.")


def url_of(listener: socket.socket, *, tls: bool = False) -> str:
    """Return an address a browser on this machine can open."""
    scheme = "https" if tls else "http"
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _set_options(listener: socket.socket) -> None:
    # Accepted connections inherit all of these.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux only
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_TIMEOUT_MS)
