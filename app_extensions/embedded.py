"""PostgreSQL and Valkey of our own, for whoever has none: no root, no Docker, no configuration.

Both listen on sockets in a private directory, keep their data under ``VAR_DIR``, are started again when they
die, and stop with this process.
"""

import contextlib
import dataclasses
import errno
import fcntl
import hashlib
import os
import socket
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from app_extensions.embedded_keeper import kept_running
from app_extensions.embedded_postgres import SOCKET_NAME as POSTGRES_SOCKET
from app_extensions.embedded_postgres import postgres_address, postgres_server
from app_extensions.embedded_process import EmbeddedError
from app_extensions.embedded_valkey import SOCKET_NAME as VALKEY_SOCKET
from app_extensions.embedded_valkey import valkey_address, valkey_server

__all__ = ["EmbeddedAddresses", "EmbeddedError", "embedded_servers", "has_cache", "running_addresses"]

LAUNCHER_LOCK = "launcher.lock"
SERVERS_LOCK = "servers.lock"
SOCKET_DIR = "sockets.txt"
VALKEY_DIR = "valkey"
# The strictest of the systems we run on (macOS) gives a socket's path 104 bytes with the closing zero.
SOCKET_PATH_BYTES_MAX = 103
# How long the servers of a killed launcher may take to stop: what their guards allow, and a little.
SERVERS_GONE_TIMEOUT_S = 45
POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class EmbeddedAddresses:
    """Say where the servers listen; None for one that does not run."""

    db_connection_string: str | None
    redis_url: str | None


def _silent(_sentence: str) -> None:
    return


@contextlib.contextmanager
def embedded_servers(
    var_dir: Path,
    *,
    postgres: bool,
    valkey: bool,
    durable: bool = True,
    say: Callable[[str], None] = _silent,
) -> Iterator[EmbeddedAddresses]:
    """Run the servers asked for while the block runs; ``say`` hears a sentence before each long step.

    With ``durable=False`` a power cut may lose everything: for tests.
    Raises: EmbeddedError with one sentence.
    """
    with contextlib.ExitStack() as stack:
        addresses = EmbeddedAddresses(None, None)
        if postgres or valkey:
            try:
                addresses = _start(
                    stack, var_dir.resolve(), postgres=postgres, valkey=valkey, durable=durable, say=say
                )
            except OSError as error:
                raise _storage_error(var_dir, error) from error
        yield addresses


def running_addresses(var_dir: Path) -> EmbeddedAddresses | None:
    """Return where the servers of another process listen, or None when none run; for the command line."""
    try:
        socket_dir = Path((var_dir / SOCKET_DIR).read_text())
    except OSError:
        return None
    addresses = EmbeddedAddresses(
        postgres_address(socket_dir) if _listening(socket_dir / POSTGRES_SOCKET) else None,
        valkey_address(socket_dir) if _listening(socket_dir / VALKEY_SOCKET) else None,
    )
    return None if addresses == EmbeddedAddresses(None, None) else addresses


def has_cache(var_dir: Path) -> bool:
    """Tell whether an embedded Valkey has ever kept anything there."""
    return (var_dir / VALKEY_DIR).is_dir()


def _start(
    stack: contextlib.ExitStack,
    var_dir: Path,
    *,
    postgres: bool,
    valkey: bool,
    durable: bool,
    say: Callable[[str], None],
) -> EmbeddedAddresses:
    _make_private(var_dir)
    stack.enter_context(_only_launcher(var_dir))
    servers_lock = stack.enter_context(_former_servers_gone(var_dir, say))
    socket_dir = _socket_dir(var_dir)
    addresses = EmbeddedAddresses(None, None)
    if postgres:
        home = _make_private(var_dir / "postgres")
        database = postgres_server(home, socket_dir, durable=durable, servers_lock=servers_lock, say=say)
        say("Starting the embedded PostgreSQL.")
        stack.enter_context(kept_running(database, servers_lock=servers_lock, say=say))
        addresses = dataclasses.replace(addresses, db_connection_string=postgres_address(socket_dir))
    if valkey:
        home = _make_private(var_dir / VALKEY_DIR)
        say("Starting the embedded Valkey.")
        cache = valkey_server(home, socket_dir, durable=durable)
        stack.enter_context(kept_running(cache, servers_lock=servers_lock, say=say))
        addresses = dataclasses.replace(addresses, redis_url=valkey_address(socket_dir))
    return addresses


def _make_private(directory: Path) -> Path:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return directory


@contextlib.contextmanager
def _lock_file(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def _only_launcher(var_dir: Path) -> Iterator[None]:
    with _lock_file(var_dir / LAUNCHER_LOCK) as descriptor:
        if not _locked(descriptor):
            raise EmbeddedError(
                f"The service already runs with the data in {var_dir}: stop it first, "
                "or set VAR_DIR to another directory."
            )
        yield


@contextlib.contextmanager
def _former_servers_gone(var_dir: Path, say: Callable[[str], None]) -> Iterator[int]:
    # Servers hold this lock themselves. After their launcher was killed they still need a moment to stop.
    with _lock_file(var_dir / SERVERS_LOCK) as descriptor:
        if not _locked(descriptor):
            say("Waiting for the servers of the last run to stop.")
            deadline = time.monotonic() + SERVERS_GONE_TIMEOUT_S
            while not _locked(descriptor):
                if time.monotonic() > deadline:
                    raise EmbeddedError(
                        f"The servers of the last run still use {var_dir}: end the processes named "
                        "postgres and valkey-server that belong to it, then start again."
                    )
                time.sleep(POLL_S)
        yield descriptor


def _socket_dir(var_dir: Path) -> Path:
    # Derived from VAR_DIR where that is too long for a socket, so that each VAR_DIR keeps its own.
    short = f"accessibletrader-{hashlib.sha256(os.fsencode(var_dir)).hexdigest()[:12]}"
    for socket_dir in (var_dir / "run", Path(tempfile.gettempdir(), short), Path("/tmp", short)):  # noqa: S108 - checked below to be ours alone
        path = str(socket_dir / POSTGRES_SOCKET)
        # PostgreSQL reads its list of directories, and asyncpg its list of hosts, with these as marks.
        if len(os.fsencode(path)) <= SOCKET_PATH_BYTES_MAX and not set(path) & set(',"'):
            break
    else:
        raise EmbeddedError(f"The path of {var_dir} is too long for a socket: set VAR_DIR to a shorter one.")
    _make_private(socket_dir)
    status = socket_dir.lstat()
    private = stat.S_ISDIR(status.st_mode) and not status.st_mode & 0o077
    if not private or status.st_uid not in _owners(var_dir):
        raise EmbeddedError(
            f"{socket_dir} is not a private directory of this user: remove it, then start again."
        )
    for left_over in socket_dir.iterdir():
        left_over.unlink()
    (var_dir / SOCKET_DIR).write_text(str(socket_dir))
    return socket_dir


def _owners(var_dir: Path) -> set[int]:
    # The name below /tmp can be foretold, so anybody may have made it first. Root uses what belongs to whom
    # the data belongs to, since it gives the sockets together with the data to whom PostgreSQL runs as.
    if os.geteuid() != 0:
        return {os.geteuid()}
    return {0, *(path.stat().st_uid for path in (var_dir, var_dir / "postgres") if path.exists())}


def _listening(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(1)
        try:
            connection.connect(str(path))
        except OSError:
            return False
        return True


def _storage_error(var_dir: Path, error: OSError) -> EmbeddedError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return EmbeddedError(f"The disk that holds {var_dir} is full: free some space, then start again.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return EmbeddedError(
            f"{error.filename or var_dir} may not be used by this user: give it to this user, "
            "or set VAR_DIR to another directory."
        )
    return EmbeddedError(f"The embedded servers could not start: {error}.")
