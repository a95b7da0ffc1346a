"""Metrics of a process that serves: the launcher's, for all of its workers, or those of one that has none."""

import contextlib
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from app_extensions.metrics_files import bury, files_directory, read_files
from app_extensions.metrics_listener import PATH, listening
from app_extensions.process_files import ProcessUse, use_of
from app_extensions.server_socket import ListenError, bound_socket, url_of
from config import Config
from utils import figures
from utils.metrics import DIRECTORY, Figure, Level, declared

SETTINGS = ("METRICS_HOST", "METRICS_PORT")

log = logging.getLogger(__name__)


@dataclass(slots=True)
class WorkerWatch:
    """Know which workers run, and how many were replaced."""

    pids: dict[int, int] = field(default_factory=dict)
    replaced: int = 0
    _seen: set[int] = field(default_factory=set)

    def begin(self, worker: int, pid: int) -> None:
        """Note that a worker runs."""
        self.replaced += worker in self._seen
        self._seen.add(worker)
        self.pids[worker] = pid

    def end(self, worker: int) -> int | None:
        """Note that a worker has ended; return which process it was."""
        return self.pids.pop(worker, None)

    def collect(self) -> Iterable[Metric]:
        """Return what can be seen of the workers from outside."""
        used = {str(worker): use_of(pid) for worker, pid in sorted(self.pids.items())}
        seen = {worker: use for worker, use in used.items() if use is not None}
        yield GaugeMetricFamily(figures.WORKERS.name, figures.WORKERS.sentence, value=len(self.pids))
        restarts = figures.WORKER_RESTARTS
        yield CounterMetricFamily(restarts.name, restarts.sentence, value=self.replaced)
        yield _levels(figures.WORKER_MEMORY, seen, lambda use: use.resident_bytes)
        yield _levels(figures.WORKER_DESCRIPTORS, seen, lambda use: use.descriptors)
        yield _levels(figures.WORKER_DESCRIPTORS_MAX, seen, lambda use: use.descriptors_max)


@dataclass(frozen=True, slots=True)
class LauncherMetrics:
    """Serve the numbers of all workers of this launcher, those of the dead included."""

    listener: socket.socket
    directory: Path
    watch: WorkerWatch = field(default_factory=WorkerWatch)

    @property
    def url(self) -> str:
        """Return where the numbers are."""
        return url_of(self.listener) + PATH

    def began(self, worker: int, pid: int) -> None:
        """Note that a worker runs."""
        self.watch.begin(worker, pid)

    def ended(self, worker: int) -> None:
        """Keep what a worker that has ended counted."""
        pid = self.watch.end(worker)
        try:
            if pid is not None:
                bury(self.directory, pid)
        except OSError:
            log.exception("counts of a worker were lost")

    def listening(self) -> AbstractAsyncContextManager[None]:
        """Answer while the block runs."""
        return listening(self.listener, lambda: generate_latest(self))

    def collect(self) -> Iterator[Metric]:
        """Return all numbers. Raises: OSError, ValueError."""
        yield from read_files(self.directory)
        yield from self.watch.collect()


@contextlib.contextmanager
def launcher_metrics(config: Config, say: Callable[[str], None]) -> Iterator[LauncherMetrics | None]:
    """Take the port and make room for the numbers; None where that is not wanted, or cannot be had.

    In development the service does without. Raises: ListenError in production.
    """
    if not config.metrics:
        yield None
        return
    with contextlib.ExitStack() as stack:
        try:
            listener = stack.enter_context(_bound(config))
            directory = stack.enter_context(files_directory(config.var_dir))
        except (ListenError, OSError) as error:
            sentence = str(error) if isinstance(error, ListenError) else _no_room(config, error)
            if config.env == "production":
                raise ListenError(sentence) from error
            say(f"Metrics are not served. {sentence}")
            yield None
        else:
            yield LauncherMetrics(listener, directory)


@asynccontextmanager
async def own_metrics(config: Config) -> AsyncIterator[None]:
    """Serve the numbers of this process, which has no launcher; without them where the port is taken."""
    if not config.metrics:
        yield
        return
    try:
        listener = _bound(config)
    except ListenError as error:
        log.warning("metrics are not served", extra={"reason": str(error)})
        yield
        return
    watch = WorkerWatch()
    watch.begin(1, os.getpid())
    with listener:
        async with listening(listener, lambda: generate_latest(_OwnNumbers(watch))):
            log.info("metrics are served", extra={"address": url_of(listener) + PATH})
            yield


@dataclass(frozen=True, slots=True)
class _OwnNumbers:
    watch: WorkerWatch

    def collect(self) -> Iterator[Metric]:
        directory = os.environ.get(DIRECTORY)
        if directory is not None:
            # Somebody runs several processes without our launcher, and has thought of this.
            yield from read_files(Path(directory))
        else:
            for figure in declared(figures):
                yield from figure.collect()
        yield from self.watch.collect()


def figures_of_workers() -> list[Figure]:
    """Return what workers measure themselves."""
    return [figure for figure in declared(figures) if figure not in figures.OF_THE_LAUNCHER]


def _bound(config: Config) -> socket.socket:
    listener = bound_socket(config.metrics_host, config.metrics_port, SETTINGS)
    try:
        listener.listen()
    except OSError as error:
        listener.close()
        raise ListenError(f"{SETTINGS[1]} {config.metrics_port}: {error.strerror}.") from error
    return listener


def _no_room(config: Config, error: OSError) -> str:
    return f"{config.var_dir} cannot be written to ({error.strerror}): check VAR_DIR, or set METRICS=false."


def _levels(level: Level, used: Mapping[str, ProcessUse], number: Callable[[ProcessUse], int]) -> Metric:
    family = GaugeMetricFamily(level.name, level.sentence, labels=["worker"])
    for worker, use in used.items():
        family.add_metric([worker], number(use))
    return family
