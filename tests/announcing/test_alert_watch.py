"""Alerts over a real log and a real store: each crossing is in the record once, whoever dies."""

import asyncio
import random

import pytest

from services.announcing.alert_book import ALERTS_MAX
from utils.errors import Conflict

CROSSINGS = 12


async def test_a_crossing_is_recorded_once_by_any_number_of_workers(house, ada):
    await house.pay(90.0)
    await house.add_alert(ada, "100")
    for _ in range(3):
        await house.add_worker()
    for price in (95.0, 101.0, 102.0, 101.0, 97.0, 103.0):
        await house.pay(price)
    firings = await house.firings(ada, 2)
    assert [firing.price for firing in firings] == [101.0, 103.0]


async def test_an_alert_made_while_its_topic_is_watched_misses_no_price(house, ada):
    await house.add_alert(ada, "500")
    await house.add_worker()
    await house.pay(90.0)
    for number in range(5):
        await house.add_alert(ada, f"{100 + number}")
        # Nobody waits for the worker to have heard of it.
        await house.pay(200.0)
        await house.pay(90.0)
    fired = {firing.level for firing in await house.firings(ada, 5 + 4 + 3 + 2 + 1)}
    assert len(fired) == 5


async def test_what_happened_while_nobody_watched_is_found_in_the_log(house, ada):
    await house.pay(90.0)
    await house.add_alert(ada, "100")
    for price in (101.0, 90.0, 102.0):
        await house.pay(price)
    await house.add_worker()
    assert [firing.price for firing in await house.firings(ada, 2)] == [101.0, 102.0]


@pytest.mark.parametrize("seed", range(4))
async def test_every_crossing_is_recorded_once_while_workers_are_killed(house, ada, seed):
    rng = random.Random(seed)
    await house.pay(90.0)
    await house.add_alert(ada, "100")

    async def trade() -> None:
        for number in range(CROSSINGS):
            await house.pay(101.0 + number)
            await asyncio.sleep(rng.random() / 50)
            await house.pay(90.0)

    async def murder() -> None:
        while not trading.done():
            worker = await house.add_worker()
            await asyncio.sleep(rng.random() / 10)
            await house.kill(worker)

    trading = asyncio.create_task(trade())
    await asyncio.gather(trading, murder())
    await house.add_worker()
    firings = await house.firings(ada, CROSSINGS)
    assert [firing.price for firing in firings] == [101.0 + number for number in range(CROSSINGS)]


async def test_an_alert_that_was_deleted_fires_no_more(house, ada, pool):
    await house.pay(90.0)
    alert = await house.add_alert(ada, "100")
    kept = await house.add_alert(ada, "100")
    await house.add_worker()
    await pool.execute("DELETE FROM price_alert WHERE alert_id = $1", alert.alert_id)
    await house.pay(101.0)
    assert [firing.alert_id for firing in await house.firings(ada, 1)] == [kept.alert_id]


async def test_a_user_may_have_so_many_alerts_and_no_more(house, ada):
    made = await asyncio.gather(
        *(house.add_alert(ada, "100") for _ in range(ALERTS_MAX + 3)), return_exceptions=True
    )
    refused = [outcome for outcome in made if isinstance(outcome, BaseException)]
    assert len(refused) == 3
    assert all(isinstance(outcome, Conflict) for outcome in refused)
