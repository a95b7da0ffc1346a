"""The mailbox of one connection: bounded, in order, forming bars conflated, closes never dropped."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.live.mailbox import MESSAGES_MAX, Mailbox, MailboxOverflow

DEADLINE_S = 5


async def taken(mailbox: Mailbox[str]) -> list[str]:
    async with asyncio.timeout(DEADLINE_S):
        return await mailbox.take()


async def test_messages_come_out_in_order_and_once() -> None:
    mailbox: Mailbox[str] = Mailbox()
    for message in ("one", "two", "two", "three"):
        mailbox.put(message)
    assert await taken(mailbox) == ["one", "two", "two", "three"]
    mailbox.put("four")
    assert await taken(mailbox) == ["four"]


async def test_a_reader_who_waits_is_woken() -> None:
    mailbox: Mailbox[str] = Mailbox()
    reader = asyncio.create_task(taken(mailbox))
    await asyncio.sleep(0)
    assert not reader.done()
    mailbox.put("news")
    assert await reader == ["news"]


async def test_of_messages_with_one_key_only_the_newest_is_read_at_its_own_turn() -> None:
    mailbox: Mailbox[str] = Mailbox()
    mailbox.put("forming 1", replaces="bar")
    mailbox.put("other", replaces="another bar")
    mailbox.put("close of the bar before")
    mailbox.put("forming 2", replaces="bar")
    assert await taken(mailbox) == ["other", "close of the bar before", "forming 2"]


async def test_what_was_taken_is_not_conflated_any_more() -> None:
    mailbox: Mailbox[str] = Mailbox()
    mailbox.put("forming 1", replaces="bar")
    assert await taken(mailbox) == ["forming 1"]
    mailbox.put("forming 2", replaces="bar")
    assert await taken(mailbox) == ["forming 2"]


async def test_a_dropped_key_is_forgotten_and_the_rest_stays() -> None:
    mailbox: Mailbox[str] = Mailbox()
    mailbox.put("forming", replaces="bar")
    mailbox.put("status", replaces="status")
    mailbox.drop("bar")
    mailbox.drop("a key that nobody used")
    mailbox.put("closed")
    assert await taken(mailbox) == ["status", "closed"]


async def test_when_everything_was_dropped_the_reader_waits_for_the_next() -> None:
    mailbox: Mailbox[str] = Mailbox()
    mailbox.put("forming", replaces="bar")
    mailbox.drop("bar")
    reader = asyncio.create_task(taken(mailbox))
    await asyncio.sleep(0)
    mailbox.put("closed")
    assert await reader == ["closed"]


async def test_a_key_is_not_mistaken_for_the_number_of_a_kept_message() -> None:
    mailbox: Mailbox[str] = Mailbox()
    mailbox.put("kept")
    mailbox.put("conflated", replaces=0)
    mailbox.drop(0)
    assert await taken(mailbox) == ["kept"]


async def test_a_full_mailbox_takes_exactly_its_limit() -> None:
    mailbox: Mailbox[str] = Mailbox()
    messages = [str(number) for number in range(MESSAGES_MAX)]
    for message in messages:
        mailbox.put(message)
    mailbox.put("conflated messages do not count", replaces="bar")
    assert not mailbox.overflowed
    assert await taken(mailbox) == [*messages, "conflated messages do not count"]


async def test_room_comes_back_when_messages_are_taken() -> None:
    mailbox: Mailbox[str] = Mailbox(limit=2)
    for _ in range(3):
        mailbox.put("one")
        mailbox.put("two")
        assert await taken(mailbox) == ["one", "two"]


async def test_a_reader_who_cannot_keep_up_is_told_so_each_time() -> None:
    mailbox: Mailbox[str] = Mailbox(limit=2)
    for message in ("one", "two", "one too many"):
        mailbox.put(message)
    assert mailbox.overflowed
    for _ in range(2):
        with pytest.raises(MailboxOverflow):
            await taken(mailbox)


async def test_a_reader_who_leaves_while_waiting_loses_nothing_for_the_next() -> None:
    mailbox: Mailbox[str] = Mailbox()
    reader = asyncio.create_task(mailbox.take())
    await asyncio.sleep(0)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    mailbox.put("news")
    assert await taken(mailbox) == ["news"]


@given(
    st.lists(
        st.one_of(
            st.just(("kept", None)),
            st.tuples(st.sampled_from(["conflated", "dropped"]), st.integers(0, 3)),
            st.just(("taken", None)),
        ),
        max_size=60,
    )
)
async def test_a_mailbox_does_what_the_plainest_list_would_do(happened: list[tuple[str, int | None]]) -> None:
    mailbox: Mailbox[str] = Mailbox()
    waiting: list[tuple[int | None, str]] = []
    for number, (kind, key) in enumerate([*happened, ("kept", None), ("taken", None)]):
        if kind in ("conflated", "dropped"):
            waiting = [(each, message) for each, message in waiting if each != key]
        if kind == "dropped":
            mailbox.drop(key)
        elif kind in ("kept", "conflated"):
            waiting.append((key, str(number)))
            mailbox.put(str(number), replaces=key)
        elif waiting:
            assert await taken(mailbox) == [message for _, message in waiting]
            waiting = []


async def test_a_mailbox_has_rested_when_nothing_was_taken_since_it_was_asked() -> None:
    mailbox: Mailbox[str] = Mailbox()
    assert not mailbox.rested()
    assert mailbox.rested()
    mailbox.put("news")
    assert mailbox.rested()
    await taken(mailbox)
    assert not mailbox.rested()


async def test_who_waits_for_nothing_else_is_given_a_message_without_being_woken() -> None:
    given: list[str] = []
    mailbox: Mailbox[str] = Mailbox(straight=lambda message: not given.append(message))
    assert not mailbox.pass_on("nobody waits yet")
    reader = asyncio.create_task(taken(mailbox))
    await asyncio.sleep(0)
    assert mailbox.rested() is False
    assert mailbox.pass_on("news")
    assert given == ["news"]
    assert mailbox.rested() is False
    await asyncio.sleep(0)
    assert not reader.done()
    mailbox.put("more")
    assert not mailbox.pass_on("what comes after it")
    assert await reader == ["more"]
    assert given == ["news"]


async def test_what_is_refused_has_to_be_put() -> None:
    mailbox: Mailbox[str] = Mailbox(straight=lambda _: False)
    reader = asyncio.create_task(taken(mailbox))
    await asyncio.sleep(0)
    assert not mailbox.pass_on("news")
    mailbox.put("news")
    assert await reader == ["news"]


async def test_who_rests_goes_on_when_the_mailbox_is_half_full() -> None:
    mailbox: Mailbox[str] = Mailbox(limit=4)
    resting = asyncio.create_task(mailbox.rest(DEADLINE_S * 10))
    await asyncio.sleep(0)
    for message in ("forming 1", "forming 2", "forming 3"):
        mailbox.put(message, replaces=message)
    mailbox.put("closed")
    await asyncio.sleep(0)
    assert not resting.done()
    mailbox.put("closed")
    mailbox.put("closed")
    async with asyncio.timeout(DEADLINE_S):
        await resting
        # Nobody rests before what is half full already.
        await mailbox.rest(DEADLINE_S * 10)
    await taken(mailbox)
    await mailbox.rest(0.001)
