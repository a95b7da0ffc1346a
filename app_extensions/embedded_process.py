"""A server run as a child process that cannot outlive its parent, whatever ends the parent.

What the two servers need on top of this is in ``embedded_postgres`` and ``embedded_valkey``.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

LOG_BYTES_MAX = 10 * 1024 * 1024
POLL_FIRST_S = 0.01
POLL_MAX_S = 0.25

# The server tells the guard its own process id through the pipe (here still its standard input) before it becomes
# the server, so there is no moment at which it runs unguarded.
REGISTER = 'echo $$ >&0; exec "$@" </dev/null'

# The parent holds the other end of the guard's standard input. A line means that the parent has ended the server
# itself; the end of the input means that the parent is gone.
GUARD = """
trap "" INT TERM HUP
read -r pid || exit 0
read -r _ && exit 0
kill -s "$1" "$pid"
tries=0
while kill -0 "$pid" && [ "$tries" -lt "$2" ]; do sleep 1; tries=$((tries + 1)); done
kill -s KILL "$pid"
"""


class EmbeddedError(Exception):
    """Say in one sentence why an embedded server cannot run, then what to do."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Say as whom a server runs: a command put before its own, and a user id unless it is ours."""

    prefix: tuple[str, ...] = ()
    uid: int | None = None


@dataclass(frozen=True, slots=True)
class ServerProgram:
    """Describe a server: what to run, where it writes, how it is told to stop."""

    name: str
    command: tuple[str, ...]
    log: Path
    stop_signal: signal.Signals
    stop_timeout_s: float
    identity: Identity = Identity()


@contextlib.contextmanager
def running(program: ServerProgram, *, servers_lock: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the server while the block runs, and stop it afterwards.

    Every process of the server holds ``servers_lock``, so the lock is free only when all of them are gone.
    """
    reading, writing = os.pipe()
    grace_s = str(int(program.stop_timeout_s))
    guard = subprocess.Popen(
        ["sh", "-c", GUARD, "guard", program.stop_signal.name.removeprefix("SIG"), grace_s],
        stdin=reading,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(reading)
    try:
        server = _start(program, register=writing, servers_lock=servers_lock)
        try:
            yield server
        finally:
            _stop(server, program)
            # The server is gone: only now may the guard go without ending it.
            with contextlib.suppress(BrokenPipeError):
                os.write(writing, b"ended\n")
    finally:
        os.close(writing)
        guard.wait()


def _start(program: ServerProgram, *, register: int, servers_lock: int) -> "subprocess.Popen[bytes]":
    identity = program.identity
    with open_log(program.log) as log:
        return subprocess.Popen(
            ["sh", "-c", REGISTER, program.name, *identity.prefix, *program.command],
            stdin=register,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=(servers_lock,),
            # A Ctrl-C in the terminal must reach the launcher alone: the servers stop last.
            start_new_session=True,
            env=server_environment(),
            cwd="/",
            user=identity.uid,
            group=identity.uid,
            extra_groups=None if identity.uid is None else (),
        )


def _stop(server: "subprocess.Popen[bytes]", program: ServerProgram) -> None:
    server.send_signal(program.stop_signal)
    try:
        server.wait(program.stop_timeout_s)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def open_log(path: Path) -> contextlib.AbstractContextManager["os.PathLike[str]"]:
    raise NotImplementedError


def server_environment() -> dict[str, str]:
    """Return a small environment: no secrets for the servers, and messages in English."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
