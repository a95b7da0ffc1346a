"""The live log on a Redis Cluster: the keys of a topic live together, and each topic's log works there.

That is not the service on a cluster: docs/scaling.md says what is missing.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.exceptions import RedisClusterException, RedisError

from app_extensions.embedded_valkey import valkey_server
from services.key_lease import KeyLease
from services.live.log import (
    EMPTY_OFFSET,
    LiveLog,
    epoch_key,
    finals_key,
    lease_key,
    status_key,
    stream_key,
)
from services.live.log_reader import read_many
from tests.one_slot import ManySlots, slots_of
from utils.domain import HOUR_MS, Bar, BarSource, BarState, Instrument, Timeframe, Topic

SLOTS = 16_384
NODES = 3
START_MS = 1_735_689_600_000


def topic_of(symbol: str) -> Topic:
    return Topic(Instrument("crypto", "bitstamp", symbol), Timeframe.parse("1h"))


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=30))
def test_the_keys_of_a_topic_live_in_one_slot_whatever_its_symbol(symbol: str) -> None:
    topic = topic_of(symbol)
    names = (stream_key, epoch_key, finals_key, status_key, lease_key)
    assert len(slots_of(name(topic) for name in names)) == 1


async def test_every_test_refuses_a_script_over_several_slots(redis: Redis) -> None:
    script = redis.register_script("return #KEYS")
    assert await script(keys=["live:{one}:log", "live:{one}:lease"]) == 2
    with pytest.raises(ManySlots):
        await script(keys=["live:one:log", "live:one:lease"])


def free_port() -> int:
    # A node takes the port 10,000 above its own as well.
    while True:
        with socket.socket() as low, socket.socket() as high:
            low.bind(("127.0.0.1", 0))
            port = int(low.getsockname()[1])
            if port > 55_000:
                continue
            with contextlib.suppress(OSError):
                high.bind(("127.0.0.1", port + 10_000))
                return port


@contextlib.asynccontextmanager
async def node(home: Path, port: int) -> AsyncIterator[Redis]:
    await asyncio.to_thread(home.mkdir)
    program, *_ = valkey_server(home, home, durable=False).program.command
    process = await asyncio.create_subprocess_exec(
        *(program, "--port", str(port), "--bind", "127.0.0.1", "--cluster-enabled", "yes"),
        *("--dir", str(home), "--save", "", "--appendonly", "no", "--loglevel", "warning"),
        stdout=asyncio.subprocess.DEVNULL,
    )
    client = Redis(host="127.0.0.1", port=port)
    try:
        async with asyncio.timeout(20):
            await until(client.ping)
        yield client
    finally:
        await client.aclose()
        process.terminate()
        await process.wait()


async def until(look: object) -> None:
    while True:
        with contextlib.suppress(RedisError, OSError):
            if await look():  # type: ignore[operator]
                return
        await asyncio.sleep(0.05)


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[RedisCluster]:
    """Three nodes on this machine, each with a third of the slots."""
    ports = [free_port() for _ in range(NODES)]
    async with contextlib.AsyncExitStack() as stack:
        nodes = [
            await stack.enter_async_context(node(tmp_path / f"node-{number}", port))
            for number, port in enumerate(ports)
        ]
        bounds = [number * SLOTS // NODES for number in range(NODES + 1)]
        for client, first, behind in zip(nodes, bounds, bounds[1:], strict=False):
            await client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, behind - 1)
            await client.execute_command("CLUSTER", "MEET", "127.0.0.1", ports[0])

        async def whole() -> bool:
            states = [await client.execute_command("CLUSTER", "INFO") for client in nodes]
            return all(b"cluster_state:ok" in state and b"cluster_size:3" in state for state in states)

        async with asyncio.timeout(30):
            await until(whole)
        client = RedisCluster(host="127.0.0.1", port=ports[0])
        try:
            yield client
        finally:
            await client.aclose()


def bar(number: int) -> Bar:
    price = 100.0 + number
    return Bar(
        START_MS + number * HOUR_MS, price, price, price, price, 1.0, BarState.CLOSED, 0, BarSource.EXCHANGE
    )


@pytest.mark.long
async def test_each_topic_s_log_works_on_a_cluster_and_reading_many_at_once_does_not(
    cluster: RedisCluster,
) -> None:
    topics = [topic_of(f"COIN{number}/USD") for number in range(30)]
    log = LiveLog(cluster)  # type: ignore[arg-type]
    lease = KeyLease(cluster, 60_000)  # type: ignore[arg-type]
    for topic in topics:
        assert await lease.take(lease_key(topic), "mine")
        positions = [await log.append(topic, bar(number), token="mine") for number in range(5)]
        assert await log.position(topic) == positions[-1]
        newest = await log.read_newest(topic, 5)
        assert [entry.event for entry in newest] == [bar(number) for number in range(5)]
        missed = await log.read_between(topic, positions[1], positions[-1])
        assert missed is not None
        assert [entry.position for entry in missed] == positions[2:]
        assert (await log.feed_of(topic)).held
    assert set(await log.held(topics)) == set(topics)
    slots = {slot for topic in topics for slot in slots_of([stream_key(topic)])}
    assert len({slot * NODES // SLOTS for slot in slots}) == NODES  # all nodes had their part

    # What a worker does with all its topics at once is what a cluster refuses.
    offsets = dict.fromkeys(topics, EMPTY_OFFSET)
    with pytest.raises(RedisClusterException, match="same key slot"):
        await read_many(cluster, offsets, "live:wake:test", EMPTY_OFFSET, 100)  # type: ignore[arg-type]
