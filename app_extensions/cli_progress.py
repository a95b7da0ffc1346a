"""How a long command says how far it has come: one moving line on a terminal, plain sentences elsewhere."""

import os
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TextIO

from services.backfill import Progress
from utils.spoken import counted, spoken_wait, utc_text

BAR_WIDTH = 24
# A screen reader reads every line to its end: few lines, and none without news.
LINE_EVERY_S = 5.0
SAME_LINE_EVERY_S = 30.0
SPOKEN_MINUTES_MAX_S = 2 * 60 * 60


class Teller(ABC):
    """Tell of progress on one stream."""

    def __init__(self, stream: TextIO, now_s: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._now_s = now_s
        self._began_s = now_s()
        self._first: Progress | None = None
        self.last: Progress | None = None

    def tell(self, progress: Progress) -> None:
        """Take note of progress and say so where it is time to."""
        self._first = self._first or progress
        self.last = progress
        self._show(progress)

    @abstractmethod
    def say(self, sentence: str) -> None:
        """Write a sentence on a line of its own."""

    @abstractmethod
    def end(self) -> None:
        """Leave the moving line, if there is one, as it stands."""

    @abstractmethod
    def _show(self, progress: Progress) -> None: ...

    @property
    def elapsed_s(self) -> float:
        """Return how long this has been going on."""
        return self._now_s() - self._began_s

    def _left(self, progress: Progress) -> str:
        assert self._first is not None
        gained_ms = self._first.missing_ms - progress.missing_ms
        if gained_ms <= 0 or not progress.missing_ms:
            return ""
        return f"about {spoken_length(self.elapsed_s * progress.missing_ms / gained_ms)} left"


class BarTeller(Teller):
    """Keep one line of a terminal up to date."""

    _length = 0

    def say(self, sentence: str) -> None:
        """Write a sentence in place of the moving line, which goes on below."""
        self._stream.write(f"\r{sentence.ljust(self._length)}\n")
        self._stream.flush()
        self._length = 0

    def end(self) -> None:
        """Leave the moving line as it stands, and begin another."""
        if self._length:
            self._stream.write("\n")
            self._stream.flush()
        self._length = 0

    def _show(self, progress: Progress) -> None:
        filled = int(progress.done * BAR_WIDTH)
        parts = (
            f"[{'#' * filled}{'-' * (BAR_WIDTH - filled)}] {_percent(progress):3} %",
            counted(progress.bars, "bar"),
            utc_text(progress.reached_ms),
            self._left(progress),
        )
        # The last column stays free: some terminals begin a new line there.
        line = "  ".join(part for part in parts if part)[: shutil.get_terminal_size().columns - 1]
        self._stream.write(f"\r{line.ljust(self._length)}")
        self._stream.flush()
        self._length = len(line)


class LineTeller(Teller):
    """Say a plain sentence now and then."""

    _told_s: float | None = None
    _told_percent = -1

    def say(self, sentence: str) -> None:
        """Write the sentence."""
        self._stream.write(f"{sentence}\n")
        self._stream.flush()

    def end(self) -> None:
        """Do nothing: no line moves."""

    def _show(self, progress: Progress) -> None:
        if not progress.missing_ms:
            # The last sentence says more.
            return
        now_s, percent = self._now_s(), _percent(progress)
        if self._told_s is not None:
            pause_s = SAME_LINE_EVERY_S if percent == self._told_percent else LINE_EVERY_S
            if now_s - self._told_s < pause_s:
                return
        self._told_s, self._told_percent = now_s, percent
        parts = (
            f"{percent} percent",
            f"{counted(progress.bars, 'bar')} fetched",
            f"at {utc_text(progress.reached_ms)}",
            self._left(progress),
        )
        self.say(f"{', '.join(part for part in parts if part)}.")


def choose_teller(stream: TextIO, *, plain: bool) -> Teller:
    """Return the moving line for a terminal that can show one, and plain sentences for all else."""
    moving = not plain and stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    return BarTeller(stream) if moving else LineTeller(stream)


def spoken_length(length_s: float) -> str:
    """Return a length of time in whole words: ``40 seconds``, ``3 minutes``, ``5 hours``."""
    if length_s < SPOKEN_MINUTES_MAX_S:
        return spoken_wait(length_s)
    return f"{round(length_s / 3_600)} hours"


def _percent(progress: Progress) -> int:
    # Never 100 before the end.
    return int(progress.done * 100)
