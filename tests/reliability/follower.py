"""A client of the live stream that believes nothing: it counts, compares and notes every broken promise.

It shares no code with the service. Its rules: within a connection a topic's sequence is 1, 2, 3 … or begins
anew after a snapshot or a resync; offsets only rise; no final bar is said twice; nothing is missing between
two positions unless ``recovered: false`` or ``resync`` said so, and then REST is asked for what lies between.
"""

import asyncio
import json
import random
from collections import Counter
from dataclasses import dataclass, field

import aiohttp

from tests.live_contract import faults_of

SECONDS = {"s": 1, "m": 60, "h": 3_600}
SILENCE_S = 30
# What a client may meet whose worker is killed, whose line is cut, or whose server drains.
EXPECTED_CODES = {1006, 1012, 1013, 4008}


@dataclass
class Heard:
    """What a client knows of one topic."""

    symbol: str
    timeframe: str
    epoch: str | None = None
    offset: str | None = None
    sequence: int = 0
    # Between a message that says so and the snapshot that follows, no bar may come.
    awaits_snapshot: bool = False
    subscribed: bool = False
    finals: dict[int, tuple] = field(default_factory=dict)
    revisions: dict[int, int] = field(default_factory=dict)
    # Final bars said on this connection, to find doubles.
    said: set[tuple[int, int]] = field(default_factory=set)
    # Ranges that the server said it cannot vouch for: REST may fill them.
    told_holes: list[list[int]] = field(default_factory=list)
    hole_open: bool = False

    @property
    def name(self) -> str:
        return f"bars:simulated:simex:{self.symbol}:{self.timeframe}"

    @property
    def length_ms(self) -> int:
        return int(self.timeframe[:-1]) * SECONDS[self.timeframe[-1]] * 1_000

    @property
    def newest_ms(self) -> int:
        return max(self.finals, default=0)


def order_of(offset: str) -> tuple[int, ...]:
    return tuple(int(part) for part in offset.split("-"))


def row_of(bar: dict) -> tuple:
    return tuple(bar[key] for key in ("open_time_ms", "open", "high", "low", "close", "volume"))


class Follower:
    """Hold one connection, come back whenever it ends, and resume every topic."""

    def __init__(self, name: str, session: aiohttp.ClientSession, topics: list[tuple[str, str]]) -> None:
        self.name = name
        self.topics = {heard.name: heard for heard in (Heard(*each) for each in topics)}
        self.faults: list[str] = []
        self.codes: Counter[int | None] = Counter()
        self.counts: Counter[str] = Counter()
        self._session = session
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._changed = asyncio.Condition()

    def cut(self) -> None:
        """Cut the line without a goodbye."""
        if self._socket is not None and self._socket._response.connection is not None:
            self._socket._response.connection.transport.abort()

    async def until(self, condition, deadline_s: float) -> None:
        async with asyncio.timeout(deadline_s), self._changed:
            await self._changed.wait_for(condition)

    async def run(self) -> None:
        while True:
            try:
                await self._converse()
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                self.counts[f"could not connect: {type(error).__name__}"] += 1
            await asyncio.sleep(random.uniform(0.05, 0.5))

    async def _converse(self) -> None:
        first, *others = self.topics.values()
        for heard in self.topics.values():
            heard.subscribed, heard.awaits_snapshot, heard.said = False, False, set()
        query = {"market": "simulated", "symbols": first.symbol, "timeframe": first.timeframe}
        if first.offset is not None:
            query["since"] = f"{first.epoch},{first.offset}"
        self.counts["connections"] += 1
        async with self._session.ws_connect("/ws/subscribe", params=query) as socket:
            self._socket = socket
            for heard in others:
                await self._ask(heard)
            asking = asyncio.create_task(self._ask_again())
            try:
                await self._listen(socket)
            finally:
                asking.cancel()
                await asyncio.wait([asking])
        code = socket.close_code
        self.codes[code] += 1
        if code not in EXPECTED_CODES:
            self._fault(f"closed with {code}")

    async def _ask(self, heard: Heard) -> None:
        command = {"type": "subscribe", "symbol": heard.symbol, "timeframe": heard.timeframe}
        if heard.offset is not None:
            command["since"] = {"epoch": heard.epoch, "offset": heard.offset}
        await self._socket.send_str(json.dumps(command))

    async def _ask_again(self) -> None:
        # A subscription that failed for want of the log is asked for again, as the error says.
        try:
            while True:
                await asyncio.sleep(2)
                for heard in self.topics.values():
                    if not heard.subscribed:
                        await self._ask(heard)
        except (aiohttp.ClientError, OSError):
            return

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            frame = await socket.receive(timeout=SILENCE_S)
            if frame.type is not aiohttp.WSMsgType.TEXT:
                return
            message = json.loads(frame.data)
            assert not faults_of("/ws/subscribe", message)
            self.counts[message["type"]] += 1
            heard = self.topics.get(message.get("topic", ""))
            if heard is not None:
                self._take(heard, message)
            elif message["type"] == "error":
                self.counts[f"error {message['code']}"] += 1
            async with self._changed:
                self._changed.notify_all()

    def _take(self, heard: Heard, message: dict) -> None:
        kind = message["type"]
        if kind == "subscribed":
            self._take_subscribed(heard, message)
        elif kind == "snapshot":
            self._take_snapshot(heard, message)
        elif kind == "resync":
            self.counts["told breaks"] += 1
            self._tell_hole(heard)
            heard.awaits_snapshot = True
        elif kind in ("bar", "status"):
            self._take_update(heard, message)
        elif kind != "error":
            self._fault(f"{heard.name}: unexpected {kind}")

    def _take_subscribed(self, heard: Heard, message: dict) -> None:
        if heard.subscribed:
            self._fault(f"{heard.name}: subscribed twice")
        heard.subscribed, heard.sequence = True, 0
        if message["recovered"]:
            self.counts["recovered"] += 1
            if (message["epoch"], message["offset"]) != (heard.epoch, heard.offset):
                self._fault(f"{heard.name}: recovered from another position than asked")
            return
        if heard.offset is not None:
            self.counts["not recovered"] += 1
        self._tell_hole(heard)
        heard.awaits_snapshot = True

    def _tell_hole(self, heard: Heard) -> None:
        if heard.finals and not heard.hole_open:
            heard.told_holes.append([heard.newest_ms + heard.length_ms, 0])
            heard.hole_open = True

    def _take_snapshot(self, heard: Heard, message: dict) -> None:
        if not heard.awaits_snapshot:
            self._fault(f"{heard.name}: a snapshot that nothing announced")
        heard.awaits_snapshot, heard.sequence = False, 0
        heard.epoch, heard.offset = message["epoch"], message["offset"]
        heard.said.clear()
        opens = [bar["open_time_ms"] for bar in message["bars"]]
        if opens != sorted(set(opens)):
            self._fault(f"{heard.name}: snapshot out of order {opens}")
        for bar in message["bars"]:
            if bar["state"] != "forming":
                self._keep(heard, bar)

    def _take_update(self, heard: Heard, message: dict) -> None:
        if not heard.subscribed or heard.awaits_snapshot:
            self._fault(f"{heard.name}: {message['type']} before its snapshot")
        heard.sequence += 1
        if message["sequence"] != heard.sequence:
            self._fault(f"{heard.name}: sequence {message['sequence']} where {heard.sequence} was due")
        before, now = order_of(heard.offset), order_of(message["offset"])
        # A status of the worker itself is no entry of the log and stays at its position.
        if now < before or (now == before and message["type"] == "bar"):
            self._fault(f"{heard.name}: offset {message['offset']} after {heard.offset}")
        heard.offset = message["offset"]
        if message["type"] == "status":
            self.counts[f"status {message['state']}"] += 1
        else:
            self._take_bar(heard, message["bar"])

    def _take_bar(self, heard: Heard, bar: dict) -> None:
        open_ms = bar["open_time_ms"]
        if bar["state"] == "forming":
            if open_ms in heard.finals:
                self._fault(f"{heard.name}: {open_ms} forms after it closed")
            return
        if (open_ms, bar["revision"]) in heard.said:
            self._fault(f"{heard.name}: {open_ms} revision {bar['revision']} said twice")
        heard.said.add((open_ms, bar["revision"]))
        if bar["state"] == "closed" and open_ms < heard.newest_ms and open_ms not in heard.finals:
            self._fault(f"{heard.name}: {open_ms} closed after {heard.newest_ms}")
        self._keep(heard, bar)

    def _keep(self, heard: Heard, bar: dict) -> None:
        open_ms, revision = bar["open_time_ms"], bar["revision"]
        if revision < heard.revisions.get(open_ms, 0):
            self._fault(f"{heard.name}: {open_ms} fell back to revision {revision}")
        heard.revisions[open_ms], heard.finals[open_ms] = revision, row_of(bar)
        if heard.hole_open:
            heard.told_holes[-1][1] = open_ms
            heard.hole_open = False

    def _fault(self, text: str) -> None:
        self.faults.append(f"{self.name}: {text}")
