"""Who joins a topic that others listen to: where it is placed, and whose turn it is meanwhile."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from services.live import hub as live_hub
from services.live.hub import TURN_S, Listener
from services.live.log import FeedStatus, order_of
from services.live.messages import Update
from tests.services.live.hub_house import BAR, DEADLINE_S, TOPICS, Ear, follow, hub, hub_by, log
from utils.clock import Clock
from utils.turns import QUICK_ROUNDS

__all__ = ["hub", "log"]


async def test_who_joins_others_is_placed_without_a_question_and_hears_all_that_follows(hub, log, redis):
    live_log, token = log
    _, position = await follow(hub, log)
    scripts = await scripts_run(redis)
    late = Ear(TOPICS[0])
    assert await hub.join(late.listener, newest=False) == position
    assert await scripts_run(redis) == scripts
    await live_log.append(TOPICS[0], replace(BAR, volume=2.0), token=token)
    assert (await late.next()).event.volume == 2.0


async def test_who_joins_while_a_log_is_being_written_misses_nothing_after_its_position(hub, log):
    live_log, token = log
    first = Ear(TOPICS[0])
    await hub.join(first.listener)
    written = []

    async def write() -> None:
        for number in range(60):
            bar = replace(BAR, volume=float(number))
            written[number:] = [await live_log.append(TOPICS[0], bar, token=token)]

    writing = asyncio.create_task(write())
    joined = []
    while not writing.done():
        ear = Ear(TOPICS[0])
        joined.append((ear, await hub.join(ear.listener, newest=False)))
        await asyncio.sleep(0)
    await writing
    assert len({position for _, position in joined}) > 1
    for ear, position in joined:
        due = written[written.index(position) + 1 :] if position in written else written
        heard = [(await ear.next()).position for _ in due]
        # What it was placed behind may come once more: the session leaves it out.
        assert heard[-len(due) :] == due if due else not heard
        assert heard == sorted(heard, key=lambda each: order_of(each.offset))


async def test_who_joins_while_the_log_is_away_is_not_placed(hub, log, redis):
    _, position = await follow(hub, log)
    hub._watch.lose()
    scripts = await scripts_run(redis)
    assert await hub.join(Ear(TOPICS[0]).listener, newest=False) == position
    assert await scripts_run(redis) > scripts


async def test_who_joins_hears_of_the_feed_though_the_first_left_before_it_was_placed(hub, log):
    live_log, token = log
    first, second = Ear(TOPICS[0]), Ear(TOPICS[0])
    leaving = asyncio.create_task(hub.join(first.listener))
    async with asyncio.timeout(DEADLINE_S):
        while TOPICS[0] not in hub.topics:  # noqa: ASYNC110 - the moment to catch is between two turns
            await asyncio.sleep(0)
    joining = asyncio.create_task(hub.join(second.listener))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait({leaving, joining}, timeout=DEADLINE_S)
    assert (leaving.cancelled(), joining.done()) == (True, True)
    await live_log.append(TOPICS[0], FeedStatus("stale", 1, "The feed was lost."), token=token)
    async with asyncio.timeout(DEADLINE_S):
        while (await second.told.get()).state != "stale":
            continue


async def scripts_run(redis) -> int:
    stats = await redis.info("commandstats")
    return sum(stats.get(name, {"calls": 0})["calls"] for name in ("cmdstat_evalsha", "cmdstat_eval"))


async def test_others_have_their_turn_while_many_are_handed_an_entry(redis, redis_url, log, monkeypatch):
    # However slow the machine is.
    monkeypatch.setattr(live_hub, "TURN_OF_OTHERS_S", DEADLINE_S)
    live_log, token = log
    now_s = 0.0
    turns: list[str] = []
    all_heard = asyncio.Event()

    def hear(_: Sequence[Update]) -> None:
        nonlocal now_s
        now_s += TURN_S / 4
        turns.append("listener")
        if turns.count("listener") == 40:
            all_heard.set()

    async def live_beside() -> None:
        while not all_heard.is_set():
            turns.append("other")
            await asyncio.sleep(0)

    async with hub_by(Clock(steady_s=lambda: now_s), live_log, redis, redis_url) as hub:
        for _ in range(40):
            await hub.join(Listener(TOPICS[0], hear, lambda _: None, lambda _: None))
        beside = asyncio.create_task(live_beside())
        await live_log.append(TOPICS[0], BAR, token=token)
        async with asyncio.timeout(DEADLINE_S):
            await all_heard.wait()
        await beside
    first, last = turns.index("listener"), len(turns) - turns[::-1].index("listener")
    runs = [(who, len(list(run))) for who, run in groupby(turns[first:last])]
    assert max(length for who, length in runs if who == "listener") == 5
    # Whoever is due goes on until nobody is: one round may only have woken them.
    assert min(length for who, length in runs if who == "other") >= QUICK_ROUNDS
