"""Everything at once: what reaches an exchange, and what its callers are told."""

import asyncio
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from services.upstream.breaker import FAILURES_MAX, OPEN_MIN_S
from services.upstream.exchange_guard import RETRY_WITHIN_S, ExchangeGuard
from services.upstream.limits import UpstreamLimits
from services.upstream.optional_redis import OptionalRedis
from tests.services.upstream.conftest import DEADLINE_S, Exchange, HandSteady, MakeParts
from utils.errors import (
    NotFound,
    UpstreamBusy,
    UpstreamDown,
    UpstreamError,
    UpstreamGarbage,
    UpstreamLimited,
    UpstreamTimeout,
)

DOWN = UpstreamDown("The exchange is away. Try again.", retry_after_s=RETRY_WITHIN_S)
KEY = "upstream:{crypto:bitstamp}"


@pytest.fixture
def guard(make_parts: MakeParts) -> ExchangeGuard:
    return ExchangeGuard("crypto", "bitstamp", None, make_parts())


async def outcome(guard: ExchangeGuard, exchange: Exchange) -> str | UpstreamError:
    try:
        return await guard.ask(exchange.answer)
    except UpstreamError as error:
        return error


async def earn_retry(guard: ExchangeGuard) -> None:
    for _ in range(10):
        await guard.ask(Exchange().answer)


async def test_an_answer_and_an_error_are_passed_on_as_they_are(guard: ExchangeGuard) -> None:
    assert await guard.ask(Exchange().answer) == "bars"
    for error in (NotFound("No such symbol."), UpstreamGarbage("No market data."), DOWN, KeyError("ours")):
        with pytest.raises(type(error)) as told:
            await guard.ask(Exchange([error]).answer)
        assert told.value is error


async def test_a_moment_of_absence_is_not_noticed(guard: ExchangeGuard) -> None:
    await earn_retry(guard)
    exchange = Exchange([DOWN, "bars"])
    assert await guard.ask(exchange.answer) == "bars"
    assert exchange.asked == 2


async def test_a_question_is_put_twice_at_most(guard: ExchangeGuard) -> None:
    for _ in range(3):
        await earn_retry(guard)
    exchange = Exchange([DOWN])
    assert await outcome(guard, exchange) is DOWN
    assert exchange.asked == 2


@pytest.mark.parametrize(
    "error",
    [
        UpstreamDown("Closed for maintenance.", retry_after_s=RETRY_WITHIN_S + 1),
        UpstreamTimeout("Silent."),
        UpstreamGarbage("No market data."),
        UpstreamLimited("Wait.", retry_after_s=7),
        UpstreamBusy("Enough.", retry_after_s=1),
        NotFound("No such symbol."),
        KeyError("ours"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_only_what_may_be_over_in_a_moment_is_asked_again(
    guard: ExchangeGuard, error: Exception
) -> None:
    await earn_retry(guard)
    exchange = Exchange([error])
    with pytest.raises(type(error)):
        await guard.ask(exchange.answer)
    assert exchange.asked == 1


async def test_a_dead_exchange_is_asked_hardly_oftener_than_people_ask(guard: ExchangeGuard) -> None:
    for _ in range(4):
        await earn_retry(guard)
    exchange = Exchange([DOWN])
    for _ in range(6_000):
        assert isinstance(await outcome(guard, exchange), UpstreamDown)
    assert exchange.asked == FAILURES_MAX


async def test_an_open_breaker_answers_at_once_and_its_trial_is_not_retried(
    guard: ExchangeGuard, steady: HandSteady, redis: Redis
) -> None:
    await earn_retry(guard)
    exchange = Exchange([DOWN])
    while exchange.asked < FAILURES_MAX:
        await outcome(guard, exchange)
    told = await outcome(guard, exchange)
    assert isinstance(told, UpstreamDown)
    assert told.retry_after_s == OPEN_MIN_S
    steady.now_s += OPEN_MIN_S
    await outcome(guard, exchange)
    assert exchange.asked == FAILURES_MAX + 1
    steady.now_s += 2 * OPEN_MIN_S
    exchange.answers = ["bars"]
    assert await outcome(guard, exchange) == "bars"
    assert await outcome(guard, exchange) == "bars"


async def test_the_trial_after_a_ban_is_not_retried(
    guard: ExchangeGuard, steady: HandSteady, redis: Redis
) -> None:
    await earn_retry(guard)
    exchange = Exchange([UpstreamLimited("Wait.", retry_after_s=7), DOWN, "bars"])
    await outcome(guard, exchange)
    steady.now_s += 7
    await redis.delete(f"{KEY}:until")
    assert await outcome(guard, exchange) is DOWN
    assert exchange.asked == 2
    assert await outcome(guard, exchange) == "bars"


@pytest.mark.parametrize(
    ("trouble", "asked_max"),
    [
        (UpstreamLimited("Wait.", retry_after_s=7), 4),
        (UpstreamDown("Closed.", retry_after_s=60), FAILURES_MAX + 3),
    ],
    ids=["limited", "down"],
)
async def test_those_who_stand_in_line_neither_ask_an_exchange_in_trouble_nor_wait_their_turn(
    make_parts: MakeParts, trouble: UpstreamError, asked_max: int
) -> None:
    guard = ExchangeGuard("crypto", "bitstamp", 8.0, make_parts())
    exchange = Exchange([trouble])
    async with asyncio.timeout(DEADLINE_S):
        answers = await asyncio.gather(*(outcome(guard, exchange) for _ in range(60)))
    assert exchange.asked <= asked_max
    assert all(type(answer) is type(trouble) for answer in answers)


async def test_whoever_is_refused_is_not_kept_waiting_for_a_second_refusal(make_parts: MakeParts) -> None:
    waits = []

    def draw(low: float, high: float) -> float:
        waits.append(high)
        return low

    guard = ExchangeGuard("crypto", "bitstamp", None, replace(make_parts(), uniform=draw))
    exchange = Exchange([UpstreamDown("Closed.", retry_after_s=60)])
    for _ in range(5):
        await earn_retry(guard)
    for _ in range(20):
        assert isinstance(await outcome(guard, exchange), UpstreamDown)
    assert exchange.asked == FAILURES_MAX
    assert not waits


async def test_a_silent_exchange_is_left_at_the_deadline(make_parts: MakeParts) -> None:
    guard = ExchangeGuard("crypto", "bitstamp", None, make_parts(limits=UpstreamLimits(answer_s=0.05)))
    with pytest.raises(UpstreamTimeout, match="bitstamp did not answer in time") as told:
        async with asyncio.timeout(DEADLINE_S):
            await guard.ask(asyncio.Event().wait)
    assert told.value.retry_after_s


async def test_a_hanging_exchange_opens_the_breaker_and_the_line_moves_on(
    make_parts: MakeParts, steady: HandSteady
) -> None:
    guard = ExchangeGuard("crypto", "bitstamp", None, make_parts(limits=UpstreamLimits(answer_s=0.1)))
    asked = 0

    async def hang() -> None:
        nonlocal asked
        asked += 1
        await asyncio.Event().wait()

    async with asyncio.timeout(DEADLINE_S):
        answers = await asyncio.gather(*(guard.ask(hang) for _ in range(60)), return_exceptions=True)
    assert asked == 8
    assert sum(isinstance(answer, UpstreamTimeout) for answer in answers) == 8
    assert sum(isinstance(answer, UpstreamDown) for answer in answers) == 52


async def test_questions_beyond_the_budget_are_refused_and_do_not_reach_the_exchange(
    make_parts: MakeParts,
) -> None:
    limits = UpstreamLimits(wait_s=0.0)
    guard = ExchangeGuard("crypto", "bitstamp", 3.0, make_parts(limits=limits))
    exchange = Exchange()
    answers = [await outcome(guard, exchange) for _ in range(20)]
    assert exchange.asked == answers.count("bars") <= 5
    assert all(isinstance(answer, UpstreamBusy) for answer in answers if answer != "bars")


async def test_an_exchange_in_trouble_is_no_trouble_for_another(make_parts: MakeParts) -> None:
    parts = make_parts()
    troubled, well = (ExchangeGuard("crypto", name, 100.0, parts) for name in ("bitstamp", "kraken"))
    banned, dead = Exchange([UpstreamLimited("Wait.", retry_after_s=7)]), Exchange([DOWN])
    await outcome(troubled, banned)
    hanging = [asyncio.create_task(troubled.ask(asyncio.Event().wait)) for _ in range(4)]
    for _ in range(20):
        await outcome(troubled, dead)
        assert await outcome(well, Exchange()) == "bars"
    for task in hanging:
        task.cancel()
    await asyncio.wait(hanging)


async def test_everything_works_without_redis(
    make_parts: MakeParts, away: OptionalRedis, steady: HandSteady
) -> None:
    guard = ExchangeGuard("crypto", "bitstamp", 50.0, make_parts(redis=away))
    exchange = Exchange(["bars", UpstreamLimited("Wait.", retry_after_s=7), "bars"])
    assert await outcome(guard, exchange) == "bars"
    for _ in range(5):
        assert isinstance(await outcome(guard, exchange), UpstreamLimited)
    steady.now_s += 7
    assert await outcome(guard, exchange) == "bars"
    assert exchange.asked == 3
    assert away.missed
