"""Who comes later goes on when the loop comes round quickly, in order, and never waits for long."""

import asyncio
import time

import pytest

from utils.turns import PATIENCE_S, QUICK_S, Turnstile, others_first

DEADLINE_S = 10
ROUNDS = 20


def work() -> None:
    """Take longer than a quick round."""
    until_s = time.perf_counter() + 2 * QUICK_S
    while time.perf_counter() < until_s:
        pass


async def test_what_is_due_comes_first() -> None:
    done: list[str] = []

    async def be_here() -> None:
        for _ in range(ROUNDS):
            work()
            await asyncio.sleep(0)
        done.append("here")

    async def come_later() -> None:
        # However often the machine has something else to do.
        await others_first(DEADLINE_S)
        done.append("later")

    async with asyncio.timeout(DEADLINE_S):
        await asyncio.gather(be_here(), come_later())
    assert done == ["here", "later"]


@pytest.mark.parametrize("patience_s", [PATIENCE_S, 0.1])
async def test_a_loop_that_is_never_idle_keeps_nobody_for_ever(patience_s: float) -> None:
    busy = True

    async def be_busy() -> None:
        while busy:
            work()
            await asyncio.sleep(0)

    task = asyncio.create_task(be_busy())
    began_s = time.perf_counter()
    async with asyncio.timeout(DEADLINE_S):
        await others_first(patience_s)
    assert time.perf_counter() - began_s >= patience_s
    busy = False
    await task


async def test_a_turnstile_lets_through_in_order_and_forgets_who_has_left() -> None:
    turnstile, through = Turnstile(), []

    async def go(number: int) -> None:
        await turnstile.go_through()
        through.append(number)

    tasks = [asyncio.create_task(go(number)) for number in range(5)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    tasks[2].cancel()
    async with asyncio.timeout(DEADLINE_S):
        await asyncio.wait(tasks)
    assert through == [1, 3, 4]
    assert tasks[0].cancelled()
    assert tasks[2].cancelled()
