"""Measure on this machine what ``scaling_model.py`` is fed with, and how near its predictions come.

The service itself is measured as ``fanout.py`` does: one worker on one core, the load on another, loopback
only. What it costs to read the logs of many topics is measured with the service's own reader.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import bcrypt
import numpy as np
from redis.asyncio import Redis

from benchmarks.fanout import Contender, load
from benchmarks.fanout_load import BAR, Heard, Plan
from benchmarks.harness import cpu_seconds
from benchmarks.scaling_model import Basis, Built, Crowd, Figures, Habits, web_core
from benchmarks.scaling_simulation import simulate
from services.live.log import LiveLog, lease_key
from services.live.log_reader import read_many
from utils.domain import Bar, BarState, Instrument, Timeframe, Topic

KEPT = Path(__file__).with_name("scaling_figures.json")
TOPICS_TRIED = (1, 100, 1_000)
READS = 300
TOKEN, WAKE = "benchmark", "live:wake:benchmark"
FEW, FEW_RATE = 10, 150.0
FLOOD_WINDOW = 64
MANY, MANY_RATE = 1_000, 5.0
CHECKED = (500, 2_000, 5_000)
CHECKED_RATE = 5.0
KNEE_LISTENERS, KNEE_RATES = 2_000, (10.0, 20.0, 40.0, 80.0)
KNEE_P99_MS = 250.0
IDLE_S = 3.0
SIGN_INS = 3
# From docs/performance.md and docs/operations.md: measured elsewhere, and not again.
FROM_DOCUMENTS = {
    "web_mib": 200.0,
    "web_s_per_cached_answer": 1 / 4_306,
    "web_s_per_stored_answer": 1 / 639,
    "feed_s_per_update": 1e-3,
    "valkey_mib_per_topic": 0.6,
    "postgres_s_per_answer": 2.2e-3,
    "answer_bytes": 24_544.0,
}


@dataclass(frozen=True)
class Log:
    """What the log costs: seconds of Valkey and of a worker."""

    append_s: float
    read_valkey: tuple[float, float]
    read_web: tuple[float, float]
    bytes_per_entry: float


@dataclass(frozen=True)
class Checked:
    """One prediction beside what was measured."""

    listeners: int
    rate: float
    predicted_core: float
    measured_core: float
    predicted_ms: tuple[float, float]
    measured_ms: tuple[float, float]


async def _valkey(redis: Redis) -> tuple[float, int]:
    processor = await redis.info("cpu")
    traffic = await redis.info("stats")
    return processor["used_cpu_user"] + processor["used_cpu_sys"], traffic["total_net_output_bytes"]


def _line(sizes: Sequence[int], seconds: Sequence[float]) -> tuple[float, float]:
    """Return what a read costs by itself and by topic: a line through the first and the last."""
    slope = (seconds[-1] - seconds[0]) / (sizes[-1] - sizes[0])
    return max(0.0, seconds[0] - slope * sizes[0]), max(0.0, slope)


async def measure_log(redis_url: str) -> Log:
    """Append to and read from logs of one topic and of many, with the service's own functions."""
    redis, blocking = Redis.from_url(redis_url), Redis.from_url(redis_url)
    log, forming = LiveLog(redis), replace(BAR, state=BarState.FORMING)
    appends, valkeys, webs, sizes = [], [], [], []
    try:
        for count in TOPICS_TRIED:
            append_s, valkey_s, web_s, size = await _measure_reads(redis, blocking, log, forming, count)
            appends.append(append_s)
            valkeys.append(valkey_s)
            webs.append(web_s)
            sizes.append(size)
    finally:
        await redis.aclose()
        await blocking.aclose()
    return Log(
        append_s=float(np.median(appends)),
        read_valkey=_line(TOPICS_TRIED, valkeys),
        read_web=_line(TOPICS_TRIED, webs),
        bytes_per_entry=float(np.median(sizes)),
    )


async def _measure_reads(
    redis: Redis, blocking: Redis, log: LiveLog, bar: Bar, count: int
) -> tuple[float, float, float, float]:
    timeframe = Timeframe.parse("1m")
    topics = [Topic(Instrument("simulated", "simex", f"C{each}/USD"), timeframe) for each in range(count)]
    for topic in topics:
        await redis.set(lease_key(topic), TOKEN, px=600_000)
        await log.append(topic, bar, token=TOKEN)
    before, mine = await _valkey(redis), time.process_time()
    for number in range(READS):
        await log.append(topics[number % count], bar, token=TOKEN)
    after, append_web_s = await _valkey(redis), time.process_time() - mine
    append_s, append_bytes = after[0] - before[0], after[1] - before[1]
    positions = {topic: (await log.position(topic)).offset for topic in topics}
    before, mine, offset, looked = await _valkey(redis), time.process_time(), "0-0", 0
    for number in range(READS):
        # A reader of few topics waits for news; one of many rests, and finds them when it comes.
        if count == 1:
            waiting = asyncio.create_task(read_many(blocking, positions, WAKE, offset, 2_000))
            looked += await _until_blocked(redis)
            await log.append(topics[number % count], bar, token=TOKEN)
            offset, entries = await waiting
        else:
            await log.append(topics[number % count], bar, token=TOKEN)
            offset, entries = await read_many(blocking, positions, WAKE, offset, 2_000)
        positions |= {entry.topic: entry.position.offset for entry in entries}
    after, web_s = await _valkey(redis), time.process_time() - mine - append_web_s
    looks = await _cost_of_looking(redis)
    web_s -= looks[1] * looked
    read_s = after[0] - before[0] - append_s - looks[0] * looked
    size = (after[1] - before[1] - append_bytes - looks[2] * looked) / READS
    return append_s / READS, max(0.0, read_s / READS), max(0.0, web_s / READS), max(0.0, size)


async def _until_blocked(redis: Redis) -> int:
    looked = 1
    await asyncio.sleep(0)
    while not (await redis.info("clients"))["blocked_clients"]:
        looked += 1
    return looked


async def _cost_of_looking(redis: Redis) -> tuple[float, float, float]:
    before, mine = await _valkey(redis), time.process_time()
    for _ in range(READS):
        await redis.info("clients")
    after = await _valkey(redis)
    return (
        (after[0] - before[0]) / READS,
        (time.process_time() - mine) / READS,
        (after[1] - before[1]) / READS,
    )


def measure_figures(contender: Contender, redis_url: str, seconds: float) -> Figures:
    """Return every figure of the model, from a running worker and from an empty Valkey."""
    log = asyncio.run(measure_log(redis_url))
    print(log, flush=True)
    plan = contender.plan
    print("One worker is measured.", flush=True)
    # The first run loads what is loaded only once.
    load(replace(plan, subscribers=FEW, seconds=1.0, rate=1.0))
    before_s = cpu_seconds(plan.pid)
    time.sleep(IDLE_S)
    idle = (cpu_seconds(plan.pid) - before_s) / IDLE_S
    before_s = cpu_seconds(plan.pid)
    many = load(replace(plan, subscribers=MANY, seconds=seconds, rate=MANY_RATE))
    connecting_s = cpu_seconds(plan.pid) - before_s
    few = load(replace(plan, subscribers=FEW, seconds=seconds, rate=FEW_RATE))
    # As fast as ten hear: many entries come with each read, and what each read costs hardly counts.
    flood = load(replace(plan, subscribers=FEW, seconds=seconds, window=FLOOD_WINDOW))
    entry_s = flood.server_cpu / (flood.per_second / FEW)
    read_s, delivery_s = _per_read_and_delivery(few, many, idle, entry_s)
    # All of the run but its updates; those of the warm-up second are as many as of a measured one.
    connecting_s -= many.server_cpu * (seconds + 1.0)
    return Figures(
        web_idle_core=idle,
        web_s_per_entry=entry_s,
        web_s_per_delivery=delivery_s,
        # With the waking of a worker that waited, which is more than the read by itself.
        web_s_per_read=max(read_s, log.read_web[0]),
        web_s_per_read_topic=log.read_web[1],
        web_s_per_connection=max(0.0, connecting_s / MANY),
        web_kib_per_connection=many.memory_kib,
        web_s_per_sign_in=_sign_in_s(),
        valkey_s_per_append=log.append_s,
        valkey_s_per_read=log.read_valkey[0],
        valkey_s_per_read_topic=log.read_valkey[1],
        valkey_bytes_per_entry=log.bytes_per_entry,
        frame_bytes=float(many.frame_bytes),
        **FROM_DOCUMENTS,
    )


def _per_read_and_delivery(few: Heard, many: Heard, idle: float, entry_s: float) -> tuple[float, float]:
    """Solve ``core = idle + rate * (read + entry + listeners * delivery)`` for two crowds."""
    left = [(few.server_cpu - idle) / FEW_RATE, (many.server_cpu - idle) / MANY_RATE]
    delivery_s = (left[1] - left[0]) / (MANY - FEW)
    return max(0.0, left[0] - entry_s - FEW * delivery_s), max(0.0, delivery_s)


def _sign_in_s() -> float:
    salt = bcrypt.gensalt(12)
    began_s = time.process_time()
    for _ in range(SIGN_INS):
        bcrypt.hashpw(b"a sentence that only I know", salt)
    return (time.process_time() - began_s) / SIGN_INS


def keep(figures: Figures) -> None:
    KEPT.write_text(json.dumps(asdict(figures), indent=2) + "\n")


def kept() -> Figures:
    return Figures(**json.loads(KEPT.read_text()))


def one_topic(listeners: int, rate: float) -> Crowd:
    """Return a crowd that is all ears for one topic, and does nothing else."""
    habits = Habits(subscriptions=1.0, hot_per_s=rate, visit_s=1e12, sign_ins_a_day=0.0, heartbeat_s=15.0)
    return Crowd(listeners, 1, habits)


def predict(figures: Figures, listeners: int, rate: float) -> tuple[float, tuple[float, float]]:
    """Return the share of its core that one worker needs for one topic, and p50 and p99 in milliseconds."""
    crowd = one_topic(listeners, rate)
    heard = simulate(crowd, 1, Basis(figures), even=True)
    return web_core(crowd, listeners, figures, Built()), (heard.p50_ms, heard.p99_ms)


def check(plan: Plan, figures: Figures, listeners: int, rate: float, seconds: float) -> Checked:
    """Return a prediction beside what one worker did."""
    core, latencies = predict(figures, listeners, rate)
    heard = load(replace(plan, subscribers=listeners, seconds=seconds, rate=rate))
    print(f"{listeners:,} listeners, {rate:g} updates a second: {heard}", flush=True)
    return Checked(listeners, rate, core, heard.server_cpu, latencies, (heard.p50_ms, heard.p99_ms))


def measure_checks(plan: Plan, figures: Figures, seconds: float) -> list[Checked]:
    return [check(plan, figures, listeners, CHECKED_RATE, seconds) for listeners in CHECKED]


def measure_knee(plan: Plan, figures: Figures, seconds: float) -> list[Checked]:
    """Return what happens at growing rates, up to the first at which deliveries are late."""
    found = []
    for rate in KNEE_RATES:
        found.append(check(plan, figures, KNEE_LISTENERS, rate, seconds))
        if found[-1].measured_ms[1] > KNEE_P99_MS:
            break
    return found
