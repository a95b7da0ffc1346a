"""One holder at a time, and none for ever."""

import asyncio

import pytest
from redis.asyncio import Redis

from services.key_lease import KeyLease

TERM_MS = 200


@pytest.fixture
def lease(redis: Redis) -> KeyLease:
    return KeyLease(redis, TERM_MS)


async def test_of_many_takers_one_holds_the_key(lease: KeyLease) -> None:
    taken = await asyncio.gather(*(lease.take("key", f"worker {number}") for number in range(30)))
    assert sorted(taken) == [False] * 29 + [True]


async def test_only_the_holder_renews_and_gives_back(lease: KeyLease, redis: Redis) -> None:
    assert await lease.take("key", "holder")
    assert not await lease.renew("key", "another")
    await lease.release("key", "another")
    assert await redis.get("key") == b"holder"
    await redis.pexpire("key", 50)
    assert await lease.renew("key", "holder")
    assert 50 < await redis.pttl("key") <= TERM_MS
    await lease.release("key", "holder")
    assert await lease.take("key", "another")


async def test_the_key_of_a_dead_holder_frees_itself(lease: KeyLease) -> None:
    assert await lease.take("key", "dead")
    async with asyncio.timeout(5):
        while not await lease.take("key", "heir"):  # noqa: ASYNC110 - nothing tells of the end of a term
            await asyncio.sleep(0.01)
    assert not await lease.renew("key", "dead")
