"""How load grows with listeners, on paper: pure arithmetic over figures that were measured on one machine.

``Figures`` are measured (``scaling_measure.py``), ``Habits`` are assumed, ``Machine`` is what can be had. The
formulae stand in docs/scaling.md in the same order.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

DAY_S = 86_400.0
BUSY = 0.6
# A TCP segment of a small frame carries this much beside it: Ethernet, IP and TCP.
PACKET_BYTES = 78
READING = "core of a web worker, for reading alone"


@dataclass(frozen=True)
class Figures:
    """What one thing costs; seconds are those of one core of the machine it was measured on."""

    web_idle_core: float
    web_s_per_entry: float
    web_s_per_delivery: float
    web_s_per_read: float
    web_s_per_read_topic: float
    web_s_per_connection: float
    web_kib_per_connection: float
    web_mib: float
    web_s_per_cached_answer: float
    web_s_per_stored_answer: float
    web_s_per_sign_in: float
    feed_s_per_update: float
    valkey_s_per_append: float
    valkey_s_per_read: float
    valkey_s_per_read_topic: float
    valkey_bytes_per_entry: float
    valkey_mib_per_topic: float
    postgres_s_per_answer: float
    frame_bytes: float
    answer_bytes: float

    def __post_init__(self) -> None:
        wrong = [name for name in self.__dataclass_fields__ if not getattr(self, name) >= 0]
        if wrong:
            raise ValueError(f"below zero, or no number: {wrong}")


@dataclass(frozen=True)
class Habits:
    """What people do: assumed, and to be replaced by what your own metrics say."""

    topics_per_root: float = 3.0
    subscriptions: float = 1.5
    hot_share: float = 0.1
    hot_per_s: float = 5.0
    cold_per_s: float = 1.0
    visit_s: float = 1_200.0
    answers_a_visit: float = 3.0
    answers_not_cached: float = 0.1
    sign_ins_a_day: float = 0.15
    heartbeat_s: float = 15.0
    peak: float = 3.0


@dataclass(frozen=True)
class Built:
    """What the program and the servers allow, as they are set up."""

    rest_s_per_topic: float = 50e-6
    rest_max_s: float = 0.2
    wishes_max: int = 5_000
    postgres_connections: int = 400
    connections_per_worker: int = 10
    valkey_connections: int = 10_000
    valkey_connections_per_worker: int = 102


@dataclass(frozen=True)
class Machine:
    """A machine of a kind that can be had; all machines are alike."""

    cores: int = 8
    gib: float = 32.0
    gbit_per_s: float = 10.0
    # What one address of a balancer can open to one address and port behind it (Linux as it comes).
    ports: int = 28_232


@dataclass(frozen=True)
class Basis:
    """What a calculation rests on."""

    figures: Figures
    built: Built = Built()
    machine: Machine = Machine()
    habits: Habits = Habits()


@dataclass(frozen=True)
class Crowd:
    """People who listen, and what they listen to; the most wanted topic first."""

    listeners: float
    topics: int
    habits: Habits

    @cached_property
    def shares(self) -> np.ndarray:
        """Return each topic's share of all subscriptions: that of Zipf's law."""
        weights = 1.0 / np.arange(1, self.topics + 1)
        return weights / weights.sum()

    @cached_property
    def rates(self) -> np.ndarray:
        """Return the entries a second of each topic."""
        hot = max(1, round(self.topics * self.habits.hot_share))
        found = np.full(self.topics, self.habits.cold_per_s)
        found[:hot] = self.habits.hot_per_s
        return found

    @cached_property
    def entries_per_s(self) -> float:
        """Return the entries a second of all topics."""
        return float(self.rates.sum())

    @cached_property
    def deliveries_per_listener_s(self) -> float:
        told = self.habits.subscriptions * float(self.shares @ self.rates)
        return told + 1.0 / self.habits.heartbeat_s

    @property
    def deliveries_per_s(self) -> float:
        return self.listeners * self.deliveries_per_listener_s

    @property
    def visits_per_s(self) -> float:
        """Return how many come a second, at the busiest time."""
        return self.habits.peak * self.listeners / self.habits.visit_s

    def heard_by(self, listeners: float) -> np.ndarray:
        """Return for each topic how likely one of so many listeners has it."""
        return 1.0 - np.power(1.0 - self.shares, max(listeners, 1.0) * self.habits.subscriptions)


def crowd_of(listeners: float, habits: Habits, topics: int | None = None) -> Crowd:
    """Return so many listeners; their topics grow with the square root of their number."""
    grown = max(1, round(habits.topics_per_root * math.sqrt(listeners)))
    return Crowd(listeners, grown if topics is None else topics, habits)


@dataclass(frozen=True)
class Reading:
    """What one web worker reads of the log."""

    topics: float
    entries_per_s: float
    rest_s: float

    @property
    def reads_per_s(self) -> float:
        """Return the most: one read for each entry, but no more than rests allow."""
        return min(self.entries_per_s, 1.0 / self.rest_s) if self.rest_s > 0 else self.entries_per_s


def rest_s(built: Built, topics: float) -> float:
    return min(built.rest_max_s, built.rest_s_per_topic * topics)


def reading_of(crowd: Crowd, listeners: float, built: Built) -> Reading:
    heard = crowd.heard_by(listeners)
    topics = float(heard.sum())
    return Reading(topics, float(heard @ crowd.rates), rest_s(built, topics))


def web_core(crowd: Crowd, listeners: float, figures: Figures, built: Built) -> float:
    """Return how much of its core a web worker with so many listeners needs."""
    habits, reading = crowd.habits, reading_of(crowd, listeners, built)
    visits = crowd.visits_per_s * listeners / crowd.listeners
    cached, stored = 1.0 - habits.answers_not_cached, habits.answers_not_cached
    answer = cached * figures.web_s_per_cached_answer + stored * figures.web_s_per_stored_answer
    sign_ins = habits.peak * habits.sign_ins_a_day * listeners / DAY_S
    read = figures.web_s_per_read + figures.web_s_per_read_topic * reading.topics
    return (
        figures.web_idle_core
        + reading.reads_per_s * read
        + reading.entries_per_s * figures.web_s_per_entry
        + listeners * crowd.deliveries_per_listener_s * figures.web_s_per_delivery
        + visits * (figures.web_s_per_connection + habits.answers_a_visit * answer)
        + sign_ins * figures.web_s_per_sign_in
    )


def web_workers(crowd: Crowd, basis: Basis) -> int:
    """Return the fewest web workers that are busy to ``BUSY`` at most and fit into memory; 0 for none."""
    figures, built, machine = basis.figures, basis.built, basis.machine
    kib_a_core = machine.gib / machine.cores * BUSY * 1_048_576
    by_memory = (kib_a_core - figures.web_mib * 1_024) / figures.web_kib_per_connection
    low, high = 0.0, min(crowd.listeners, max(by_memory, 1.0))
    if web_core(crowd, 1.0, figures, built) > BUSY:
        return 0
    if web_core(crowd, high, figures, built) > BUSY:
        for _ in range(50):
            middle = (low + high) / 2
            low, high = (middle, high) if web_core(crowd, middle, figures, built) <= BUSY else (low, middle)
        high = low
    return math.ceil(crowd.listeners / max(high, 1.0))


@dataclass(frozen=True)
class Need:
    """How much of something that there is one of; ``has`` is what it has at most."""

    name: str
    needs: float
    has: float
    unit: str

    @property
    def share(self) -> float:
        return self.needs / self.has


def needs(crowd: Crowd, workers: int, basis: Basis) -> list[Need]:
    """Return what one deployment asks of everything of which it has only one."""
    figures, built, machine = basis.figures, basis.built, basis.machine
    habits, reading = crowd.habits, reading_of(crowd, crowd.listeners / workers, built)
    read = figures.valkey_s_per_read + figures.valkey_s_per_read_topic * reading.topics
    valkey = workers * reading.reads_per_s * read + crowd.entries_per_s * figures.valkey_s_per_append
    out_bytes = workers * reading.entries_per_s * figures.valkey_bytes_per_entry
    kept_gib = crowd.topics * figures.valkey_mib_per_topic / 1_024
    stored = crowd.visits_per_s * habits.answers_a_visit * habits.answers_not_cached
    to_valkey = workers * built.valkey_connections_per_worker
    to_postgres = workers * built.connections_per_worker
    return [
        Need("core of Valkey", valkey, BUSY, "cores"),
        Need("network of Valkey", out_bytes * 8e-9, machine.gbit_per_s * BUSY, "Gbit/s"),
        Need("memory of Valkey", kept_gib, machine.gib * BUSY, "GiB"),
        Need("connections to Valkey", to_valkey, built.valkey_connections, "connections"),
        Need("cores of PostgreSQL", stored * figures.postgres_s_per_answer, machine.cores * BUSY, "cores"),
        Need("connections to PostgreSQL", to_postgres, built.postgres_connections, "connections"),
        Need("topics wished for", crowd.topics, built.wishes_max, "topics"),
    ]


def needs_of(crowd: Crowd, basis: Basis) -> tuple[int, list[Need]]:
    """Return the web workers and the needs; without workers that can do it, one need that cannot be met."""
    workers = web_workers(crowd, basis)
    if not workers:
        return 0, [Need(READING, math.inf, BUSY, "cores")]
    return workers, needs(crowd, workers, basis)


def breaks_at(name: str, basis: Basis) -> float:
    """Return about how many listeners are too many for one thing of one deployment.

    Infinite above 1e9, and for what would be enough as long as workers can read what they have to.
    """

    def too_many(listeners: float) -> bool:
        workers, found = needs_of(crowd_of(listeners, basis.habits), basis)
        return not workers or any(need.share > 1 for need in found if need.name == name)

    at = first_where(too_many)
    reads = math.isinf(at) or web_workers(crowd_of(at, basis.habits), basis) > 0
    return at if reads or name == READING else math.inf


def first_where(holds: Callable[[float], bool], low: float = 1.0, high: float = 1e9) -> float:
    """Return the least number for which something holds that holds for all above; infinite where none."""
    if not holds(high):
        return math.inf
    while high / low > 1.01:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


@dataclass(frozen=True)
class Cell:
    """One deployment that knows nothing of others: who it carries, by how many, and what is fullest."""

    crowd: Crowd
    web_workers: int
    needs: Mapping[str, Need]

    @property
    def fullest(self) -> Need:
        return max(self.needs.values(), key=lambda need: need.share)


@dataclass(frozen=True)
class Deployment:
    """How many of what carry a crowd, in how many cells."""

    listeners: float
    cells: int
    web_workers: int
    feed_cores: int
    valkey_cores: int
    postgres_cores: int
    machines: Mapping[str, int]
    gib: float
    gbit_per_s: float
    fullest: Need

    @property
    def cores(self) -> int:
        """Return the cores that are reserved; spare ones of machines are left out."""
        return self.web_workers + self.feed_cores + self.valkey_cores + self.postgres_cores


def cell_of(listeners: float, topics: int, basis: Basis) -> Cell:
    crowd = crowd_of(listeners, basis.habits, topics)
    workers, found = needs_of(crowd, basis)
    return Cell(crowd, workers, {need.name: need for need in found})


def deploy(listeners: float, basis: Basis, cells_max: int = 4_096) -> Deployment:
    """Return the deployment with the fewest cells in which nothing is asked for more than it has.

    Listeners and topics are shared out evenly among the cells.
    """
    whole = crowd_of(listeners, basis.habits)
    for cells in range(1, cells_max + 1):
        cell = cell_of(listeners / cells, max(1, math.ceil(whole.topics / cells)), basis)
        if cell.fullest.share <= 1:
            return _deployed(whole, cells, cell, basis)
    raise ValueError(f"{cells_max} cells are not enough for {listeners:,.0f} listeners")


def _deployed(whole: Crowd, cells: int, cell: Cell, basis: Basis) -> Deployment:
    figures, machine = basis.figures, basis.machine
    feeds = max(1, math.ceil(cell.crowd.entries_per_s * figures.feed_s_per_update / BUSY))
    queries = max(1, math.ceil(cell.needs["cores of PostgreSQL"].needs / BUSY))
    by_network = network_gbit(cell.crowd, figures) / (machine.gbit_per_s * BUSY)
    web = math.ceil(max(cell.web_workers / machine.cores, by_network))
    # One more of each than is needed, so that one may be lost.
    machines = {
        "web": cells * (web + 1),
        "feed": cells * (math.ceil(feeds / machine.cores) + 1),
        "Valkey": cells * 2,
        "PostgreSQL": cells * 2,
        "balancer": 1 + balancers(whole, cells * web, figures, machine),
    }
    kib = cell.web_workers * figures.web_mib * 1_024 + cell.crowd.listeners * figures.web_kib_per_connection
    return Deployment(
        listeners=whole.listeners,
        cells=cells,
        web_workers=cells * cell.web_workers,
        feed_cores=cells * feeds,
        valkey_cores=cells,
        postgres_cores=cells * queries,
        machines=machines,
        gib=cells * (kib / 1_048_576 + 2 * cell.needs["memory of Valkey"].needs),
        gbit_per_s=network_gbit(whole, figures),
        fullest=cell.fullest,
    )


def balancers(crowd: Crowd, web_machines: int, figures: Figures, machine: Machine) -> int:
    """Return how many are needed: each opens so many connections to one machine, and carries so much."""
    by_ports = crowd.listeners / web_machines / machine.ports
    by_network = network_gbit(crowd, figures) / (machine.gbit_per_s * BUSY)
    return math.ceil(max(by_ports, by_network))


def network_gbit(crowd: Crowd, figures: Figures) -> float:
    """Return what goes out to listeners: each delivery in a packet of its own, and answers."""
    live = crowd.deliveries_per_s * (figures.frame_bytes + PACKET_BYTES)
    answers = crowd.visits_per_s * crowd.habits.answers_a_visit * figures.answer_bytes
    return (live + answers) * 8e-9


@dataclass(frozen=True)
class Prices:
    """What a month costs, in any currency: there are no prices of anybody in here."""

    core: float
    gib: float
    gbit_per_s: float

    def month(self, deployment: Deployment) -> float:
        return (
            deployment.cores * self.core + deployment.gib * self.gib + deployment.gbit_per_s * self.gbit_per_s
        )


def without_rest(basis: Basis) -> Basis:
    """Return the same with readers that never rest."""
    return replace(basis, built=replace(basis.built, rest_s_per_topic=0.0))
