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
        keeper = _Keeper(server, servers_lock, say, stack)
        keeper.start()
        thread = threading.Thread(target=keeper.keep, name=f"keeper of {server.program.name}")
        thread.start()
        try:
            yield
        finally:
            keeper.stopping.set()
            # It ends soon: a start gives up at once when this is set, and what is said waits for nobody.
            thread.join()


class _Keeper:
    def __init__(
        self, server: Server, servers_lock: int, say: Callable[[str], None], stack: contextlib.ExitStack
    ) -> None:
        self._server = server
        self._servers_lock = servers_lock
        self._say = say
        # Holds the process that runs, with its guard.
        self._stack = stack
        self._process: subprocess.Popen[bytes] | None = None
        self.stopping = threading.Event()

    def start(self) -> None:
        """Start the server and wait until it is ready."""
        self._process = self._stack.enter_context(
            running(self._server, servers_lock=self._servers_lock, say=self._say, stopping=self.stopping)
        )

    def keep(self) -> None:
        """Start it again whenever it has ended, until somebody stops this."""
        while not self.stopping.wait(LOOK_EVERY_S):
            assert self._process is not None
            if self._process.poll() is not None and not self._start_again():
                self.stopping.wait(RETRY_S)

    def _start_again(self) -> bool:
        self._say(f"{self._server.program.name} ended unexpectedly. Starting it again.")
        # The guard of the dead one goes first: it would later end whatever got that process id.
        self._stack.close()
        try:
            self.start()
        except (EmbeddedError, OSError) as error:
            # Who stops the service does not wait for this, and need not hear of it.
            if not self.stopping.is_set():
                self._say(str(error))
            return False
        return True
