import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis

from app_extensions.redis_manager import open_redis
from services.answer_cache import AnswerCache
from services.answer_changes import STREAM, TOLD_AT_ONCE, UNPUBLISHED_MAX, AnswerChanges, version_key
from services.answers import Answer, AnswerKey, Lasting, make_answer, tag_matches
from services.bar_writer import topics_touched, write_bars
from services.history_query import History, HistoryQuery
from services.stores.series import upsert_series
from services.upstream.optional_redis import OptionalRedis, RedisAway
from utils.clock import Clock
from utils.domain import Bar, BarState, Gap, GapReason, Instrument, InstrumentSpec, Span, Timeframe, Topic
from utils.errors import UpstreamDown

HOUR = Timeframe.parse("1h")
BITCOIN = Instrument("simulated", "simex", "BTC/USD")
TOPIC = Topic(BITCOIN, HOUR)
OTHER = Topic(Instrument("simulated", "simex", "ETH/USD"), HOUR)
KEY = AnswerKey(TOPIC.text, "all of it")
NOWHERE = "redis://127.0.0.1:1/0"


@dataclass
class Source:
    """Make answers, numbered; each can be held back."""

    lasting: Lasting = Lasting.SETTLED
    size: int = 10
    made: int = 0
    began: asyncio.Event = field(default_factory=asyncio.Event)
    may_end: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.may_end.set()

    async def make(self) -> Answer:
        self.made += 1
        body = str(self.made).encode().rjust(self.size)
        self.began.set()
        await self.may_end.wait()
        return Answer(body, "text/plain", self.lasting, '"tag"', (("X-One", "1"),))


@dataclass
class Time:
    now_s: float = 1_000.0

    def clock(self) -> Clock:
        return Clock(steady_s=lambda: self.now_s)


class Workers:
    """Open caches as several workers would, on one clock."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.time = Time()
        self.opened: list[AnswerCache] = []

    def open(self, redis: Redis | None = None, bytes_max: int = 1_000_000) -> AnswerCache:
        clock = self.time.clock()
        cache = AnswerCache(OptionalRedis(redis or self.redis, clock.steady_s), clock, bytes_max=bytes_max)
        self.opened.append(cache)
        return cache


@pytest.fixture
async def workers(redis: Redis) -> AsyncIterator[Workers]:
    made = Workers(redis)
    yield made
    for cache in made.opened:
        await cache.close()


@pytest.fixture
async def away() -> AsyncIterator[Redis]:
    client = open_redis(NOWHERE)
    yield client
    await client.aclose()


async def text(cache: AnswerCache, source: Source, key: AnswerKey = KEY) -> str:
    return (await cache.answer(key, source.make)).body.decode().strip()


async def test_however_many_ask_one_answer_is_made(workers: Workers) -> None:
    cache, source = workers.open(), Source()
    assert await asyncio.gather(*(text(cache, source) for _ in range(50))) == ["1"] * 50
    assert source.made == 1


async def test_a_hit_in_the_process_asks_redis_nothing(workers: Workers) -> None:
    cache, source = workers.open(), Source()
    await text(cache, source)
    before = (await workers.redis.info("stats"))["total_commands_processed"]
    for _ in range(10):
        await text(cache, source)
    after = (await workers.redis.info("stats"))["total_commands_processed"]
    # The question itself is a command.
    assert after - before == 1


async def test_another_worker_finds_a_settled_answer_in_redis(workers: Workers) -> None:
    first, second, source = workers.open(), workers.open(), Source()
    answer = await first.answer(KEY, source.make)
    assert await second.answer(KEY, source.make) == answer
    assert source.made == 1


async def test_a_moving_answer_stays_in_the_process_and_out_of_redis(workers: Workers) -> None:
    cache, source = workers.open(), Source(Lasting.MOVING)
    await text(cache, source)
    assert await text(cache, source) == "1"
    assert await workers.redis.keys(f"answer:{{{TOPIC.text}}}:*") == []


async def test_an_answer_for_one_person_is_never_kept(workers: Workers) -> None:
    cache, source = workers.open(), Source(Lasting.NEVER)
    assert [await text(cache, source), await text(cache, source)] == ["1", "2"]
    assert cache.size_bytes == 0


async def test_an_error_is_never_kept(workers: Workers) -> None:
    async def fail() -> Answer:
        raise UpstreamDown("The exchange is away. Try again in a moment.")

    cache, source = workers.open(), Source()
    with pytest.raises(UpstreamDown):
        await cache.answer(KEY, fail)
    assert await text(cache, source) == "1"


async def test_a_change_is_seen_at_once_where_it_was_made(workers: Workers) -> None:
    cache, source = workers.open(), Source()
    await text(cache, source)
    await cache.announce([TOPIC])
    assert await text(cache, source) == "2"


async def test_a_change_of_another_series_changes_nothing(workers: Workers) -> None:
    cache, source = workers.open(), Source()
    await text(cache, source)
    await cache.announce([OTHER])
    assert await text(cache, source) == "1"


async def test_a_change_reaches_another_worker_within_a_second(workers: Workers) -> None:
    here, there, source = workers.open(), workers.open(), Source()
    await text(here, source)
    await text(there, source)
    workers.time.now_s += 0.9
    await text(there, source)  # looks for changes, and from now on knows its position
    await text(there, source)
    await here.announce([TOPIC])
    workers.time.now_s += 0.9
    assert await text(there, source) == str(source.made)
    assert source.made == 2


async def test_without_a_change_no_look_for_one_makes_an_answer_again(workers: Workers) -> None:
    cache, source = workers.open(), Source()
    await text(cache, source)
    workers.time.now_s += 0.9
    await text(cache, source)  # the first look: whatever was before it may have changed
    for _ in range(5):
        workers.time.now_s += 0.9
        await text(cache, source)
    assert source.made == 1


async def test_what_was_read_before_a_change_is_not_kept_after_it(workers: Workers) -> None:
    cache, source = workers.open(), Source()
    source.may_end.clear()
    old = asyncio.create_task(text(cache, source))
    async with asyncio.timeout(5):
        await source.began.wait()
    await cache.announce([TOPIC])
    source.may_end.set()
    assert await text(cache, source) == "2"
    assert await old == "1"
    assert await text(cache, source) == "2"
    assert await text(workers.open(), source) == "2"


async def test_an_answer_past_its_time_is_used_while_one_refresh_runs(workers: Workers) -> None:
    cache, source = workers.open(), Source(Lasting.MOVING)
    await text(cache, source)
    workers.time.now_s += 0.85
    await text(cache, source)
    await text(cache, source)
    made = source.made
    source.began.clear()
    source.may_end.clear()
    workers.time.now_s += 1.1
    used = [await text(cache, source) for _ in range(3)]
    async with asyncio.timeout(5):
        await source.began.wait()
    assert used == [str(made)] * 3
    assert source.made == made + 1
    source.may_end.set()
    # Two intervals on, nobody is given what is that old.
    workers.time.now_s += 2.1
    assert int(await text(cache, source)) > made


async def test_closing_ends_a_refresh_that_hangs(workers: Workers) -> None:
    cache, source = workers.open(), Source(Lasting.MOVING)
    await text(cache, source)
    await cache.announce([])
    source.began.clear()
    source.may_end.clear()
    workers.time.now_s += 1.1
    asking = asyncio.create_task(text(cache, source))
    async with asyncio.timeout(5):
        await source.began.wait()
        await cache.close()
    assert await asking == "1"


async def test_the_process_keeps_no_more_bytes_than_it_may(workers: Workers) -> None:
    cache, source = workers.open(bytes_max=100_000), Source(Lasting.MOVING, size=10_000)
    for number in range(50):
        await text(cache, source, AnswerKey(TOPIC.text, str(number)))
        assert cache.size_bytes <= 100_000
    assert cache.size_bytes > 50_000
    # The newest are there, the oldest are not.
    assert await text(cache, source, AnswerKey(TOPIC.text, "49")) == "50"
    assert await text(cache, source, AnswerKey(TOPIC.text, "0")) == "51"


async def test_zero_bytes_keep_nothing_anywhere(workers: Workers) -> None:
    cache, source = workers.open(bytes_max=0), Source()
    assert [await text(cache, source), await text(cache, source)] == ["1", "2"]
    assert await workers.redis.keys() == []


async def test_without_redis_answers_are_kept_for_less_than_a_second(workers: Workers, away: Redis) -> None:
    cache, source = workers.open(away), Source()
    assert [await text(cache, source), await text(cache, source)] == ["1", "1"]
    workers.time.now_s += 0.9
    assert await text(cache, source) == "2"


async def test_a_change_that_redis_was_not_told_is_told_later(workers: Workers) -> None:
    cache, source = workers.open(), Source()
    await text(cache, source)
    broken, workers.redis.connection_pool = workers.redis.connection_pool, open_redis(NOWHERE).connection_pool
    await cache.announce([TOPIC])
    workers.redis.connection_pool = broken
    workers.time.now_s += 5
    # Redis still has the old answer under the old version, and this worker does not believe it.
    assert await text(cache, source) == "2"
    async with asyncio.timeout(5):
        while await workers.redis.get(version_key(TOPIC.text)) is None:  # noqa: ASYNC110 - Redis tells nobody
            await asyncio.sleep(0.01)
    assert await text(workers.open(), source) == "3"


async def test_closing_tells_what_was_not_told(workers: Workers) -> None:
    redis = OptionalRedis(workers.redis, Clock().steady_s)
    cache = AnswerCache(redis, Clock(), bytes_max=1_000)
    with pytest.raises(RedisAway):
        await redis.ask(lambda: redis.redis.execute_command("NO-SUCH-COMMAND"))
    await cache.announce([TOPIC])
    assert cache.is_owing
    await cache.close()
    assert not cache.is_owing
    assert await workers.redis.get(version_key(TOPIC.text))


async def test_more_changes_than_can_be_noted_are_told_as_a_change_of_everything(workers: Workers) -> None:
    cache, other, source = workers.open(), workers.open(), Source()
    assert [await text(cache, source), await text(other, source)] == ["1", "1"]
    there, workers.redis.connection_pool = workers.redis.connection_pool, open_redis(NOWHERE).connection_pool
    await cache.announce([TOPIC])
    for part in range(4):
        await cache.announce_names([f"topic {part} {number}" for number in range(UNPUBLISHED_MAX // 3)])
    assert len(cache._changes.unpublished) <= UNPUBLISHED_MAX
    workers.redis.connection_pool = there
    workers.time.now_s += 5
    # The change that is no longer noted by its name is not forgotten: nothing in Redis is believed.
    assert await text(cache, source) == "2"
    async with asyncio.timeout(5):
        while cache._changes.unpublished:  # noqa: ASYNC110 - Redis tells nobody
            await asyncio.sleep(0.01)
    assert await text(other, source) == "3"
    assert await text(workers.open(), source) == "3"


async def test_changes_by_the_thousand_are_told_a_part_at_a_time(workers: Workers) -> None:
    cache, other, source = workers.open(), workers.open(), Source()
    assert [await text(cache, source), await text(other, source)] == ["1", "1"]
    before = await workers.redis.xlen(STREAM)
    names = [TOPIC.text, *(f"topic {number}" for number in range(2 * TOLD_AT_ONCE))]
    await cache.announce_names(names)
    assert not cache._changes.unpublished
    assert await workers.redis.xlen(STREAM) == before + len(names)
    workers.time.now_s += 1
    assert await text(other, source) == "2"


async def test_a_change_while_an_earlier_one_is_being_told_is_told_as_well(redis: Redis) -> None:
    class Slow(OptionalRedis):
        """A Redis that answers when it may."""

        async def ask(self, call: Callable[[], Awaitable[Any]]) -> Any:
            told = await super().ask(call)
            self.came.set()
            await self.may_end.wait()
            return told

        came, may_end = asyncio.Event(), asyncio.Event()

    slow = Slow(redis, Clock().steady_s)
    changes = AnswerChanges(slow)
    first = asyncio.create_task(changes.publish(["a"]))
    async with asyncio.timeout(5):
        await slow.came.wait()
        version = await redis.get(version_key("a"))
        second = asyncio.create_task(changes.publish(["a"]))
        await asyncio.sleep(0)
        slow.may_end.set()
        await asyncio.gather(first, second)
    assert await redis.get(version_key("a")) != version
    assert not changes.unpublished


BAR = Bar(1_763_596_800_000, 1.0, 2.0, 0.5, 1.5, 9.0, BarState.CLOSED)
HISTORY = History(
    query=HistoryQuery(BITCOIN, HOUR),
    spec=InstrumentSpec(BITCOIN, "", ""),
    gaps=(),
    as_of_ms=1_763_600_400_000,
    stale=False,
    next_ms=None,
    settled=True,
    bars=(BAR,),
)
UNFETCHED = (Gap(Span(0, 1), GapReason.UNFETCHED),)


@pytest.mark.parametrize(
    ("history", "said"),
    [
        (HISTORY, "public, max-age=300, stale-while-revalidate=86400"),
        (replace(HISTORY, settled=False), "public, max-age=1"),
        (replace(HISTORY, stale=True, settled=False), "no-store"),
        (replace(HISTORY, bars=(), gaps=UNFETCHED, settled=False), "no-store"),
    ],
)
def test_cache_control_tells_the_truth(history: History, said: str) -> None:
    answer = make_answer(history, b"{}", "application/json")
    assert answer.cache_headers["Cache-Control"] == said
    assert ("ETag" in answer.cache_headers) == (said != "no-store")


def test_the_tag_stands_for_all_but_the_time() -> None:
    def tag(body: bytes, history: History = HISTORY) -> str | None:
        return make_answer(history, body, "application/json").etag

    later = replace(HISTORY, as_of_ms=HISTORY.as_of_ms + 1)
    assert tag(b'{"a":1,"as_of_ms":1763600400000,"b":2}') == tag(
        b'{"a":1,"as_of_ms":1763600400001,"b":2}', later
    )
    assert tag(b'{"a":1}') != tag(b'{"a":2}')
    corrected = replace(HISTORY, bars=(replace(BAR, revision=3),))
    assert str(tag(b"{}", corrected)).startswith('W/"r3-')


@pytest.mark.parametrize("tag", ['"t"', 'W/"t"'])
@pytest.mark.parametrize("given", ['"t"', 'W/"t"', '"a", "t"', '"a",W/"t"', "*"])
def test_a_tag_is_found_in_every_way_of_writing_it(given: str, tag: str) -> None:
    assert tag_matches(given, tag)


@pytest.mark.parametrize("given", ["", '"a"', "t", '"t', '"a", "b"'])
def test_another_tag_is_not_taken_for_it(given: str) -> None:
    assert not tag_matches(given, '"t"')


async def test_a_final_bar_touches_its_series_and_what_is_built_from_it(pool: asyncpg.Pool) -> None:
    series = await upsert_series(pool, BITCOIN, HOUR)
    week = Timeframe.parse("1w")
    await upsert_series(pool, BITCOIN, week, derived_from=series)
    async with pool.acquire() as connection:
        forming = await write_bars(connection, series, [replace(BAR, state=BarState.FORMING)])
        assert await topics_touched(connection, series, forming) == ()
        closed = await write_bars(connection, series, [BAR])
        assert await topics_touched(connection, series, closed) == (TOPIC, Topic(BITCOIN, week))
