"""How many topics alerts may wait for: never more than are fed, and some of them left for everybody."""

import asyncio
from decimal import Decimal

import asyncpg
import pytest

from services.announcing import alert_book
from services.announcing.alert_book import AlertBook
from services.announcing.record import FiringRecord
from services.stores.alerts import AlertKind, AlertTerms, PriceAlert
from services.stores.locks import lock_until_commit
from tests.announcing.alert_house import AlertHouse, learn_nothing
from tests.user_maker import making_users
from utils.accounts import Role
from utils.domain import Instrument, Timeframe, Topic
from utils.errors import Conflict

MINUTE = Timeframe.parse("1m")


def terms(number: int) -> AlertTerms:
    """An alert of a topic of this number."""
    topic = Topic(Instrument("crypto", "x", f"C{number}/USD"), MINUTE)
    return AlertTerms(topic, AlertKind.CROSS_ABOVE, Decimal(100), None, None, Decimal(1), repeats=True)


@pytest.fixture
def book(house: AlertHouse) -> AlertBook:
    record = FiringRecord(house.pool, house.redis, house.redis, learn_nothing)
    return AlertBook(pool=house.pool, clock=house.clock, log_=house.log, record=record)


@pytest.fixture
async def people(pool: asyncpg.Pool) -> list[int]:
    with making_users(pool) as accounts:
        names = [f"person{number}" for number in range(12)]
        users = [await accounts.create_user(name, "a horse in a field of corn", Role.USER) for name in names]
    return [user.user_id for user in users]


async def topics(pool: asyncpg.Pool) -> int:
    return int(await pool.fetchval("SELECT count(DISTINCT symbol) FROM price_alert"))


async def test_of_those_who_come_at_once_as_many_get_in_as_there_are_topics_left(
    book: AlertBook, people: list[int], pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_book, "TOPICS_MAX", 7)
    asked = (book.create(user_id, terms(number)) for number, user_id in enumerate(people))
    outcomes = await asyncio.gather(*asked, return_exceptions=True)

    refused = [each for each in outcomes if not isinstance(each, PriceAlert)]
    assert [getattr(each, "error_code", each) for each in refused] == ["too_many_alert_topics"] * 5
    assert await topics(pool) == 7


async def test_who_joins_a_topic_whose_last_alert_goes_makes_none_too_many(
    book: AlertBook, people: list[int], pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_book, "TOPICS_MAX", 1)
    for _ in range(10):
        first = await book.create(people[0], terms(0))
        asked = (
            book.create(people[1], terms(0)),
            book.delete(people[0], first.alert_id),
            book.create(people[2], terms(1)),
        )
        await asyncio.gather(*asked, return_exceptions=True)
        assert await topics(pool) == 1
        await pool.execute("DELETE FROM price_alert")


async def test_one_account_alone_leaves_half_of_the_topics_to_others(
    book: AlertBook, people: list[int], pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_book, "TOPICS_MAX", 20)
    monkeypatch.setattr(alert_book, "TOPICS_ALONE_MAX", 3)
    greedy, other, third, *_ = people
    # Nobody is held to a share while there is enough.
    for number in range(10):
        await book.create(greedy, terms(number))
    with pytest.raises(Conflict, match="You alone have alerts for 10 symbols") as caught:
        await book.create(greedy, terms(10))
    assert caught.value.error_code == "too_many_alert_topics"

    # What is watched in any case is open to everybody, and so are three more to others.
    await book.create(other, terms(0))
    for number in (20, 21, 22):
        await book.create(other, terms(number))
    with pytest.raises(Conflict, match="You alone have alerts for 3 symbols"):
        await book.create(other, terms(23))
    # Others who want the same make a topic nobody's own.
    await book.create(third, terms(20))
    await book.create(other, terms(23))


async def test_who_waits_too_long_for_others_is_told_to_come_back(
    book: AlertBook, people: list[int], pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_book, "LOCK_TIMEOUT_S", 0.05)
    async with pool.acquire() as connection, connection.transaction():
        await lock_until_commit(connection, alert_book.TOPICS_LOCK, timeout_s=1)
        with pytest.raises(TimeoutError):
            await book.create(people[0], terms(0))
    assert (await book.create(people[0], terms(0))).user_id == people[0]
