"""The inbox of a WebSocket: in order, bounded, and nothing is lost to a wait that was given up."""

import asyncio
import random

import pytest

from app_extensions.inbox import MESSAGES_MAX, Inbox

DEADLINE_S = 5


async def test_every_message_is_got_once_and_in_order_however_both_sides_pause() -> None:
    inbox, random_ = Inbox(), random.Random(1)
    messages = list(range(500))

    async def put_all() -> None:
        for message in messages:
            await inbox.put(message)
            for _ in range(random_.choice([0, 0, 1, 3])):
                await asyncio.sleep(0)

    async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
        group.create_task(put_all())
        got = []
        for _ in messages:
            got.append(await inbox.get())
            for _ in range(random_.choice([0, 0, 1, 3])):
                await asyncio.sleep(0)
    assert got == messages


async def full_with_one_who_waits() -> tuple[Inbox, asyncio.Task[None]]:
    inbox = Inbox()
    for number in range(MESSAGES_MAX):
        await inbox.put(number)
    putting = asyncio.create_task(inbox.put("one more"))
    await asyncio.sleep(0)
    assert not putting.done()
    return inbox, putting


async def test_who_puts_more_than_there_is_room_for_has_to_wait() -> None:
    inbox, putting = await full_with_one_who_waits()
    assert await inbox.get() == 0
    async with asyncio.timeout(DEADLINE_S):
        await putting
        assert [await inbox.get() for _ in range(MESSAGES_MAX)] == [*range(1, MESSAGES_MAX), "one more"]


async def test_what_is_cleared_leaves_room_for_who_waits_for_it() -> None:
    inbox, putting = await full_with_one_who_waits()
    inbox.clear()
    async with asyncio.timeout(DEADLINE_S):
        await putting
        assert await inbox.get() == "one more"


async def test_a_wait_that_was_given_up_loses_nothing() -> None:
    inbox = Inbox()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await inbox.get()
    await inbox.put("news")
    assert await inbox.get() == "news"


async def test_the_newer_quart_may_say_that_the_client_has_left() -> None:
    inbox = Inbox()
    getting = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    inbox.shutdown()
    await asyncio.sleep(0)
    assert not getting.done()
    getting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await getting
