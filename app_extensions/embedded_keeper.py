"""An embedded server that is started again when it dies, for as long as the service runs."""

import contextlib
import subprocess
import threading
from collections.abc import Callable, Iterator

from app_extensions.embedded_process import EmbeddedError, Server, running

LOOK_EVERY_S = 0.1
RETRY_S = 1.0


@contextlib.contextmanager
def kept_running(server: Server, *, servers_lock: int, say: Callable[[str], None]) -> Iterator[None]:
    """Run the server while the block runs, and start it again whenever it ends by itself.

    Raises: EmbeddedError when the first start fails; a later one is said and tried again.
    """
    with contextlib.ExitStack() as stack:
        process = stack.enter_context(running(server, servers_lock=servers_lock))
        stopping = threading.Event()

        def keep() -> None:
            _keep(process, lambda: _start_again(stack, server, servers_lock, say), stopping)

        keeper = threading.Thread(target=keep, name=f"keeper of {server.program.name}")
        keeper.start()
        try:
            yield
        finally:
            stopping.set()
            keeper.join()


def _keep(
    process: "subprocess.Popen[bytes]",
    start_again: Callable[[], "subprocess.Popen[bytes] | None"],
    stopping: threading.Event,
) -> None:
    while not stopping.wait(LOOK_EVERY_S):
        if process.poll() is None:
            continue
        started = start_again()
        if started is None:
            stopping.wait(RETRY_S)
        else:
            process = started


def _start_again(
    stack: contextlib.ExitStack, server: Server, servers_lock: int, say: Callable[[str], None]
) -> "subprocess.Popen[bytes] | None":
    say(f"{server.program.name} ended unexpectedly. Starting it again.")
    # The guard of the dead one goes first: it would later end whatever got that process id.
    stack.close()
    try:
        return stack.enter_context(running(server, servers_lock=servers_lock))
    except (EmbeddedError, OSError) as error:
        say(str(error))
        return None
