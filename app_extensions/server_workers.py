"""The workers: started, replaced when they die, told to drain, and never left behind."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from asyncio.subprocess import Process
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from app_extensions.stop_signals import stop_signals
from app_extensions.worker import START_TIMEOUT_S
from app_extensions.worker import STOP_TIMEOUT_S as WORKER_STOP_TIMEOUT_S
from utils.tasks import wait_at_most

# A little more than a worker allows itself.
STOP_TIMEOUT_S = WORKER_STOP_TIMEOUT_S + 2
CRASHES_MAX = 5
# What cannot be started at once may be later.
START_AGAIN_S = 1.0
CRASHES_WINDOW_S = 60.0


class WorkersWatch(Protocol):
    """Be told which workers run."""

    def began(self, worker: int, pid: int) -> None:
        """Note that a worker runs."""
        ...

    def ended(self, worker: int) -> None:
        """Note that a worker has ended."""
        ...


class Workers:
    """Keep ``count`` workers running on one listening socket until a signal or too many crashes.

    The socket is closed here as soon as no worker is started any more.
    """

    def __init__(
        self,
        *,
        count: int,
        program: str,
        listener: socket.socket,
        environment: Mapping[str, str],
        say: Callable[[str], None],
        when_ready: Callable[[], None],
        watch: WorkersWatch | None = None,
    ) -> None:
        self._count = count
        self._program = program
        self._listener = listener
        self._environment = environment
        self._say = say
        self._when_ready = when_ready
        self._watch = watch
        self._stopping = asyncio.Event()
        self._ready: set[int] = set()
        self._gave_up = False

    async def run(self) -> bool:
        """Return when all workers have ended: True after a signal, False after giving up."""
        loop = asyncio.get_running_loop()
        for number in stop_signals():
            loop.add_signal_handler(number, self._stop)
        # Nothing is ever written to the lifeline; that it ends tells the workers that we have.
        lifeline, held = os.pipe()
        try:
            async with asyncio.TaskGroup() as group:
                for worker in range(1, self._count + 1):
                    group.create_task(self._keep(worker, lifeline))
        finally:
            os.close(lifeline)
            os.close(held)
        return not self._gave_up

    def _stop(self) -> None:
        if not self._stopping.is_set():
            self._begin_stop()
            self._say("Stopping. Requests that are being answered are finished first.")

    async def _keep(self, worker: int, lifeline: int) -> None:
        crashes: deque[float] = deque(maxlen=CRASHES_MAX)
        while not self._stopping.is_set():
            try:
                process, ready = await self._spawn(lifeline)
            except OSError as error:
                # Processes, files or memory have run out, of which some will be given back.
                crashes.append(time.monotonic())
                self._go_on(worker, crashes, f"could not be started ({error.strerror}). Trying again.")
                await wait_at_most(self._stopping, START_AGAIN_S)
                continue
            returncode = await self._until_ended(worker, process, ready)
            if self._stopping.is_set():
                return
            crashes.append(time.monotonic())
            if worker not in self._ready:
                self._give_up(f"Worker {worker} could not start; what it wrote above says why.")
            else:
                self._go_on(worker, crashes, f"ended unexpectedly ({_ending(returncode)}). Starting another.")

    def _go_on(self, worker: int, crashes: Sequence[float], sentence: str) -> None:
        if len(crashes) == CRASHES_MAX and crashes[-1] - crashes[0] < CRASHES_WINDOW_S:
            self._give_up(f"Worker {worker} ended {CRASHES_MAX} times within a minute: giving up.")
        else:
            self._say(f"Worker {worker} {sentence}")

    def _give_up(self, sentence: str) -> None:
        self._gave_up = True
        self._begin_stop()
        self._say(sentence)

    def _begin_stop(self) -> None:
        self._stopping.set()
        # Workers let in who comes until they have said goodbye to everybody. After theirs this is the last.
        # Held open, it would take connections that nobody answers, and no proxy would look elsewhere.
        self._listener.close()

    async def _until_ended(self, worker: int, process: Process, ready: int) -> int:
        if self._watch is not None:
            self._watch.began(worker, process.pid)
        ended = asyncio.ensure_future(process.wait())
        told = asyncio.ensure_future(self._stopping.wait())
        began = asyncio.ensure_future(self._watch_start(worker, process, ready))
        try:
            await asyncio.wait({ended, told}, return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                _signal(process, signal.SIGTERM)
                await asyncio.wait({ended}, timeout=STOP_TIMEOUT_S)
            if not ended.done():
                self._say(f"Worker {worker} did not stop within {STOP_TIMEOUT_S:.0f} seconds and is ended.")
                _signal(process, signal.SIGKILL)
            return await ended
        finally:
            told.cancel()
            began.cancel()
            await asyncio.wait({told, began})
            if self._watch is not None:
                self._watch.ended(worker)

    async def _spawn(self, lifeline: int) -> tuple[Process, int]:
        reading, writing = os.pipe()
        inherited = {"--fd": self._listener.fileno(), "--lifeline": lifeline, "--ready": writing}
        arguments = [text for name, descriptor in inherited.items() for text in (name, str(descriptor))]
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, self._program, "--worker", *arguments),
                stdin=asyncio.subprocess.DEVNULL,
                env=self._environment,
                pass_fds=tuple(inherited.values()),
                # A Ctrl-C in the terminal must reach the launcher alone; it tells the workers in order.
                start_new_session=True,
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        return process, reading

    async def _watch_start(self, worker: int, process: Process, ready: int) -> None:
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(ready, "rb", buffering=0)
        )
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                serves = await reader.read(1)
        except TimeoutError:
            self._say(f"Worker {worker} was not ready after {START_TIMEOUT_S:.0f} seconds and is ended.")
            _signal(process, signal.SIGKILL)
            return
        finally:
            transport.close()
        if serves and worker not in self._ready:
            self._ready.add(worker)
            if len(self._ready) == self._count and not self._stopping.is_set():
                self._when_ready()


def _signal(process: Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)


def _ending(returncode: int) -> str:
    if returncode < 0:
        return f"by signal {signal.Signals(-returncode).name}"
    return f"with exit code {returncode}"
