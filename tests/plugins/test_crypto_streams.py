"""What is read from ccxt's caches: all of it, once, in order, however the frames fall."""

import asyncio

import pytest
from ccxt.async_support.base.ws.cache import ArrayCache, ArrayCacheBySymbolById, ArrayCacheByTimestamp
from hypothesis import given
from hypothesis import strategies as st

from plugins.crypto_streams import (
    UNREAD_MAX,
    BarReader,
    CacheOverrunError,
    Listener,
    TradeReader,
    parse_bar,
    parse_trade,
)
from utils.domain import Trade
from utils.errors import UpstreamDown


def raw_trade(number: int, *, name: str | None = None) -> dict[str, object]:
    key = str(number) if name is None else name
    return {"symbol": "A/B", "id": key, "timestamp": number, "price": 1.0, "amount": 2.0}


@given(
    st.sampled_from([ArrayCache, ArrayCacheBySymbolById]),
    st.lists(st.integers(0, 9), max_size=60),
    st.integers(0, 20),
)
def test_every_trade_is_read_once_whatever_the_frames(
    kind: type[ArrayCache], frames: list[int], before: int
) -> None:
    cache, reader, expected, found = kind(10), TradeReader(parse_trade), [], []
    for number in range(before):
        cache.append(raw_trade(number))
    reader.prime(cache)
    number = before
    for size in frames:
        for number in range(number, number + size):  # noqa: B020  # counts on
            cache.append(raw_trade(number))
            expected.append(str(number))
        number += 1 if size else 0
        found += [trade.id for trade in reader.read(cache)]
    assert found == expected


@given(st.lists(st.integers(0, 30), max_size=80))
def test_repeated_ids_are_read_once(ids: list[int]) -> None:
    cache, reader, found = ArrayCache(1000), TradeReader(parse_trade), []
    for number in ids:
        cache.append(raw_trade(number))
        found += [trade.id for trade in reader.read(cache)]
    assert found == [str(number) for number in dict.fromkeys(ids)]


def test_trades_without_an_id_are_all_believed() -> None:
    cache, reader = ArrayCache(10), TradeReader(parse_trade)
    for _ in range(3):
        cache.append(raw_trade(5, name=""))
    assert len(reader.read(cache)) == 3


def test_a_cache_that_ran_over_is_not_taken_for_whole() -> None:
    cache, reader = ArrayCache(5), TradeReader(parse_trade)
    cache.append(raw_trade(0))
    reader.read(cache)
    for number in range(1, 7):
        cache.append(raw_trade(number))
    with pytest.raises(CacheOverrunError):
        reader.read(cache)


def test_a_cache_made_anew_goes_on_where_the_old_one_ended() -> None:
    reader = TradeReader(parse_trade)
    old, new = ArrayCache(10), ArrayCache(10)
    for number in range(4):
        old.append(raw_trade(number))
    reader.read(old)
    for number in range(2, 7):
        new.append(raw_trade(number))
    assert [trade.id for trade in reader.read(new)] == ["4", "5", "6"]


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(1, 9)), max_size=60))
def test_the_last_word_on_every_recent_bar_is_read(updates: list[tuple[int, float]]) -> None:
    cache, reader, known = ArrayCacheByTimestamp(100), BarReader(), {}
    newest = 0
    for place, close in updates:
        newest = max(newest, place)
        # An exchange changes the newest bar or the one before.
        time_ms = max(place, newest - 1) * 60_000
        if time_ms // 60_000 < newest and time_ms not in cache.hashmap:
            continue
        cache.append([time_ms, 1.0, 9.0, 1.0, close, 1.0])
        known |= {bar.open_time_ms: bar.close for bar in reader.read(cache)}
    assert known == {row[0]: row[4] for row in cache}


def test_an_unchanged_bar_is_no_news() -> None:
    cache, reader = ArrayCacheByTimestamp(10), BarReader()
    cache.append([60_000, 1.0, 2.0, 1.0, 2.0, 3.0])
    assert len(reader.read(cache)) == 1
    assert reader.read(cache) == []
    cache.append([60_000, 1.0, 2.0, 1.0, 2.0, 3.0])
    assert reader.read(cache) == []


@pytest.mark.parametrize(
    "row", [[None, 1, 1, 1, 1, 1], [60_000, None, 1, 1, 1, 1], [60_000, 1, 1], [60_000, "x", 1, 1, 1, 1]]
)
def test_a_row_that_is_no_bar_is_refused(row: list[object]) -> None:
    assert parse_bar(row) is None


def test_a_trade_without_a_price_is_refused() -> None:
    assert parse_trade({"id": "1", "timestamp": 1, "price": None, "amount": 1}) is None
    assert parse_trade({"id": None, "timestamp": 1, "price": 2, "amount": 1}) == Trade("", 1, 2.0, 1.0)


async def test_a_listener_reads_all_that_came_before_the_end_and_then_the_end() -> None:
    listener: Listener[int] = Listener()
    listener.put([1, 2])
    listener.put([3])
    listener.fail(UpstreamDown("First. Wait."))
    listener.fail(UpstreamDown("Second. Wait."))
    async with asyncio.timeout(1):
        assert await listener.take() == (1, 2, 3)
        for _ in range(2):
            with pytest.raises(UpstreamDown, match="First"):
                await listener.take()


async def test_a_listener_too_far_behind_is_told_so() -> None:
    listener: Listener[int] = Listener()
    listener.put(range(UNREAD_MAX))
    listener.put([1])
    assert len(await listener.take()) == UNREAD_MAX
    with pytest.raises(UpstreamDown, match="too slowly"):
        await listener.take()
