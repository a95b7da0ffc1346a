"""A live socket under everything at once: commands, nonsense, broken frames, floods, and clients that vanish.

Whatever happens, the server ends a connection only with a code that says why, answers those who did nothing
wrong, writes no traceback, and keeps no memory of it.
"""

import asyncio
import contextlib
import itertools
import json
import struct
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.embedded.processes import command_of, descendants
from tests.launcher.conftest import APP, Service, beside, launch
from tests.live.raw_line import BINARY, CLOSE, CONTINUATION, NO_CODE, PING, PONG, TEXT, RawLine, frame

PATHS = (
    "/ws/subscribe?market=simulated&exchange=simex&symbols=BTC/USD&timeframe=1s",
    "/ws/subscribe?market=simulated&exchange=simex&symbols=BTC/USD&timeframe=1s&batch=true",
    "/ws?market=simulated&exchange=simex",
    "/api/v1/ws",
)
Result = TypeVar("Result")

__all__ = ["beside", "launch"]

# Each says what the client did, or that it has to come again; 1000, 1006 and 1011 say nothing.
TELLING_CODES = {1002, 1003, 1007, 1008, 1009, 1013, 3008, 4008, 4009}
LINES_MAX = 6
FLOOD = 200
STEPS = 25
EXAMPLES, EXAMPLES_LONG = 40, 400
# What one round of the same may still leave behind, when it has been done as often before.
GROWTH_MAX_KIB = 4_096

topics = st.sampled_from(
    [
        "SIMEX:BTC/USD:1S",
        "SIMEX:ETH/USD:1",
        "bars:simulated:simex:SOL/USD:5s",
        "SIMEX:NONE/USD:1",
        "nothing",
        "::",
    ]
)
symbols = st.sampled_from(["BTC/USD", "ETH/USD", "DOGE/USD", "NONE/USD", "", "x" * 100, "\x00"])
positions = st.sampled_from(
    [
        {"epoch": "1", "offset": "0-0"},
        {"epoch": "1", "offset": "9-9"},
        {"epoch": "x", "offset": "y"},
        {},
        None,
    ]
)
commands = st.one_of(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["subscribe", "unsubscribe"])},
        optional={"symbol": symbols, "symbols": st.lists(symbols, max_size=3), "timeframe": st.just("1s")}
        | {"since": positions, "topic": topics, "id": st.text(max_size=5)},
    ),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["bars.subscribe", "bars.unsubscribe"])},
        optional={"topic": topics, "topics": st.lists(topics, max_size=3)},
    ),
    st.fixed_dictionaries({"type": st.sampled_from(["ping", "resume", "preferences", ""])}),
).map(json.dumps)
nonsense = st.one_of(
    st.text(max_size=50),
    st.sampled_from(
        ["[", "{}", "null", "[]", '{"type":1}', "[" * 5_000, '{"type":"ping","type":"ping"}', "1e999"]
    ),
)
broken_frames = st.one_of(
    st.builds(frame, st.integers(3, 7), st.binary(max_size=10)),
    st.builds(frame, st.just(TEXT), st.binary(max_size=10), reserved=st.integers(1, 7)),
    st.builds(frame, st.just(TEXT), st.just(b"{}"), masked=st.just(False)),
    st.builds(frame, st.just(PING), st.just(b"x" * 126)),
    st.builds(frame, st.just(PING), st.just(b"x"), fin=st.just(False)),
    st.builds(frame, st.just(CONTINUATION), st.just(b"x")),
    st.builds(frame, st.just(TEXT), st.just(b"\xff\xfe\xc0")),
    st.builds(frame, st.just(CLOSE), st.sampled_from([b"\x00", b"\x03\xe7", b"\x03\xe8\xff"])),
    st.builds(frame, st.just(BINARY), st.binary(max_size=50)),
    st.integers(65_537, 70_000).map(lambda length: frame(TEXT, b"x" * length)),
    st.binary(min_size=2, max_size=200),
)
closing_codes = st.sampled_from([None, 1000, 1001, 1011, 3000, 4999])


class Town:
    """The server, the loop of its clients, and what has happened so far."""

    def __init__(self, service: Service, loop: asyncio.AbstractEventLoop) -> None:
        self.service = service
        self._loop = loop
        self.codes: Counter[int] = Counter()
        self.done: Counter[str] = Counter()
        self.names = itertools.count()
        (self._worker,) = (pid for pid in descendants(service.process.pid) if "--worker" in command_of(pid))

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    @property
    def resident_kib(self) -> int:
        status = Path(f"/proc/{self._worker}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])


class SocketMachine(RuleBasedStateMachine):
    """Up to six connections, each of which may be sent anything at any time."""

    town: Town
    lines = Bundle("lines")

    def __init__(self) -> None:
        super().__init__()
        self.open: set[RawLine] = set()
        # Rules may depend on this, and not on what the server has done meanwhile.
        self.held = 0
        self.stories: dict[RawLine, list[str]] = {}
        # What the server may end a line with, beside what tells: its echo of the client's own goodbye.
        self.echoes: dict[RawLine, set[int]] = {}
        self.innocent: set[RawLine] = set()

    @precondition(lambda self: self.held < LINES_MAX)
    @rule(target=lines, path=st.sampled_from(PATHS))
    def connect(self, path: str) -> RawLine:
        request = self.town.service.upgrade(path)
        line = self.town.run(RawLine.open(self.town.service.address, request))
        self.held += 1
        self.stories[line] = [path]
        self.open.add(line)
        self.innocent.add(line)
        self.echoes[line] = set()
        self.town.done["connections"] += 1
        return line

    @rule(line=lines, text=commands, cuts=st.lists(st.integers(0, 200), max_size=3))
    def command(self, line: RawLine, text: str, cuts: list[int]) -> None:
        """Send a command, whole or as fragments."""
        payload = text.encode()
        edges = [0, *sorted(min(cut, len(payload)) for cut in cuts), len(payload)]
        parts = [payload[start:end] for start, end in itertools.pairwise(edges)]
        opcodes = [TEXT] + [CONTINUATION] * (len(parts) - 1)
        data = [
            frame(opcode, part, fin=number == len(parts))
            for number, (opcode, part) in enumerate(zip(opcodes, parts, strict=True), start=1)
        ]
        self._send(line, b"".join(data), "commands")

    @rule(line=lines, text=nonsense)
    def say_nonsense(self, line: RawLine, text: str) -> None:
        self._send(line, frame(TEXT, text.encode(errors="replace")), "nonsense")

    @rule(line=lines, data=broken_frames)
    def break_the_protocol(self, line: RawLine, data: bytes) -> None:
        self._send(line, data, "broken frames")

    @rule(line=lines, opcode=st.sampled_from([PING, PONG]), payload=st.binary(max_size=125))
    def beat(self, line: RawLine, opcode: int, payload: bytes) -> None:
        guilty = line not in self.innocent
        self._send(line, frame(opcode, payload), "pings and pongs")
        if not guilty:
            self.innocent.add(line)

    @rule(line=lines, text=st.sampled_from(['{"type":"ping"}', "["]), length=st.sampled_from([0, 60_000]))
    def flood(self, line: RawLine, text: str, length: int) -> None:
        """Send the same again and again without a pause, short or as long as it may be."""
        self._send(line, frame(TEXT, text.encode().ljust(length)) * FLOOD, "floods")

    @rule(line=lines, code=closing_codes)
    def say_goodbye(self, line: RawLine, code: int | None) -> None:
        if line in self.open:
            self.echoes[line] |= {NO_CODE, 1000} if code is None else {code}
            self._send(line, frame(CLOSE, b"" if code is None else struct.pack("!H", code)), "goodbyes")

    @rule(line=consumes(lines))
    def vanish(self, line: RawLine) -> None:
        self.held -= 1
        if line in self.open:
            self.open.discard(line)
            self.town.run(line.end())
            self.town.done["cut lines"] += 1

    @rule(line=lines)
    def be_answered(self, line: RawLine) -> None:
        """Who has sent nothing wrong is answered."""
        if line in self.open and line in self.innocent:
            name = str(next(self.town.names))
            self.town.run(line.send(frame(TEXT, json.dumps({"type": "ping", "id": name}).encode())))
            self.town.run(line.until(lambda: name in line.pongs or line.code is not None))
            # Whoever subscribes to nothing is told so after a while, however polite.
            assert name in line.pongs or line.code == 3008, (line.code, self.stories[line])
            self.town.done["answers"] += 1

    @rule()
    def look_around(self) -> None:
        """Judge what has ended."""
        for line in [each for each in self.open if each.code is not None]:
            self._judge(line)

    def _send(self, line: RawLine, data: bytes, what: str) -> None:
        if line in self.open:
            self.innocent.discard(line)
            self.stories[line].append(f"{what}: {data[:40]!r}")
            self.town.run(line.send(data))
            self.town.done[what] += 1

    def _judge(self, line: RawLine) -> None:
        self.open.discard(line)
        self.town.run(line.end())
        assert line.code in TELLING_CODES | self.echoes[line], (line.code, self.stories[line])
        self.town.codes[line.code] += 1

    def teardown(self) -> None:
        """Ask for the end of every line that is left: it must come, and with a reason."""
        for line in tuple(self.open):
            self.echoes[line].add(3000)
            self.town.run(line.send(frame(CLOSE, struct.pack("!H", 3000))))
            self.town.run(line.until(lambda line=line: line.code is not None))
            self._judge(line)


@contextlib.contextmanager
def running_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Run a loop in a thread of its own: clients go on hearing while the next step is thought of."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="clients")
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def torment(town: Town, examples: int) -> None:
    machine = type("Machine", (SocketMachine,), {"town": town})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            # What a socket does depends on time as well: a shorter story of the same need not fail again.
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


def hold_a_live_socket_to_its_promises(service: Service, examples: int) -> None:
    with running_loop() as loop:
        town = Town(service, loop)
        # Twice, for memory that is given back late is no memory that is lost.
        torment(town, examples)
        torment(town, examples)
        warm_kib = town.resident_kib
        torment(town, examples)
        grown_kib = town.resident_kib - warm_kib
    print(dict(town.done), dict(town.codes), f"{grown_kib} KiB after {warm_kib} KiB")  # noqa: T201 - for -s
    assert grown_kib < GROWTH_MAX_KIB
    assert service.stop() == 0
    for word in ("Traceback", "failed"):
        before, _, after = service.complained.partition(word)
        assert word not in service.complained, before[-500:] + word + after[:4_000]


@pytest.mark.parametrize("server", ["hypercorn", "uvicorn"])
def test_whatever_comes_a_socket_ends_with_a_reason_or_goes_on(
    launch: Callable[..., Service], beside: dict[str, str], server: str
) -> None:
    service = launch(APP, SERVER=server, RATE_LIMIT_PER_MINUTE="1000000", WS_MAX_PER_ADDRESS="1000", **beside)
    hold_a_live_socket_to_its_promises(service, EXAMPLES)


@pytest.mark.long
@pytest.mark.parametrize("server", ["hypercorn", "uvicorn"])
def test_it_does_so_for_as_long_as_one_likes(
    launch: Callable[..., Service], beside: dict[str, str], server: str
) -> None:
    service = launch(APP, SERVER=server, RATE_LIMIT_PER_MINUTE="1000000", WS_MAX_PER_ADDRESS="1000", **beside)
    hold_a_live_socket_to_its_promises(service, EXAMPLES_LONG)
