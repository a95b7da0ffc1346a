"""What is measured: counts, levels and times, declared once and kept from their first number on.

A launcher sets ``PROMETHEUS_MULTIPROC_DIR`` before its workers begin: their numbers then lie in files there,
which it reads for all of them together (docs/decisions/0033-metrics.md). Without it they lie in memory.
Whoever counts never fails: what cannot be kept is counted nowhere.
"""

import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics_core import Metric

DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
# Labels in more combinations than anybody foresaw cost memory here and in whoever reads. From here on those
# that may take any value are counted together; on the others, as on a status, alerts depend.
LABELLED_MAX = 300
OTHER = "other"
# How a level of several workers becomes one number.
SUM, MOST, LEAST = "livesum", "livemax", "livemin"
# What a worker's files may take. They are written full at the beginning: a page that is first written to when
# the disk is full would end the process.
FILE_BYTES = {"counter": 1 << 19, "histogram": 1 << 21}
LEVEL_FILE_BYTES = 1 << 17


class _Nowhere:
    """Take numbers that cannot be kept."""

    def inc(self, amount: float) -> None: ...

    def set(self, value: float) -> None: ...

    def observe(self, amount: float) -> None: ...


class Figure:
    """One thing that is measured; ``labels`` names its labels and the values each may take, () for any.

    The values of a label are names of our own or of exchanges: never a path, a symbol, a user or an address.
    """

    kind = ""
    # False where there is no room for the files of this process.
    kept = True

    def __init__(self, name: str, sentence: str, **labels: Sequence[str]) -> None:
        self.name = name
        self.sentence = sentence
        self.labels = labels
        self._metric: Any = None
        self._children: dict[tuple[str, ...], Any] = {}

    def begin(self) -> None:
        """Say zero of all that is known to be told one day, so that its first number is seen to rise."""
        for values in itertools.product(*self.labels.values()):
            self._child(values)

    def forget(self) -> None:
        """Begin from nothing; for tests, and where numbers lie in memory."""
        self._metric = None
        self._children = {}

    def collect(self) -> Iterable[Metric]:
        """Return the numbers of this process."""
        collected: Iterable[Metric] = () if self._metric is None else self._metric.collect()
        return collected

    def _child(self, values: tuple[str, ...]) -> Any:
        child = self._children.get(values)
        if child is not None:
            return child
        if len(self._children) >= LABELLED_MAX and (together := self._together(values)) != values:
            return self._child(together)
        child = self._children[values] = self._keep(values) if Figure.kept else _Nowhere()
        return child

    def _together(self, values: tuple[str, ...]) -> tuple[str, ...]:
        known = self.labels.values()
        return tuple(value if value in those else OTHER for value, those in zip(values, known, strict=True))

    def _keep(self, values: tuple[str, ...]) -> Any:
        try:
            if self._metric is None:
                self._metric = self._make()
            return self._metric.labels(*values) if values else self._metric
        except OSError:  # the directory is gone
            return _Nowhere()

    def _make(self) -> Any:
        raise NotImplementedError


class Count(Figure):
    """A number that only rises; its name ends in ``_total``."""

    kind = "counter"

    def add(self, amount: float = 1, *values: str) -> None:
        """Add to what is counted under these values of the labels."""
        (self._children.get(values) or self._child(values)).inc(amount)

    def _make(self) -> Counter:
        return Counter(self.name, self.sentence, tuple(self.labels), registry=None)


class Level(Figure):
    """A number that rises and falls; ``together`` is how those of several workers become one."""

    kind = "gauge"

    def __init__(self, name: str, sentence: str, *, together: str = SUM, **labels: Sequence[str]) -> None:
        super().__init__(name, sentence, **labels)
        self.together = together

    def begin(self) -> None:
        """Say nothing: of a level, zero is as much a statement as any other."""

    def set(self, value: float, *values: str) -> None:
        """Say how high it is now."""
        (self._children.get(values) or self._child(values)).set(value)

    @property
    def told(self) -> tuple[tuple[str, ...], ...]:
        """Return the values of the labels under which something was said."""
        return tuple(self._children)

    def _make(self) -> Gauge:
        labels = tuple(self.labels)
        return Gauge(self.name, self.sentence, labels, registry=None, multiprocess_mode=self.together)  # type: ignore[arg-type]  # one of the three


class Times(Figure):
    """How long things took, in seconds, counted in ranges that end at ``bounds_s``."""

    kind = "histogram"

    def __init__(
        self, name: str, sentence: str, *, bounds_s: Sequence[float], **labels: Sequence[str]
    ) -> None:
        super().__init__(name, sentence, **labels)
        self.bounds_s = bounds_s

    def note(self, seconds: float, *values: str) -> None:
        """Count one that took so long."""
        (self._children.get(values) or self._child(values)).observe(seconds)

    def _make(self) -> Histogram:
        return Histogram(self.name, self.sentence, tuple(self.labels), registry=None, buckets=self.bounds_s)


def declared(module: object) -> Iterator[Figure]:
    """Return the figures that a module declares, in their order."""
    return (each for each in vars(module).values() if isinstance(each, Figure))


def reserve_files(figures: Iterable[Figure]) -> None:
    """Make this process's files, where numbers lie in files, before the first number.

    Raises: OSError when there is no room for them; nothing is kept then.
    """
    directory = os.environ.get(DIRECTORY)
    if directory is None:
        return
    Figure.kept = False
    sizes = dict(FILE_BYTES)
    sizes |= {f"gauge_{each.together}": LEVEL_FILE_BYTES for each in figures if isinstance(each, Level)}
    for prefix, size in sizes.items():
        whole = Path(directory, f"{prefix}_{os.getpid()}.db")
        # Written aside: whoever reads the numbers of all workers at this moment would find half a file.
        draft = whole.with_suffix(".draft")
        draft.write_bytes(bytes(size))
        draft.replace(whole)
    Figure.kept = True
