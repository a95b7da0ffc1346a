"""The signals that ask a program to stop: Ctrl-C, a service manager, and a terminal that closes."""

import contextlib
import signal
from collections.abc import Iterator


def stop_signals() -> list[signal.Signals]:
    """Return the signals that ask the service to stop; not the hang-up where nohup has it ignored."""
    hang_up = [] if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [signal.SIGHUP]
    return [signal.SIGTERM, signal.SIGINT, *hang_up]


@contextlib.contextmanager
def stopped_as_by_ctrl_c() -> Iterator[None]:
    """Let each of them do what Ctrl-C does in the block: what was begun is taken down."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in stop_signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
