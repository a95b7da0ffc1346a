"""Two ways to one client, straight and by the mailbox: what arrives is one log, in order, without a hole."""

import asyncio
import json
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from blueprints.formats.ws_native import NATIVE
from middleware.live_telling import Telling
from services.live.log import LogEntry, Position
from services.live.messages import Snapshot, Subscribed, Update
from services.live.session import LiveParts, LiveSession
from services.live.subscription import Subscription
from utils.clock import Clock
from utils.domain import Bar, BarState, Instrument, Timeframe, Topic

TOPIC = Topic(Instrument("simulated", "simex", "BTC/USD"), Timeframe.parse("1m"))
START = Position("1", "1-0")
EPOCH_MS = 1_800_000_000_000
DEADLINE_S = 5


@dataclass
class Line:
    """The writing end of a connection: takes frames at once, or not, and keeps what it was given."""

    takes: bool = True
    frames: list[bytes] = field(default_factory=list)

    def send_now(self, frames: bytes) -> bool:
        if self.takes:
            self.frames.append(frames[2:] if frames[1] < 126 else frames[4:])
        return self.takes


class Both:
    """A connection whose writer takes a turn only when told to, and a log that grows by closes."""

    def __init__(self) -> None:
        self.line = Line()
        parts: Any = None
        self.session = LiveSession(LiveParts(parts, parts, parts, parts, 5))
        self.telling = Telling(self.session, NATIVE.encode, Clock())
        self.subscription = Subscription(TOPIC, TOPIC.text, self.session.mailbox)
        self.subscription.begin(START, None)
        self.count = 0
        self.reader: asyncio.Task[Any] | None = None

    async def begin(self) -> None:
        self.session.mailbox.put(Subscribed(TOPIC, START, recovered=False, name=TOPIC.text))
        self.session.mailbox.put(Snapshot(TOPIC, START, ()))
        await self.write()
        self.line.frames.clear()
        self.session.mailbox.straight = partial(self.telling.tell_straight, self.line.send_now)

    def deliver(self, count: int) -> None:
        updates = [Update(LogEntry(TOPIC, *self.next_close())) for _ in range(count)]
        self.subscription.deliver(updates)

    def next_close(self) -> tuple[Position, Bar]:
        self.count += 1
        bar = Bar(EPOCH_MS + self.count * 60_000, 1.0, 2.0, 0.5, 1.5, 3.0, BarState.CLOSED)
        return Position("1", f"{self.count + 1}-0"), bar

    async def wait(self) -> None:
        """Let the writer wait for news, as it does whenever everything is written."""
        if self.reader is None:
            self.reader = asyncio.create_task(self.session.mailbox.take())
        await asyncio.sleep(0)

    async def write(self) -> None:
        """Let the writer write what is due, if anything is."""
        await self.wait()
        assert self.reader is not None
        await asyncio.sleep(0)
        if self.reader.done():
            self.line.frames += await self.telling.texts(self.reader.result())
            self.reader = None

    async def end(self) -> None:
        """Let the writer write until nothing is due any more."""
        await self.write()
        while self.reader is None or self.reader.done():
            await self.write()
        self.reader.cancel()
        await asyncio.wait([self.reader], timeout=DEADLINE_S)


STEPS = st.lists(st.sampled_from(["one", "three", "wait", "write", "takes", "refuses"]), max_size=40)


@given(STEPS)
async def test_whichever_way_each_went_the_log_arrives_whole_and_numbered(steps: list[str]) -> None:
    both = Both()
    await both.begin()
    for step in steps:
        match step:
            case "one" | "three":
                both.deliver(1 if step == "one" else 3)
            case "wait":
                await both.wait()
            case "write":
                await both.write()
            case "takes" | "refuses":
                both.line.takes = step == "takes"
    await both.end()
    heard = [json.loads(frame) for frame in both.line.frames]
    assert [each["offset"] for each in heard] == [f"{number + 2}-0" for number in range(both.count)]
    assert [each["sequence"] for each in heard] == list(range(1, both.count + 1))


async def test_a_client_that_has_read_everything_is_told_without_its_writer() -> None:
    both = Both()
    await both.begin()
    await both.wait()
    both.deliver(1)
    assert len(both.line.frames) == 1
    both.line.takes = False
    both.deliver(1)
    assert len(both.line.frames) == 1
    await both.end()
    assert len(both.line.frames) == 2
