"""The same rules in this process and in Redis."""

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
from redis.asyncio import Redis

from services.upstream.ban_record import (
    TRIAL_TERM_S,
    TRIAL_WITHIN_S,
    UNNAMED_MAX_S,
    UNNAMED_MIN_S,
    WAIT_MAX_S,
    WAIT_MIN_S,
    Leave,
    LocalBan,
    SharedBan,
    named_wait_s,
)
from services.upstream.optional_redis import OptionalRedis
from tests.services.upstream.conftest import HandSteady

KEY = "upstream:{crypto:bitstamp}"


@dataclass(frozen=True)
class Record:
    """Either record, asked in one way; ``end_wait`` is the passing of the time."""

    admit: Callable[[], Awaitable[Leave]]
    look: Callable[[], Awaitable[Leave]]
    impose: Callable[[float | None], Awaitable[float]]
    end_trial: Callable[..., Awaitable[None]]
    end_wait: Callable[[], Awaitable[None]]


def local_record() -> Record:
    ban, steady = LocalBan(), HandSteady()

    async def admit() -> Leave:
        return ban.admit(steady.now_s, may_try=True).leave

    async def look() -> Leave:
        return ban.admit(steady.now_s, may_try=False).leave

    async def impose(named_s: float | None) -> float:
        return ban.impose(steady.now_s, named_s)

    async def end_trial(*, answered: bool) -> None:
        ban.lift() if answered else ban.end_trial()

    async def end_wait() -> None:
        steady.now_s += ban.left_s(steady.now_s)

    return Record(admit, look, impose, end_trial, end_wait)


def shared_record(redis: Redis, optional: OptionalRedis) -> Record:
    ban = SharedBan(KEY, optional)

    async def admit() -> Leave:
        return (await ban.admit(may_try=True)).leave

    async def look() -> Leave:
        return (await ban.admit(may_try=False)).leave

    async def end_trial(*, answered: bool) -> None:
        await ban.end_trial(answered=answered)

    async def end_wait() -> None:
        # As Redis does by itself when the time is over.
        await redis.delete(f"{KEY}:until")

    return Record(admit, look, ban.impose, end_trial, end_wait)


@pytest.fixture(params=["local", "shared"])
def record(request: pytest.FixtureRequest, redis: Redis, here: OptionalRedis) -> Record:
    return local_record() if request.param == "local" else shared_record(redis, here)


async def test_at_first_everybody_may_ask(record: Record) -> None:
    assert [await record.admit() for _ in range(3)] == [Leave.FREE] * 3


async def test_nobody_asks_until_the_time_is_over_then_one_then_everybody(record: Record) -> None:
    assert await record.impose(7.0) == 7.0
    assert [await record.admit() for _ in range(3)] == [Leave.LIMITED] * 3
    await record.end_wait()
    assert await record.look() is Leave.TRIED
    assert [await record.admit() for _ in range(3)] == [Leave.TRIAL, Leave.TRIED, Leave.TRIED]
    await record.end_trial(answered=True)
    assert [await record.admit() for _ in range(3)] == [Leave.FREE] * 3


async def test_a_trial_without_an_answer_is_left_to_the_next(record: Record) -> None:
    await record.impose(7.0)
    await record.end_wait()
    assert await record.admit() is Leave.TRIAL
    await record.end_trial(answered=False)
    assert [await record.admit() for _ in range(2)] == [Leave.TRIAL, Leave.TRIED]


async def test_a_longer_wait_prolongs_and_a_shorter_one_does_not(record: Record) -> None:
    assert await record.impose(7.0) == 7.0
    assert await record.impose(30.0) == 30.0
    assert await record.impose(2.0) == pytest.approx(30.0, abs=1)
    assert await record.impose(None) == pytest.approx(30.0, abs=1)


async def test_an_exchange_that_names_no_time_is_left_alone_twice_as_long_each_time(record: Record) -> None:
    waits = []
    for _ in range(9):
        waits.append(await record.impose(None))
        # Others were on their way when the first was refused; they are no new offence.
        assert await record.impose(None) == pytest.approx(waits[-1], abs=1)
        await record.end_wait()
        assert await record.admit() is Leave.TRIAL
    assert waits == [min(UNNAMED_MIN_S * 2**place, UNNAMED_MAX_S) for place in range(9)]
    await record.end_trial(answered=True)
    assert await record.impose(None) == UNNAMED_MIN_S


async def test_a_wait_made_longer_is_one_offence(record: Record) -> None:
    await record.impose(7.0)
    await record.impose(30.0)
    await record.end_wait()
    assert await record.impose(None) == 2 * UNNAMED_MIN_S


async def test_a_refused_trial_is_followed_by_another_wait_and_another_trial(record: Record) -> None:
    await record.impose(7.0)
    await record.end_wait()
    assert await record.admit() is Leave.TRIAL
    await record.impose(7.0)
    assert await record.admit() is Leave.LIMITED
    await record.end_wait()
    assert [await record.admit() for _ in range(2)] == [Leave.TRIAL, Leave.TRIED]


@pytest.mark.parametrize(
    ("told_s", "kept_s"),
    [
        (None, None),
        (math.nan, None),
        (0, WAIT_MIN_S),
        (-5, WAIT_MIN_S),
        (7, 7),
        (120.5, 120.5),
        (math.inf, WAIT_MAX_S),
        (1e12, WAIT_MAX_S),
    ],
)
def test_a_time_beyond_reason_is_not_taken_at_its_word(told_s: float | None, kept_s: float | None) -> None:
    assert named_wait_s(told_s) == kept_s


async def test_what_redis_keeps_ends_by_itself(redis: Redis, here: OptionalRedis) -> None:
    ban = SharedBan(KEY, here)
    await ban.impose(7.0)
    until_ms, (second, micros) = int(await redis.get(f"{KEY}:until")), await redis.time()
    assert until_ms - (second * 1_000 + micros // 1_000) == pytest.approx(7_000, abs=500)
    assert 6_000 < await redis.pttl(f"{KEY}:until") <= 7_000
    assert 6_000 < await redis.pttl(f"{KEY}:strikes") - TRIAL_WITHIN_S * 1_000 <= 7_000
    await redis.delete(f"{KEY}:until")
    await ban.admit(may_try=True)
    assert 0 < await redis.pttl(f"{KEY}:trial") <= TRIAL_TERM_S * 1_000


async def test_a_trial_that_took_too_long_does_not_end_the_trial_of_another(
    redis: Redis, here: OptionalRedis
) -> None:
    slow, other = SharedBan(KEY, here), SharedBan(KEY, here)
    await slow.impose(7.0)
    await redis.delete(f"{KEY}:until")
    assert (await slow.admit(may_try=True)).leave is Leave.TRIAL
    await redis.delete(f"{KEY}:trial")
    assert (await other.admit(may_try=True)).leave is Leave.TRIAL
    await slow.end_trial(answered=True)
    assert (await slow.admit(may_try=True)).leave is Leave.TRIED


def test_what_redis_says_is_remembered_for_when_it_is_away() -> None:
    ban, now_s = LocalBan(), 100.0
    shared = LocalBan()
    shared.impose(now_s, 7.0)
    ban.learn(shared.admit(now_s, may_try=True), now_s)
    assert ban.left_s(now_s) == 7.0
    assert ban.on_trial
    now_s += 7.0
    ban.learn(shared.admit(now_s, may_try=True), now_s)
    assert ban.admit(now_s, may_try=True).leave is Leave.TRIED
    shared.lift()
    ban.learn(shared.admit(now_s, may_try=True), now_s)
    assert ban.admit(now_s, may_try=True).leave is Leave.FREE
