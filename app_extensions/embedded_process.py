"""A server run as a child process that cannot outlive its parent, whatever ends the parent.

What the two servers need on top of this is in ``embedded_postgres`` and ``embedded_valkey``.
"""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

LOG_BYTES_MAX = 10 * 1024 * 1024
LOG_TAIL_BYTES = 16 * 1024
POLL_FIRST_S = 0.01
POLL_MAX_S = 0.25
# A server that says itself that it is starting may have much to recover, and has longer than a silent one.
RECOVERY_TIMEOUT_S = 600.0
TELL_AFTER_S = 5.0
DISK_FULL = "No space left on device"

# The server tells the guard its own process id through the pipe (here still its standard input) before it
# becomes the server, so there is no moment at which it runs unguarded.
REGISTER = 'echo $$ >&0; exec "$@" </dev/null'

# The parent holds the other end of the guard's standard input. A line means that the parent has ended the
# server itself; the end of the input means that the parent is gone.
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
    """Say as whom a server runs: a command put before its own, or another user id than ours."""

    prefix: tuple[str, ...] = ()
    uid: int | None = None


@dataclass(frozen=True, slots=True)
class Program:
    """Describe a program: what to run, as whom, where it writes, how it is told to stop."""

    name: str
    command: tuple[str, ...]
    log: Path
    stop_signal: signal.Signals
    stop_timeout_s: float
    identity: Identity = Identity()


class Standing(Enum):
    """How far a server is, by what it answers."""

    SILENT = "silent"
    STARTING = "starting"
    READY = "ready"


@dataclass(frozen=True, slots=True)
class Server:
    """Describe a server: its program, how to know how far it is, and how long it may be silent at first."""

    program: Program
    ask: Callable[[], Standing]
    start_timeout_s: float


@contextlib.contextmanager
def running(
    server: Server, *, servers_lock: int, say: Callable[[str], None], stopping: threading.Event
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the server while the block runs: enter with its process when it is ready, stop it afterwards.

    Raises: EmbeddedError when it ends early, is not ready in time, or ``stopping`` is set before that.
    """
    log_start = rotate(server.program.log)
    with guarded(server.program, servers_lock=servers_lock) as process:
        _wait_until_ready(server, process, log_start, say, stopping)
        yield process


@contextlib.contextmanager
def guarded(program: Program, *, servers_lock: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the program while the block runs, and stop it afterwards; it also stops when we are killed.

    Every process of it holds ``servers_lock``, so that lock is free only when all are gone.
    """
    reading, writing = os.pipe()
    try:
        guard = _start_guard(program, reading)
    finally:
        os.close(reading)
    try:
        process = _start(program, register=writing, servers_lock=servers_lock)
        try:
            yield process
        finally:
            _stop(process, program)
            # It is gone: only now may the guard go without ending it.
            with contextlib.suppress(BrokenPipeError):
                os.write(writing, b"ended\n")
    finally:
        os.close(writing)
        guard.wait()


def server_environment() -> dict[str, str]:
    """Return a small environment: none of our secrets for the servers, and messages in English."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


def failure(name: str, log: Path, log_start: int = 0) -> EmbeddedError:
    """Return the error that the end of a server's log explains."""
    text = _tail(log, log_start)
    if DISK_FULL in text:
        return EmbeddedError(f"The disk that holds {log.parent} is full: free some space, then start again.")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if any(word in line.casefold() for word in ("fatal", "panic", "error"))]
    said = f' It said "{(telling or lines)[-1][:300]}".' if lines else ""
    return EmbeddedError(f"{name} did not start.{said} All it said is in {log}.")


def rotate(log: Path) -> int:
    """Put a log that has grown too long aside, and return where the next start begins in it."""
    try:
        size = log.stat().st_size
    except FileNotFoundError:
        return 0
    if size < LOG_BYTES_MAX:
        return size
    log.replace(log.with_suffix(".old.log"))
    return 0


def _start_guard(program: Program, reading: int) -> "subprocess.Popen[bytes]":
    stop = program.stop_signal.name.removeprefix("SIG")
    return subprocess.Popen(
        ["sh", "-c", GUARD, "guard", stop, str(int(program.stop_timeout_s))],
        stdin=reading,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
    )


def _start(program: Program, *, register: int, servers_lock: int) -> "subprocess.Popen[bytes]":
    identity = program.identity
    with program.log.open("ab") as log:
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


def _wait_until_ready(
    server: Server,
    process: "subprocess.Popen[bytes]",
    log_start: int,
    say: Callable[[str], None],
    stopping: threading.Event,
) -> None:
    program = server.program
    began_s = heard_s = time.monotonic()
    pause_s, told = POLL_FIRST_S, False
    while (standing := server.ask()) is not Standing.READY:
        if process.poll() is not None:
            raise failure(program.name, program.log, log_start)
        now_s = time.monotonic()
        if standing is Standing.STARTING:
            heard_s = now_s
            if not told and now_s - began_s > TELL_AFTER_S:
                say(f"{program.name} is still getting ready, as after a sudden end. That can take minutes.")
                told = True
        if now_s - heard_s > server.start_timeout_s or now_s - began_s > RECOVERY_TIMEOUT_S:
            raise EmbeddedError(
                f"{program.name} was not ready after {now_s - began_s:.0f} seconds: "
                f"read {program.log}, then start again."
            )
        if stopping.wait(pause_s):
            raise EmbeddedError(f"{program.name} was stopped before it was ready.")
        pause_s = min(pause_s * 2, POLL_MAX_S)


def _stop(process: "subprocess.Popen[bytes]", program: Program) -> None:
    process.send_signal(program.stop_signal)
    try:
        process.wait(program.stop_timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _tail(log: Path, start: int) -> str:
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(start, size - LOG_TAIL_BYTES))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
