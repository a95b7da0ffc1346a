"""The live path as queues: entries, one Valkey, the reader of each worker, its listeners told one by one.

Valkey is one server and first come, first served. Each worker has one read under way at most: it waits for
news, is given all there are, tells its listeners, rests, and reads again. What is not simulated is in
docs/scaling.md.
"""

import bisect
import heapq
from dataclasses import dataclass

import numpy as np

from benchmarks.scaling_model import Basis, Crowd, reading_of

# Workers are alike: the latencies of some are those of all.
NOTED_MAX = 32
# Of each telling so many moments are noted: the first listener hears it earlier than the last.
MOMENTS = np.array([0.125, 0.375, 0.625, 0.875])


@dataclass(frozen=True)
class Heard:
    """What came of it; latencies are of deliveries, not of entries."""

    p50_ms: float
    p99_ms: float
    valkey_busy: float
    worker_busy: float
    reads_per_s: float
    late_s: float


@dataclass
class _Path:
    """One run: the entries that arrive, and what they cost everywhere."""

    times: np.ndarray
    tell_s: np.ndarray
    weights: np.ndarray
    read_valkey_s: float
    read_web_s: float
    rest_s: float
    valkey_slow: float


def simulate(
    crowd: Crowd, workers: int, basis: Basis, *, seconds: float = 5.0, seed: int = 1, even: bool = False
) -> Heard:
    """Return how late deliveries are; ``even`` spaces entries evenly, else they come by chance."""
    count = max(1, round(crowd.entries_per_s * seconds))
    chance = np.random.default_rng(seed)
    times = (np.arange(count) + 0.5) / count * seconds if even else np.sort(chance.uniform(0, seconds, count))
    topics = chance.choice(crowd.topics, size=count, p=crowd.rates / crowd.entries_per_s)
    return _run(_path(crowd, workers, basis, times, topics), workers, seconds)


def _run(path: _Path, workers: int, seconds: float) -> Heard:
    valkey_free, valkey_s, worker_s, reads = 0.0, 0.0, 0.0, 0
    latencies: list[np.ndarray] = []
    weights: list[np.ndarray] = []
    waiting = [(0.0, worker, 0) for worker in range(workers)]
    ends = 0.0
    while waiting:
        asked, worker, seen = heapq.heappop(waiting)
        began = max(asked, valkey_free)
        cost = path.read_valkey_s * path.valkey_slow
        valkey_free = began + cost
        valkey_s += cost
        answered, news = _answer(path.times, began + cost, seen)
        if news == seen:
            continue
        reads += 1
        done = answered + path.read_web_s + np.cumsum(path.tell_s[seen:news])
        begun = done - path.tell_s[seen:news]
        moments = begun[:, None] + path.tell_s[seen:news, None] * MOMENTS - path.times[seen:news, None]
        if worker < NOTED_MAX:
            latencies.append(moments.ravel())
            weights.append(np.repeat(path.weights[seen:news], len(MOMENTS)))
        free = float(done[-1])
        worker_s += free - answered
        ends = max(ends, free)
        heapq.heappush(waiting, (free + path.rest_s, worker, news))
    took = max(ends, seconds)
    p50, p99 = weighted_quantiles(np.concatenate(latencies), np.concatenate(weights), (0.5, 0.99))
    return Heard(
        p50_ms=p50 * 1_000,
        p99_ms=p99 * 1_000,
        valkey_busy=valkey_s / took,
        worker_busy=worker_s / workers / took,
        reads_per_s=reads / took,
        late_s=max(0.0, ends - seconds),
    )


def _answer(times: np.ndarray, ready: float, seen: int) -> tuple[float, int]:
    """Return when a read is answered, and how many entries are known then: at once, or at the next one."""
    there = bisect.bisect_right(times, ready)
    if there > seen:
        return ready, there
    if seen < len(times):
        return float(times[seen]), seen + 1
    return ready, seen


def _path(crowd: Crowd, workers: int, basis: Basis, times: np.ndarray, topics: np.ndarray) -> _Path:
    figures, listeners = basis.figures, crowd.listeners / workers
    told = listeners * crowd.habits.subscriptions * crowd.shares[topics]
    reading = reading_of(crowd, listeners, basis.built)
    append = min(0.95, crowd.entries_per_s * figures.valkey_s_per_append)
    return _Path(
        times=times,
        tell_s=figures.web_s_per_entry + told * figures.web_s_per_delivery,
        weights=told,
        read_valkey_s=figures.valkey_s_per_read + figures.valkey_s_per_read_topic * reading.topics,
        read_web_s=figures.web_s_per_read + figures.web_s_per_read_topic * reading.topics,
        rest_s=reading.rest_s,
        # Writers come between the readers; they are not simulated one by one.
        valkey_slow=1.0 / (1.0 - append),
    )


def weighted_quantiles(values: np.ndarray, weights: np.ndarray, wanted: tuple[float, ...]) -> list[float]:
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    places = np.searchsorted(reached, np.array(wanted) * reached[-1])
    return [float(values[order][min(place, len(values) - 1)]) for place in places]
