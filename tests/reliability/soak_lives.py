"""What the diaries of soaked workers say: does a life grow, in memory, descriptors, tasks or threads?"""

import json
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

WARM_S = 600
# A slope over less than this says more about its noise than about its worker.
JUDGED_S = 600
# What a worker holds swings by two MiB in a minute, with faults and looks of the collector: over a quarter of
# an hour that alone is eight MiB an hour. The slope of such a life is told, and its memory not judged.
MEMORY_JUDGED_S = 1_800
MIB = 2**20
RSS_MIB_PER_H_MAX = 1.0
# A worker that takes over the clients of another holds more, and rightly so: two moments tell of growth when
# it had as many clients at both, but for so many.
AS_MANY = 10
DRIFT_MAX = 5.0
# What a worker has of these goes with its clients: as many of each as it has connections, and no more.
OF_A_CONNECTION = {
    "_handle",
    "worker_serve.<locals>._server_callback",
    "TCPServer._idle_timeout",
    "EventWrapper.wait",
    "ASGIHTTPConnection.handle_messages",
    "ASGIHTTPConnection.handle_request",
    "_GuardedWebsocket.handle_messages",
    "_GuardedWebsocket.handle_websocket",
    "LiveConnection._write",
    "LiveConnection._await_topic",
}
# And these with the topics that it feeds, which change hands.
OF_A_FEED = {"FeedKeeper._keep", "FeedKeeper._run_beside", "FeedKeeper._renew_for_ever", "Feed._pump"}
# A connection that has just ended may still be seen to end.
ENDING_MAX = 3
# Two pools of Redis, one of PostgreSQL, and what waits for news: docs/operations.md.
POOLED_MAX = 102 + 11 + 3
# A moment is calm when the next fault has not come and the last has had this long to be over.
CALM_AFTER_S = 40.0


def slope_per_s(points: list[tuple[float, float]]) -> float:
    """Return the Theil-Sen slope: the median of the slopes of all pairs."""
    slopes = [(b - a) / (t - s) for (s, a), (t, b) in combinations(points, 2) if t != s]
    return statistics.median(slopes) if slopes else 0.0


def memory_mib_per_h(lines: list[dict]) -> float:
    """Return the slope of the memory, whatever the load."""
    return slope_per_s([(line["at_s"], line["rss"]) for line in lines]) / MIB * 3_600


def memory_mib_per_h_at_one_load(lines: list[dict]) -> float:
    """Return the median of the slopes of the pairs of moments with as many clients at both."""
    slopes = [
        (b["rss"] - a["rss"]) / (b["at_s"] - a["at_s"])
        for a, b in combinations(lines, 2)
        if abs(a["clients"] - b["clients"]) <= AS_MANY and a["at_s"] != b["at_s"]
    ]
    return statistics.median(slopes) / MIB * 3_600 if slopes else memory_mib_per_h(lines)


@dataclass(frozen=True, slots=True)
class Growth:
    """How one life changed after its first ten minutes."""

    pid: int
    lived_s: float
    judged_s: float
    rss_first: float
    rss_last: float
    rss_mib_per_h: float
    rss_mib_per_h_at_one_load: float
    files: float
    pooled: int
    tasks: float
    left_over: int
    threads: int
    unhandled: int
    never_retrieved: int

    @property
    def is_judged(self) -> bool:
        return self.judged_s >= JUDGED_S

    def faults(self) -> list[str]:
        found = [f"{self.unhandled} unhandled"] if self.unhandled else []
        found += [f"{self.never_retrieved} never retrieved"] if self.never_retrieved else []
        if self.is_judged:
            if self.judged_s >= MEMORY_JUDGED_S and self.rss_mib_per_h_at_one_load > RSS_MIB_PER_H_MAX:
                found.append(f"memory grows by {self.rss_mib_per_h_at_one_load:.2f} MiB an hour")
            for name, drift in (("descriptors", self.files), ("tasks", self.tasks)):
                if abs(drift) > DRIFT_MAX:
                    found.append(f"{name} drift by {drift:+.1f}")
            if self.pooled > POOLED_MAX:
                found.append(f"{self.pooled} connections to servers")
            if self.left_over > ENDING_MAX:
                found.append(f"{self.left_over} tasks of connections that have ended")
            if self.threads:
                found.append(f"{self.threads} threads more or less")
        return [f"worker {self.pid}: {each}" for each in found]


def lives_in(directory: Path) -> list[list[dict]]:
    """Return the lives in the order in which they began, each a list of what its diary says."""
    lives = [lines_of(path) for path in sorted(directory.glob("life-*.jsonl"))]
    return [life for life in lives if life]


def lines_of(path: Path) -> list[dict]:
    # A worker that is killed may leave half a line.
    return [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]


def growth_of(life: list[dict], fault_times_s: list[float], end_s: float) -> Growth:
    """Judge one life by its lines before ``end_s``, when the clients leave."""
    born_s = life[0]["at_s"]
    lines = [line for line in life if line["at_s"] <= end_s]
    warm = [line for line in lines if line["at_s"] - born_s >= WARM_S]
    calm = [line for line in warm if is_calm(line["at_s"], fault_times_s)]
    lasting_s = calm[-1]["at_s"] - calm[0]["at_s"] if calm else 0.0

    def drift(count: Callable[[dict], int]) -> float:
        return slope_per_s([(line["at_s"], count(line)) for line in calm]) * lasting_s

    threads = [line["threads"] for line in calm] or [0]
    return Growth(
        pid=life[0]["pid"],
        lived_s=life[-1]["at_s"] - born_s,
        judged_s=warm[-1]["at_s"] - warm[0]["at_s"] if warm else 0.0,
        rss_first=(warm or life)[0]["rss"] / MIB,
        rss_last=(lines or life)[-1]["rss"] / MIB,
        rss_mib_per_h=memory_mib_per_h(warm),
        rss_mib_per_h_at_one_load=memory_mib_per_h_at_one_load(warm),
        files=drift(files_of),
        pooled=max(map(pooled_of, calm), default=0),
        tasks=drift(own_tasks_of),
        left_over=max(map(left_over_of, calm), default=0),
        threads=max(threads) - min(threads),
        unhandled=life[-1]["unhandled"],
        never_retrieved=life[-1]["never_retrieved"],
    )


def files_of(line: dict) -> int:
    return line["descriptors"] - line["kinds"]["socket"]


def pooled_of(line: dict) -> int:
    return line["kinds"]["socket"] - line["clients"]


def own_tasks_of(line: dict) -> int:
    """Count the tasks that belong neither to a connection nor to a topic."""
    return sum(n for name, n in line["names"].items() if name not in OF_A_CONNECTION | OF_A_FEED)


def left_over_of(line: dict) -> int:
    """Count by how many the most frequent task of a connection exceeds the connections."""
    return max(0, *(line["names"].get(name, 0) - line["clients"] for name in OF_A_CONNECTION))


def is_calm(at_s: float, fault_times_s: list[float]) -> bool:
    past = [at for at in fault_times_s if at <= at_s]
    return not past or at_s - past[-1] >= CALM_AFTER_S
