"""Two hours of use and of harm: nothing grows, nothing is lost in silence, nothing fails unannounced.

The length is SOAK_MINUTES, a fault begins every SOAK_FAULT_EVERY_S seconds, and SOAK_SHARE is the part of the
full rates that is asked. The log of the run is written to SOAK_LOG_DIR as it goes: ``minutes.jsonl``,
``minutes.md`` and the diaries of the workers; ``python -m tests.reliability.soak_report`` makes tables of it.
"""

import asyncio
import json
import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from redis.asyncio import Redis

from app_extensions.embedded import running_addresses
from tests.launcher.conftest import Service
from tests.reliability.follower import Follower, Heard
from tests.reliability.soak_faults import OF_THE_DATABASE, OF_WORKERS, Tormentor
from tests.reliability.soak_lives import lives_in
from tests.reliability.soak_load import CALM, SYMBOLS, Load, Tally
from tests.reliability.soak_report import COLUMNS, MINUTES, growths, head, row_of
from tests.reliability.test_live_faults import compare

MINUTES_LONG = float(os.environ.get("SOAK_MINUTES", "120"))
FAULT_EVERY_S = float(os.environ.get("SOAK_FAULT_EVERY_S", "60"))
SHARE = float(os.environ.get("SOAK_SHARE", "0.5"))
CLIENTS, QUESTIONS_PER_S, VISITS_PER_S, PEOPLE = 200, 50, 10, 4
TIMEFRAMES = ("1s", "5s", "15s", "1m", "5m", "15m", "30m", "1h")
TOPICS_EACH = 2
APP = Path(__file__).with_name("soaked_app.py")
START_S = 120
# The simulated market draws its history when it is first asked for it.
WARM_UP_S = 20
# What a fault may still cause after it has ended.
RECOVERY_S = 20
COMPARED_EVERY_S = 600
CALM_S = 30
# After the last client, feeds linger for ten seconds; then a worker holds what it held before the first.
EMPTY_S = 60
# The socket on which a worker waits for clients.
LISTENING = 1
# As many tasks of one kind a worker has that serves nobody.
LEFT_MAX = 5
WORKERS, WRITTEN_WITHIN_S = 2, 15
REST_LIMIT, ATTEMPTS = 5_000, 3
BARS_KEPT = 60
ANSWER_CACHE_MB = "8"


class Listener(Follower):
    """A follower that outlives what it does not understand, as a broken promise."""

    async def run(self) -> None:
        while True:
            try:
                await super().run()
            except Exception as error:  # noqa: BLE001 - two hours must not end with one client
                self._fault(f"{error!r}")
                await asyncio.sleep(1)


@dataclass
class Log:
    """The log of the run, a line for each fault, written as it goes."""

    home: Path
    load: Load
    followers: list[Listener]
    minutes: list[dict] = field(default_factory=list)
    _before: Counter = field(default_factory=Counter)
    _surprises: int = 0

    def begin(self) -> None:
        (self.home / "minutes.md").write_text("\n".join(head(COLUMNS)) + "\n")
        self._now()

    def _now(self) -> Counter:
        """Return what has been counted since the last time."""
        counted = Counter({f"kind {kind}": n for kind, n in self.load.tally.kinds.items()})
        counted.update({f"fault {a}: {b}": n for (a, b), n in self.load.tally.by_fault.items()})
        for follower in self.followers:
            counted.update({f"code {code}": n for code, n in follower.codes.items()})
            counted.update({f"count {name}": n for name, n in follower.counts.items()})
            counted["promises"] += len(follower.faults)
        new, self._before = counted - self._before, counted
        return new

    def note(self, number: int, fault: str, began_s: float) -> None:
        new, tally = self._now(), self.load.tally
        of_kind = {key[5:]: n for key, n in new.items() if key.startswith("kind ")}
        by_fault = {key[6:]: n for key, n in new.items() if key.startswith("fault ")}
        planned = sum(n for key, n in by_fault.items() if is_planned_503(key))
        visits = of_kind.pop("visits", 0)
        minute = {
            "minute": number + 1,
            "at_s": time.time(),
            "fault": fault,
            "fault_at_s": began_s,
            "questions": sum(of_kind.values()),
            "visits": visits,
            "answered": of_kind.get("answered", 0),
            "planned": planned,
            "unplanned": sum(n for kind, n in of_kind.items() if kind.startswith("5")) - planned,
            "unanswered": of_kind.get("no answer", 0),
            "broken": of_kind.get("broken off", 0),
            "refused": sum(n for kind, n in of_kind.items() if kind.startswith("4")),
            "codes": {key[5:]: n for key, n in new.items() if key.startswith("code ")},
            "counts": {key[6:]: n for key, n in new.items() if key.startswith("count ")},
            "recovered": new["count recovered"],
            "anew": new["count not recovered"] + new["count told breaks"],
            "promises": new["promises"],
            "by_fault": by_fault,
            "surprises": tally.surprises[self._surprises :],
            "workers": [
                life[-1] for life in lives_in(self.home) if time.time() - life[-1]["at_s"] < WRITTEN_WITHIN_S
            ],
            "said": [fault for follower in self.followers for fault in follower.faults][-20:],
        }
        self._surprises = len(tally.surprises)
        self.minutes.append(minute)
        with (self.home / MINUTES).open("a") as out:
            out.write(json.dumps(minute) + "\n")
        with (self.home / "minutes.md").open("a") as out:
            out.write(row_of(minute) + "\n")

    def unplanned(self) -> list[str]:
        """Return what nobody planned, of all questions."""
        found = []
        for (fault, kind), count in self.load.tally.by_fault.items():
            cut_off = kind == "broken off" and fault in OF_WORKERS
            if kind != "answered" and not cut_off and not is_planned_503(f"{fault}: {kind}"):
                found.append(f"{count} times {kind} under {fault}")
        return found


def is_planned_503(key: str) -> bool:
    fault, _, kind = key.partition(": ")
    return kind.startswith("503") and "without" not in kind and fault in OF_THE_DATABASE


async def history_of(load: Load, heard: Heard, since_ms: int) -> dict[int, tuple]:
    query = {
        "market": "simulated",
        "exchange": "simex",
        "symbol": heard.symbol,
        "timeframe": heard.timeframe,
        "since": str(since_ms),
        "limit": str(REST_LIMIT),
    }
    body = None
    for _ in range(ATTEMPTS):
        body = body or await load.ask("GET", "/market/fetch_ohlcv", params=query)
    if not body:
        return {}
    rows = body["ohlcv"][:-1] if body["last_bar_state"] == "forming" else body["ohlcv"]
    return {row[0]: tuple(row) for row in rows}


async def compare_all(load: Load, followers: list[Listener]) -> None:
    """Hold what every client has heard to what REST says, and forget what was compared."""
    by_topic: dict[str, list[tuple[Listener, Heard]]] = {}
    for follower in followers:
        for heard in follower.topics.values():
            if heard.finals:
                by_topic.setdefault(heard.name, []).append((follower, heard))
    for pairs in by_topic.values():
        answer = await history_of(load, pairs[0][1], min(min(heard.finals) for _, heard in pairs))
        if not answer:
            # It is counted among what was not answered; what was heard waits for the next comparison.
            continue
        for follower, heard in pairs:
            first_ms, newest_ms = min(heard.finals), max(answer)
            try:
                await follower.until(lambda h=heard, ms=newest_ms: h.newest_ms >= ms, CALM_S)
            except TimeoutError:
                follower._fault(f"{heard.name}: is at {heard.newest_ms}, REST at {newest_ms}")
            finals = {ms: row for ms, row in heard.finals.items() if ms <= newest_ms}
            compare(follower, heard, finals, {ms: row for ms, row in answer.items() if ms >= first_ms})
            keep_ms = newest_ms - BARS_KEPT * heard.length_ms
            heard.finals = {ms: row for ms, row in heard.finals.items() if ms >= keep_ms}
            heard.revisions = {ms: number for ms, number in heard.revisions.items() if ms >= keep_ms}


async def torment(tormentor: Tormentor, load: Load, log: Log) -> None:
    loop = asyncio.get_running_loop()
    count = int(MINUTES_LONG * 60 / FAULT_EVERY_S)
    compared_s = began_s = loop.time()
    for number in range(count):
        name, fault = tormentor.rota(number)
        fault_at_s = time.time()
        load.tally.fault = name
        await fault(number / count)
        await asyncio.sleep(min(RECOVERY_S, FAULT_EVERY_S / 2))
        load.tally.fault = CALM
        due_s = began_s + (number + 1) * FAULT_EVERY_S
        if loop.time() - compared_s >= COMPARED_EVERY_S or number == count - 1:
            # As late as can be: what the fault broke has healed.
            await asyncio.sleep(max(0.0, due_s - CALM_S / 2 - loop.time()))
            await compare_all(load, log.followers)
            compared_s = loop.time()
        await asyncio.sleep(max(0.0, due_s - loop.time()))
        log.note(number, name, fault_at_s)


async def soak(service: Service, home: Path, log_dir: Path) -> Log:
    addresses = running_addresses(home / "var")
    assert addresses is not None
    # The service lets an idle connection go after five seconds; who comes back just then would meet the end.
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=3)
    async with (
        aiohttp.ClientSession(service.url, connector=connector) as http,
        Redis.from_url(addresses.redis_url, socket_timeout=10) as redis,
        asyncio.TaskGroup() as group,
    ):
        topics = [(symbol, timeframe) for timeframe in TIMEFRAMES for symbol in SYMBOLS]
        followers = []
        for number in range(CLIENTS):
            chosen = [topics[(number * 3 + step) % len(topics)] for step in range(TOPICS_EACH)]
            followers.append(Listener(f"client {number}", http, chosen))
        load = Load(http, Tally())
        await load.move_in(PEOPLE)
        log = Log(log_dir, load, followers)
        running = [group.create_task(follower.run()) for follower in followers]
        try:
            for follower in followers:
                await follower.until(lambda f=follower: all(h.finals for h in f.topics.values()), START_S)
            running.append(group.create_task(load.keep_pace(QUESTIONS_PER_S * SHARE)))
            running.append(group.create_task(load.keep_pace(VISITS_PER_S * SHARE, visits=True)))
            await asyncio.sleep(WARM_UP_S)
            load.tally.begin()
            log.begin()
            await torment(Tormentor(service, home, redis, followers), load, log)
        finally:
            for task in running:
                task.cancel()
            await load.finish()
    return log


async def emptied(log_dir: Path) -> list[str]:
    """Return what the workers still hold when their clients have gone and their feeds have ended."""
    await asyncio.sleep(EMPTY_S)
    last = [life[-1] for life in lives_in(log_dir) if time.time() - life[-1]["at_s"] < WRITTEN_WITHIN_S]
    (log_dir / "emptied.json").write_text(json.dumps(last))
    assert len(last) == WORKERS, "a worker says nothing"
    return [
        f"worker {line['pid']} still holds {count} of {name}"
        for line in last
        for name, count in [("connections", line["clients"] - LISTENING), *line["names"].items()]
        if count > LEFT_MAX
    ]


@pytest.fixture
def log_dir(tmp_path: Path) -> Path:
    path = Path(os.environ.get("SOAK_LOG_DIR", tmp_path / "soak"))
    path.mkdir(parents=True, exist_ok=True)
    assert not list(path.glob("*.jsonl")), f"{path} holds the log of another run"
    return path


@pytest.mark.long
async def test_two_hours_of_use_and_harm_leave_nothing_behind(
    launch: Callable[..., Service], tmp_path: Path, log_dir: Path
) -> None:
    service = launch(
        APP,
        WORKERS=str(WORKERS),
        RATE_LIMIT_PER_MINUTE="1000000",
        WS_MAX_PER_ADDRESS="10000",
        REGISTRATION="open",
        ANSWER_CACHE_MB=ANSWER_CACHE_MB,
        METRICS_PORT="0",
        SOAK_DIARY_DIR=str(log_dir),
    )
    log = await soak(service, tmp_path, log_dir)
    promises = [fault for follower in log.followers for fault in follower.faults]
    grown = [fault for growth in growths(log_dir, log.minutes) for fault in growth.faults()]
    left = await emptied(log_dir)
    assert service.stop() == 0
    assert not [*promises[:20], *log.unplanned(), *grown, *left]
