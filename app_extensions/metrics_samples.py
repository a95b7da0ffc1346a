"""What a worker looks at from time to time, because it is a state and nobody could count it."""

import asyncio
import platform
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from app_extensions.metrics import figures_of_workers
from config import Config
from services import Services
from utils import figures
from utils.tasks import end_tasks
from utils.version import VERSION

# How often the loop is timed; every so many times everything is looked at.
TICK_S = 0.25
TICKS_A_LOOK = 8

LogLinesDropped = Callable[[], int]


@asynccontextmanager
async def sampling(services: Services, config: Config) -> AsyncIterator[None]:
    """Look at a worker while the block runs."""
    for figure in figures_of_workers():
        figure.begin()
    figures.BUILD.set(1, VERSION, platform.python_version(), config.server, config.role)
    samples = Samples(services)
    task = asyncio.create_task(samples.take_for_ever(), name="metrics")
    try:
        yield
    finally:
        await end_tasks([task])
        samples.look()


@dataclass(slots=True)
class Samples:
    """Look at the services of a worker; ``look`` takes a moment and waits for nothing."""

    services: Services
    _cpu_s: float = 0.0
    _counted: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    async def take_for_ever(self) -> None:
        """Time the loop, and look at everything every two seconds."""
        loop = asyncio.get_running_loop()
        while True:
            self.look()
            for _ in range(TICKS_A_LOOK):
                due_s = loop.time() + TICK_S
                await asyncio.sleep(TICK_S)
                figures.LOOP_LAG.note(max(loop.time() - due_s, 0.0))

    def look(self) -> None:
        """Say how everything is at this moment."""
        self._look_at_process()
        self._look_at_cache()
        pool = self.services.pool
        used = pool.get_size() - pool.get_idle_size()
        figures.DATABASE_CONNECTIONS.set(used, "used")
        figures.DATABASE_CONNECTIONS.set(pool.get_idle_size(), "idle")
        figures.DATABASE_CONNECTIONS_MAX.set(pool.get_max_size())
        figures.CONNECTIONS.set(self.services.live.connections)

    def _look_at_process(self) -> None:
        figures.HEARTBEAT.set(time.time())
        figures.TASKS.set(len(asyncio.all_tasks()))
        cpu_s = time.process_time()
        figures.CPU.add(cpu_s - self._cpu_s)
        self._cpu_s = cpu_s

    def _look_at_cache(self) -> None:
        answers = self.services.answers
        figures.CACHE_BYTES.set(answers.size_bytes)
        counts = answers.counts
        for result, count in (("here", counts.hits), ("shared", counts.shared_hits), ("made", counts.made)):
            # An answer that is ready is too quick to be counted for itself.
            figures.CACHE_REQUESTS.add(count - self._counted[result], result)
            self._counted[result] = count
