"""The subscribers and the publisher of the fan-out benchmark: one process on the core for load.

``python benchmarks/fanout_load.py JSON`` with the fields of ``Plan``; it prints a ``Heard`` as JSON.

The client is made to cost little, so that it is not what is measured: a bare asyncio protocol that counts, in
whatever bytes arrive, the words that each update holds exactly once. Since every update reaches every
subscriber once and in order, how many a subscriber has heard says which: the time of each delivery follows.
"""

import asyncio
import json
import resource
import socket
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import uvloop
from redis.asyncio import Redis

from benchmarks.harness import cpu_seconds
from blueprints.formats.ws_native import NATIVE
from services.live.dialect import Told
from services.live.log import LiveLog, LogEntry, Position, lease_key
from services.live.messages import Update
from utils.domain import Bar, BarSource, BarState, Instrument, Timeframe, Topic

MARK = b'"state":"closed"'
TOPIC = Topic(Instrument("simulated", "simex", "BTC/USD"), Timeframe.parse("1m"))
FIRST_OPEN_MS = 1_800_000_000_000
BAR = Bar(FIRST_OPEN_MS, 76950.25, 76970.5, 76930.0, 76960.75, 0.125, BarState.CLOSED, 0, BarSource.SIMULATED)
PEER_STREAM = "fanout"
CONNECTING_AT_ONCE = 50
CONNECT_TIMEOUT_S = 180.0
WARM_UP_S = 1.0
DELIVERY_TIMEOUT_S = 30.0
STALLED_CHECK_S = 0.5
SETTLE_S = 3.0
LEASE_MS = 600_000
TOKEN = "benchmark"
TCP_ESTABLISHED = 1


@dataclass(frozen=True)
class Plan:
    """What is to be done with one server.

    ``window`` is how many updates may be on their way to the average subscriber: one that is saturated. With
    ``rate`` they come evenly, and nobody waits for anybody.
    """

    url: str
    pid: int
    redis_url: str
    ours: bool
    subscribers: int
    seconds: float
    window: int = 0
    rate: float = 0.0
    stalled: int = 0


@dataclass(frozen=True)
class Heard:
    """What came of it; ``delivered`` counts updates times subscribers."""

    delivered: int
    per_second: float
    server_cpu: float
    load_cpu: float
    p50_ms: float
    p99_ms: float
    worst_ms: float
    frame_bytes: int
    memory_kib: float


class Subscriber(asyncio.Protocol):
    """One connection that counts what it hears."""

    def __init__(self, crowd: "Crowd") -> None:
        self.heard = 0
        self.arrivals: list[tuple[float, int]] = []
        self._crowd = crowd
        self._tail = b""
        self.ready = asyncio.get_running_loop().create_future()
        self.ready_at = b'"type":"snapshot"' if crowd.plan.ours else b"\r\n\r\n"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        transport.write(self._crowd.request)

    def data_received(self, data: bytes) -> None:
        whole = self._tail + data
        self._tail = whole[1 - len(MARK) :]
        if self.ready is not None:
            if not self.ready.done() and self.ready_at in whole:
                self.ready.set_result(None)
            elif not whole.startswith(b"HTTP/1.1 101") and b"HTTP/1.1" in whole:
                self.ready.set_exception(ConnectionError(f"refused: {whole!r}"))
            return
        found = whole.count(MARK)
        if found:
            self.heard += found
            self.arrivals.append((time.monotonic(), self.heard))
            crowd = self._crowd
            crowd.total += found
            if crowd.total >= crowd.awaited:
                crowd.room.set()

    def connection_lost(self, error: Exception | None) -> None:
        if self.ready is not None and not self.ready.done():
            self.ready.set_exception(ConnectionError(f"refused: {self._tail!r} {error}"))
        if not self._crowd.leaving:
            self._crowd.lost += 1
            self._crowd.room.set()


class Crowd:
    """All subscribers of one server."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        parts = urlsplit(plan.url)
        self.address = (parts.hostname, parts.port)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        self.request = (
            f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        ).encode()
        self.members: list[Subscriber] = []
        self.total = 0
        self.awaited = 0
        self.lost = 0
        self.leaving = False
        self.room = asyncio.Event()

    async def gather(self) -> None:
        """Connect everybody and wait until each is subscribed; from then on they count."""
        gate = asyncio.Semaphore(CONNECTING_AT_ONCE)

        async def come() -> None:
            async with gate:
                loop = asyncio.get_running_loop()
                _, member = await loop.create_connection(lambda: Subscriber(self), *self.address)
                self.members.append(member)
                await member.ready

        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await asyncio.gather(*(come() for _ in range(self.plan.subscribers)))
        await asyncio.sleep(0.5)
        for member in self.members:
            member.ready = None

    def leave(self) -> None:
        self.leaving = True
        for member in self.members:
            member.transport.abort()

    async def until(self, total: int, timeout_s: float) -> None:
        """Wait until this many updates were delivered."""
        async with asyncio.timeout(timeout_s):
            while self.total < total:
                if self.lost:
                    raise SystemExit(f"{self.plan.url} cut {self.lost} healthy subscribers.")
                self.awaited = total
                self.room.clear()
                await self.room.wait()


class Publisher:
    """Write updates into the log of the topic, as the holder of its lease does; for peers, into a stream."""

    def __init__(self, plan: Plan, redis: Redis) -> None:
        self._ours = plan.ours
        self._redis = redis
        self._log = LiveLog(redis)
        self.sent_s: list[float] = []

    async def prepare(self) -> None:
        if self._ours:
            # Whoever holds the lease is the feed: no worker starts one of its own.
            await self._redis.set(lease_key(TOPIC), TOKEN, px=LEASE_MS)
            # A topic whose log is empty is waited for by whoever subscribes.
            await self._log.append(TOPIC, BAR, token=TOKEN)

    async def publish(self) -> None:
        number = len(self.sent_s)
        bar = replace(BAR, open_time_ms=FIRST_OPEN_MS + number * 60_000)
        self.sent_s.append(time.monotonic())
        if self._ours:
            await self._log.append(TOPIC, bar, token=TOKEN)
        else:
            await self._redis.xadd(PEER_STREAM, {"d": frame(bar, number)}, maxlen=4_096)


def frame(bar: Bar, number: int) -> bytes:
    """Return an update as the product words it."""
    entry = LogEntry(TOPIC, Position("1795267990287925", "1795268005057-0"), bar)
    told = Told(0, TOPIC.text, number, 0)
    return NATIVE.encode(Update(entry), told)


async def saturate(crowd: Crowd, publisher: Publisher, seconds: float) -> None:
    """Publish as fast as the average subscriber hears, with a window of updates on their way."""
    ends_s = time.monotonic() + seconds
    members, window = len(crowd.members), crowd.plan.window
    while time.monotonic() < ends_s:
        due = len(publisher.sent_s) - window + 1
        if due > 0:
            await crowd.until(due * members, DELIVERY_TIMEOUT_S)
        await publisher.publish()


async def pace(publisher: Publisher, seconds: float, rate: float) -> None:
    """Publish evenly, whether anybody hears it or not."""
    loop = asyncio.get_running_loop()
    began_s, count = loop.time(), max(1, round(seconds * rate))
    for number in range(count):
        await asyncio.sleep(began_s + number / rate - loop.time())
        await publisher.publish()
    await asyncio.sleep(began_s + count / rate - loop.time())


class Stalled:
    """Subscribers that never read after they have subscribed; one that was cut off comes again."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._sockets: list[socket.socket] = []

    async def keep(self) -> None:
        try:
            while True:
                still = [each for each in self._sockets if is_open(each)]
                for each in set(self._sockets) - set(still):
                    each.close()
                self._sockets = still + [self._come() for _ in range(self._crowd.plan.stalled - len(still))]
                await asyncio.sleep(STALLED_CHECK_S)
        finally:
            for each in self._sockets:
                each.close()

    def _come(self) -> socket.socket:
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        made.connect(self._crowd.address)
        made.sendall(self._crowd.request)
        return made


def is_open(connection: socket.socket) -> bool:
    """Tell whether the other side has not ended the connection, without reading from it."""
    state = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    return state == TCP_ESTABLISHED


def latencies_ms(crowd: Crowd, publisher: Publisher, first: int, end: int) -> np.ndarray:
    """Return how long each delivery of the updates from ``first`` up to ``end`` took."""
    sent = np.array(publisher.sent_s[first:end])
    taken = []
    for member in crowd.members:
        times, counts = (np.array(column) for column in zip(*member.arrivals, strict=True))
        taken.append(times[np.searchsorted(counts, np.arange(first, end), side="right")] - sent)
    return np.concatenate(taken) * 1_000


def resident_kib(pid: int) -> int:
    """Return the resident memory of a server: the process or, of a launcher, its worker."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    status = Path(f"/proc/{children[0] if children else pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


async def run(plan: Plan) -> Heard:
    redis = Redis.from_url(plan.redis_url, socket_timeout=DELIVERY_TIMEOUT_S)
    publisher = Publisher(plan, redis)
    await publisher.prepare()
    if plan.ours:
        await settle(plan)
    before_kib = resident_kib(plan.pid)
    crowd = Crowd(plan)
    stalling = asyncio.create_task(Stalled(crowd).keep()) if plan.stalled else None
    try:
        await crowd.gather()
        memory_kib = (resident_kib(plan.pid) - before_kib) / plan.subscribers
        await put(crowd, publisher, min(WARM_UP_S, plan.seconds))
        first, cpu_s, mine_s = len(publisher.sent_s), cpu_seconds(plan.pid), time.process_time()
        began_s, began = time.monotonic(), crowd.total
        await put(crowd, publisher, plan.seconds)
        elapsed_s, delivered = time.monotonic() - began_s, crowd.total - began
        cpu_s, mine_s = cpu_seconds(plan.pid) - cpu_s, time.process_time() - mine_s
        end = len(publisher.sent_s)
        await crowd.until(end * plan.subscribers, DELIVERY_TIMEOUT_S)
        wrong = {member.heard for member in crowd.members} - {end}
        if wrong:
            raise SystemExit(f"{plan.url}: of {end} updates some heard {wrong}.")
    finally:
        crowd.leave()
        if stalling is not None:
            stalling.cancel()
            await asyncio.wait([stalling])
        await redis.aclose()
    taken_ms = latencies_ms(crowd, publisher, first, end)
    p50_ms, p99_ms = np.percentile(taken_ms, [50, 99])
    return Heard(
        delivered=delivered,
        per_second=delivered / elapsed_s,
        server_cpu=cpu_s / elapsed_s,
        load_cpu=mine_s / elapsed_s,
        p50_ms=float(p50_ms),
        p99_ms=float(p99_ms),
        worst_ms=float(taken_ms.max()),
        frame_bytes=len(frame(BAR, end)),
        memory_kib=memory_kib,
    )


async def settle(plan: Plan) -> None:
    """Have the server load what it loads only when it is first needed: that is no memory of a connection."""
    first = Crowd(replace(plan, subscribers=CONNECTING_AT_ONCE))
    await first.gather()
    first.leave()
    # The catalogue imports ccxt behind its first answer.
    await asyncio.sleep(SETTLE_S)


async def put(crowd: Crowd, publisher: Publisher, seconds: float) -> None:
    if crowd.plan.window:
        await saturate(crowd, publisher, seconds)
    else:
        await pace(publisher, seconds, crowd.plan.rate)


def main() -> None:
    plan = Plan(**json.loads(sys.argv[1]))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(asdict(runner.run(run(plan)))))


if __name__ == "__main__":
    main()
