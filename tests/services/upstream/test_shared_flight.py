"""One worker at a time, and nobody waits for the dead."""

import asyncio
import time

import pytest
from redis.asyncio import Redis

from services.upstream import shared_flight
from services.upstream.optional_redis import OptionalRedis
from services.upstream.shared_flight import TERM_MS, SharedFlight
from tests.services.upstream.conftest import DEADLINE_S

KEY = "upstream:turn:fill:1"


def make_flight(redis: Redis) -> SharedFlight:
    return SharedFlight(OptionalRedis(redis, time.monotonic), time.monotonic)


@pytest.fixture
def workers(redis: Redis) -> list[SharedFlight]:
    return [make_flight(redis) for _ in range(2)]


async def test_turns_of_a_key_exclude_each_other_among_all_workers(workers: list[SharedFlight]) -> None:
    inside, most_inside, turns = 0, 0, []

    async def work(worker: SharedFlight) -> None:
        nonlocal inside, most_inside
        async with worker.turn("fill:1", DEADLINE_S) as mine:
            turns.append(mine)
            inside += 1
            most_inside = max(most_inside, inside)
            await asyncio.sleep(0.01)
            inside -= 1

    async with asyncio.timeout(2 * DEADLINE_S):
        await asyncio.gather(*(work(worker) for worker in workers * 4))
    assert (most_inside, turns) == (1, [True] * 8)


async def test_whoever_waits_goes_on_as_soon_as_the_turn_is_given_back(workers: list[SharedFlight]) -> None:
    gate, first_in = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with workers[0].turn("fill:1", DEADLINE_S):
            first_in.set()
            await gate.wait()

    async def follow() -> bool:
        async with workers[1].turn("fill:1", DEADLINE_S) as mine:
            return mine

    holding = asyncio.create_task(hold())
    await first_in.wait()
    following = asyncio.create_task(follow())
    done, _ = await asyncio.wait([following], timeout=0.2)
    assert not done
    gate.set()
    began_s = time.monotonic()
    assert await following
    assert time.monotonic() - began_s < 1
    await holding


async def test_keys_do_not_wait_for_each_other(workers: list[SharedFlight]) -> None:
    async with workers[0].turn("fill:1", 0) as one, workers[1].turn("fill:2", 0) as other:
        assert (one, other) == (True, True)


async def test_nobody_waits_longer_than_said_and_the_work_goes_on_without_the_turn(
    workers: list[SharedFlight], redis: Redis
) -> None:
    async with workers[0].turn("fill:1", DEADLINE_S):
        holder = await redis.get(KEY)
        began_s = time.monotonic()
        async with workers[1].turn("fill:1", 0.2) as mine:
            assert not mine
            assert 0.1 <= time.monotonic() - began_s < 2
        # What was not his he did not give back.
        assert await redis.get(KEY) == holder


async def test_a_dead_holder_is_waited_for_until_its_term_ends(
    workers: list[SharedFlight], redis: Redis
) -> None:
    async with workers[0].turn("fill:1", DEADLINE_S):
        assert 0 < await redis.pttl(KEY) <= TERM_MS <= 6_000
    await redis.set(KEY, "a worker that was killed", px=300)
    began_s = time.monotonic()
    async with workers[0].turn("fill:1", DEADLINE_S) as mine:
        assert mine
    assert 0.25 <= time.monotonic() - began_s < 2


async def test_a_turn_longer_than_its_term_is_kept(
    workers: list[SharedFlight], redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_flight, "RENEW_S", 0.02)
    async with workers[0].turn("fill:1", DEADLINE_S):
        await redis.pexpire(KEY, 1_000)
        async with asyncio.timeout(DEADLINE_S):
            while await redis.pttl(KEY) <= 1_000:  # noqa: ASYNC110 - nothing tells of a renewal
                await asyncio.sleep(0.01)


async def test_no_turn_is_kept_for_ever(
    workers: list[SharedFlight], redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_flight, "RENEW_S", 0.01)
    monkeypatch.setattr(shared_flight, "HOLD_MAX_S", 0.05)
    async with workers[0].turn("fill:1", DEADLINE_S):
        [keeping] = [task for task in asyncio.all_tasks() if task.get_name() == f"keep {KEY}"]
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.wait([keeping])
        await redis.pexpire(KEY, 1)
        async with workers[1].turn("fill:1", 1.0) as mine:
            assert mine
            heir = await redis.get(KEY)
    assert heir is not None
    assert not await redis.exists(KEY)


@pytest.mark.parametrize("end", [KeyError, asyncio.CancelledError])
async def test_a_turn_is_given_back_however_it_ends(
    workers: list[SharedFlight], end: type[BaseException]
) -> None:
    with pytest.raises(end):
        async with workers[0].turn("fill:1", 0):
            raise end
    async with workers[1].turn("fill:1", 0) as mine:
        assert mine


async def test_a_turn_cut_off_by_a_deadline_is_given_back(workers: list[SharedFlight]) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05), workers[0].turn("fill:1", 0):
            await asyncio.Event().wait()
    async with workers[1].turn("fill:1", 0) as mine:
        assert mine


async def test_whoever_is_cancelled_while_waiting_leaves_nothing_behind(
    workers: list[SharedFlight], redis: Redis
) -> None:
    async def wait() -> None:
        async with workers[1].turn("fill:1", DEADLINE_S):
            pytest.fail("came in")

    async with workers[0].turn("fill:1", 0):
        waiting = [asyncio.create_task(wait()) for _ in range(20)]
        for place, task in enumerate(waiting):
            # In the middle of asking Redis, of being answered, and between two looks.
            await asyncio.sleep((0, 0.0005, 0.002, 0.02)[place % 4])
            task.cancel()
    async with asyncio.timeout(DEADLINE_S):
        await asyncio.wait(waiting)
    assert all(task.cancelled() for task in waiting)
    assert not await redis.exists(KEY)


async def test_whoever_is_cancelled_in_the_moment_of_taking_keeps_nobody_waiting(
    workers: list[SharedFlight], redis: Redis
) -> None:
    async def hold() -> None:
        async with workers[0].turn("fill:1", 0):
            await asyncio.Event().wait()

    for steps in range(40):
        holding = asyncio.create_task(hold())
        for _ in range(steps):
            await asyncio.sleep(0)
        holding.cancel()
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.wait([holding])
        assert not await redis.exists(KEY), steps


async def test_without_redis_nobody_waits(away: OptionalRedis) -> None:
    flight = SharedFlight(away, time.monotonic)
    began_s = time.monotonic()
    async with flight.turn("fill:1", DEADLINE_S) as one, flight.turn("fill:1", DEADLINE_S) as other:
        assert (one, other) == (False, False)
    assert time.monotonic() - began_s < 1
    assert away.missed >= 2
