"""Lists of coins are what plain Python makes of the same coins, page by page, whatever comes in between."""

import itertools
from random import Random

import asyncpg
import pytest

from services.coins.listings import CURSOR_LIFE_MS, CoinListings
from services.coins.questions import Category, Cursor, ListQuestion, Window, top_question
from services.stores.coin_filters import Bounds, CoinFilter, Order, SortBy
from tests.coins.made_coins import FIGURES, NOW_MS, PROVIDER, SYMBOLS, made_coins, naive_list, page_of, store
from utils.clock import Clock
from utils.domain import HOUR_MS, MINUTE_MS
from utils.errors import InvalidRequest

COINS = made_coins(Random(8), 120)
QUESTIONS_ASKED = 150
SEARCHES = ("", "", "", "", "", "", "bit", "ÄTHER", "coin 1", "ẞtein", "slug-1", "nothing at all", "%", "_")


def listings_at(pool: asyncpg.Pool, now_ms: int = NOW_MS, providers: tuple[str, ...] = (PROVIDER,)):
    return CoinListings(pool, Clock(now_ms=lambda: now_ms), providers=providers)


def random_question(chance: Random) -> ListQuestion:
    def bound() -> float | None:
        return chance.choice(FIGURES) if chance.random() < 0.15 else None

    sort_by = chance.choice(list(SortBy))
    counted = sort_by not in (SortBy.NAME, SortBy.SYMBOL)
    return ListQuestion(
        filter=CoinFilter(
            symbols=tuple(chance.sample(SYMBOLS, chance.choice((0, 0, 0, 3)))),
            search=chance.choice(SEARCHES),
            bounds=Bounds(bound(), bound(), bound(), bound(), bound(), bound()),
            sort_known=chance.random() < 0.3,
            gaining=chance.choice((None, None, True, False)) if counted else None,
        ),
        sort_by=sort_by,
        order=chance.choice(list(Order)),
        limit=chance.choice((1, 7, 50, 250)),
        offset=chance.choice((0, 0, 0, 3, 119, 500)),
    )


async def walk(listings: CoinListings, question: ListQuestion, between=None) -> list[str]:
    """Return the ids of all pages, from the first cursor to the last."""
    page = await listings.list(question)
    seen = [each.coin.coin_id for each in page.coins]
    for turn in itertools.count():
        if page.next is None:
            return seen
        if between is not None:
            await between(turn)
        page = await listings.list(question, Cursor.parse(page.next))
        seen += [each.coin.coin_id for each in page.coins]
    raise AssertionError


async def test_every_list_is_what_plain_python_makes_of_it(pool: asyncpg.Pool) -> None:
    await store(pool, page_of(COINS))
    chance, listings = Random(34), listings_at(pool)
    found_something = 0
    for _ in range(QUESTIONS_ASKED):
        question = random_question(chance)
        whole = naive_list(COINS, question)
        page = await listings.list(question)
        given = [each.coin for each in page.coins]
        assert given == whole[question.offset : question.offset + question.limit], question
        assert page.total == len(whole), question
        found_something += bool(given)
    assert found_something > QUESTIONS_ASKED // 3


@pytest.mark.parametrize("sort_by", list(SortBy))
@pytest.mark.parametrize("order", list(Order))
async def test_what_is_unknown_comes_last_in_both_orders(
    pool: asyncpg.Pool, sort_by: SortBy, order: Order
) -> None:
    await store(pool, page_of(COINS))
    question = ListQuestion(sort_by=sort_by, order=order, limit=250)
    page = await listings_at(pool).list(question)
    assert [each.coin for each in page.coins] == naive_list(COINS, question)


async def test_pages_together_are_the_whole_list_even_when_syncs_come_in_between(pool: asyncpg.Pool) -> None:
    await store(pool, page_of(COINS))
    chance, listings = Random(5), listings_at(pool, NOW_MS + MINUTE_MS)

    async def sync_again(turn: int) -> None:
        coins = made_coins(chance, 130)
        await store(pool, page_of(chance.sample(coins, 60), NOW_MS + turn + 1))

    for sort_by, order in ((SortBy.MARKET_CAP, Order.DESC), (SortBy.CHANGE_24H, Order.ASC)):
        question = ListQuestion(sort_by=sort_by, order=order, limit=17)
        before = await listings.list(ListQuestion(sort_by=sort_by, order=order, limit=250))
        seen = await walk(listings, question, sync_again)
        assert seen == [each.coin.coin_id for each in before.coins]
        assert len(set(seen)) == len(seen) == before.total


async def test_a_cursor_of_another_list_is_refused(pool: asyncpg.Pool) -> None:
    await store(pool, page_of(COINS))
    listings = listings_at(pool)
    page = await listings.list(ListQuestion(limit=5))
    assert page.next is not None
    with pytest.raises(InvalidRequest, match="belongs to another list"):
        await listings.list(ListQuestion(sort_by=SortBy.PRICE, limit=5), Cursor.parse(page.next))
    assert len((await listings.list(ListQuestion(limit=9), Cursor.parse(page.next))).coins) == 9


async def test_a_cursor_lives_half_an_hour_after_its_list_was_replaced(pool: asyncpg.Pool) -> None:
    await store(pool, page_of(COINS))
    page = await listings_at(pool).list(ListQuestion(limit=5))
    assert page.next is not None
    cursor = Cursor.parse(page.next)
    # However old a list is: as long as it is the newest, it can be read on.
    later_ms = NOW_MS + 48 * HOUR_MS
    assert (await listings_at(pool, later_ms).list(ListQuestion(limit=5), cursor)).coins
    await store(pool, page_of(COINS, later_ms))
    assert (await listings_at(pool, later_ms + CURSOR_LIFE_MS).list(ListQuestion(limit=5), cursor)).coins
    with pytest.raises(InvalidRequest, match="too old"):
        await listings_at(pool, later_ms + CURSOR_LIFE_MS + 1).list(ListQuestion(limit=5), cursor)


async def test_an_answer_that_was_asked_for_earlier_changes_nothing_when_it_comes_late(
    pool: asyncpg.Pool,
) -> None:
    newer, older = made_coins(Random(1), 3), made_coins(Random(2), 5)
    await store(pool, page_of(newer, NOW_MS))
    await store(pool, page_of(older, NOW_MS - 1), now_ms=NOW_MS + 1)
    page = await listings_at(pool).list(ListQuestion(limit=50))
    assert {each.coin for each in page.coins} == {*newer, *older[3:]}
    assert {each.fetched_ms for each in page.coins if each.coin in newer} == {NOW_MS}


async def test_nothing_was_listed_yet(pool: asyncpg.Pool) -> None:
    page = await listings_at(pool).list(ListQuestion())
    assert (page.coins, page.total, page.provider, page.as_of_ms, page.stale) == ((), 0, None, None, True)


@pytest.mark.parametrize("category", list(Category))
async def test_the_first_of_a_category_are_what_its_rule_says(pool: asyncpg.Pool, category: Category) -> None:
    await store(pool, page_of(COINS))
    question = top_question(category, window=Window.DAY, limit=20, min_volume=0.5, provider=None)
    page = await listings_at(pool).list(question)
    given = [each.coin for each in page.coins]
    assert given == naive_list(COINS, question)[:20]
    assert given
    changes = [coin.figures.change_24h_percent for coin in given]
    if category is Category.GAINERS:
        assert all(change > 0 for change in changes)
    if category is Category.LOSERS:
        assert all(change < 0 for change in changes)
