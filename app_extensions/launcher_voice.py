"""What the launcher says to whoever started it, who may have stopped reading: it waits for nobody.

A launcher that waited would neither replace a worker nor stop (docs/reliability.md, R19).
"""

import contextlib
from collections.abc import Callable, Iterator

from app_extensions.logging_setup import STDERR, LineWriter, setup_logging

STDOUT = 1
# The launcher itself has little to log, and what it does is said in sentences.
LOG_LEVEL = "WARNING"

# Says sentences, each in a line of its own, and waits for nobody.
Say = Callable[..., None]


@contextlib.contextmanager
def speaking(*, json: bool) -> Iterator[Say]:
    """Give what says sentences, and log without waiting, while the block runs."""
    with contextlib.ExitStack() as stack:
        logged = setup_logging(LOG_LEVEL, json=json)
        stack.callback(logged.close)
        said = LineWriter(STDOUT)
        stack.callback(said.close)
        yield lambda *sentences: said.put(_lines(sentences))


def say_last(*sentences: str, descriptor: int = STDOUT) -> None:
    """Say something after which this process ends."""
    # Whoever started us may have gone, too; that spoils no exit code.
    writer = LineWriter(descriptor)
    writer.put(_lines(sentences))
    writer.close()


def complain(*sentences: str) -> None:
    """Say as the last thing why this process ends."""
    say_last(*sentences, descriptor=STDERR)


def _lines(sentences: tuple[str, ...]) -> bytes:
    return "".join(f"{sentence}\n" for sentence in sentences).encode()
