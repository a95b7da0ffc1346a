"""Keep feeds running where somebody listens: one holder a topic, retried with backoff, ended at last."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from redis.exceptions import RedisError

from services.live.feed import Feed, FeedSilent
from services.live.feeds import KeptFeed
from services.live.lease import RENEW_S, RETRY_S, Leases
from services.live.log import FeedStatus, LeaseLost, LiveLog
from services.stores.losses import DATABASE_AWAY
from utils import figures
from utils.clock import Clock
from utils.domain import Topic
from utils.errors import AppError
from utils.tasks import end_tasks, start_apart

# A feed outlives its last listener by this long: people switch charts back and forth.
LINGER_S = 10.0
BACKOFF_MIN_S, BACKOFF_MAX_S = 0.5, 30.0

log = logging.getLogger(__name__)

# A session that lasted this long was a good one: the next failure starts with a short wait again.
GOOD_SESSION_S = 60.0

# The log is our own and comes back for all at once: nobody needs to be spared.
LOG_AWAY_MAX_S = 2.0

UPSTREAM_AWAY = (AppError, FeedSilent)

LIVE = "Live prices."
STALE = "The live feed was lost. It is being opened again."
DELAYED = "Live prices are held up, because the database is away. They go on by themselves."


@dataclass(slots=True)
class _Past:
    """What one session of a feed leaves to the next, and to whoever asks how the topic is."""

    fed_until_ms: int | None = None
    held: bool = False
    said: FeedStatus | None = None
    # Only while it runs: what it folds and remembers is of no use afterwards.
    feed: Feed | None = None
    heard_until_s: float | None = None

    @property
    def heard_s(self) -> float | None:
        """Return when the exchange was heard last, by the steady clock; None before its first word."""
        heard_s = None if self.feed is None else self.feed.heard_s
        return self.heard_until_s if heard_s is None else heard_s


@dataclass(slots=True)
class _Kept:
    task: asyncio.Task[None]
    past: _Past
    listeners: int = 0
    ending: asyncio.TimerHandle | None = None


async def _nothing(_: Topic) -> None: ...


class FeedKeeper:
    """Count the listeners of each topic on this worker and feed the topics this worker holds."""

    def __init__(
        self,
        *,
        leases: Leases,
        log_: LiveLog,
        clock: Clock,
        open_feed: Callable[[Topic, int | None], Awaitable[Feed]],
        beside: Callable[[Topic], Awaitable[None]] = _nothing,
        linger_s: float = LINGER_S,
    ) -> None:
        self._leases = leases
        self._clock = clock
        self._log = log_
        self._open_feed = open_feed
        # What else is done with a topic by the one worker that holds it.
        self._beside = beside
        self._linger_s = linger_s
        self._kept: dict[Topic, _Kept] = {}
        self._ended: set[asyncio.Task[None]] = set()
        self._giving_back: set[asyncio.Task[None]] = set()

    def want(self, topic: Topic) -> None:
        """Count one more listener; the first starts the feed."""
        kept = self._kept.get(topic)
        if kept is None:
            past = _Past()
            task = start_apart(self._keep(topic, past), name=f"feed {topic.text}")
            kept = self._kept[topic] = _Kept(task, past)
        if kept.ending is not None:
            kept.ending.cancel()
            kept.ending = None
        kept.listeners += 1

    def unwant(self, topic: Topic) -> None:
        """Count one listener less; after the last one has been gone for a while the feed ends."""
        kept = self._kept[topic]
        kept.listeners -= 1
        if kept.listeners == 0:
            loop = asyncio.get_running_loop()
            kept.ending = loop.call_later(self._linger_s, self._end, topic)

    @property
    def running(self) -> tuple[Topic, ...]:
        """Return the topics that are kept on this worker."""
        return tuple(self._kept)

    @property
    def states(self) -> tuple[KeptFeed, ...]:
        """Return how each topic is that is kept on this worker."""
        return tuple(
            KeptFeed(topic, past.held, past.said, past.heard_s)
            for topic, past in ((topic, kept.past) for topic, kept in self._kept.items())
        )

    async def close(self) -> None:
        """End every feed and give the leases back."""
        for topic in list(self._kept):
            self._end(topic)
        await end_tasks(self._ended)
        if self._giving_back:
            # Each is bounded by the deadline of the Redis client.
            await asyncio.wait(self._giving_back)

    def _end(self, topic: Topic) -> None:
        kept = self._kept.pop(topic)
        if kept.ending is not None:
            kept.ending.cancel()
        kept.task.cancel()
        self._ended.add(kept.task)
        kept.task.add_done_callback(self._ended.discard)

    async def _keep(self, topic: Topic, past: _Past) -> None:
        backoff_s = BACKOFF_MIN_S
        loop = asyncio.get_running_loop()
        while True:
            began_s = loop.time()
            try:
                if await self._leases.take(topic):
                    await self._hold(topic, past)
                else:
                    await asyncio.sleep(RETRY_S)
                    continue
            except* LeaseLost:
                self._count_interruption(topic, "lease")
                log.info("topic lost to another worker", extra={"topic": topic.text})
            except* RedisError as failures:
                self._count_interruption(topic, "log")
                log.info("feed without a log", extra={"topic": topic.text, "reason": _reason(failures)})
                backoff_s = min(backoff_s, LOG_AWAY_MAX_S)
            except* (*UPSTREAM_AWAY, *DATABASE_AWAY) as failures:
                self._count_interruption(topic, _part_of(failures))
                log.warning("feed ended", extra={"topic": topic.text, "reason": _reason(failures)})
            except* Exception:
                # The loop outlives a fault of its own making: one bad topic must not stay dark for ever.
                self._count_interruption(topic, "fault")
                log.exception("feed failed", extra={"topic": topic.text})
            if loop.time() - began_s > GOOD_SESSION_S:
                backoff_s = BACKOFF_MIN_S
            # Full jitter, so that feeds cut off together do not come back together.
            await asyncio.sleep(random.uniform(0, backoff_s))  # noqa: S311 - no secret
            backoff_s = min(BACKOFF_MAX_S, backoff_s * 2)

    def _count_interruption(self, topic: Topic, reason: str) -> None:
        figures.FEED_INTERRUPTIONS.add(1, topic.instrument.exchange, reason)

    async def _hold(self, topic: Topic, past: _Past) -> None:
        past.held = True
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._renew_for_ever(topic))
                group.create_task(self._run_beside(topic))
                feed = past.feed = await self._open_feed(topic, past.fed_until_ms)
                try:
                    await feed.run(lambda: self._say(topic, past, "live", LIVE))
                finally:
                    past.fed_until_ms, past.heard_until_s, past.feed = feed.fed_until_ms, past.heard_s, None
        except* UPSTREAM_AWAY:
            await self._say(topic, past, "stale", STALE)
            raise
        except* DATABASE_AWAY:
            await self._say(topic, past, "delayed", DELAYED)
            raise
        finally:
            past.held = False
            # Also when this feed is cancelled: the next holder need not wait for the term to end.
            giving = asyncio.create_task(self._give_back(topic))
            self._giving_back.add(giving)
            giving.add_done_callback(self._giving_back.discard)
            await asyncio.shield(giving)

    async def _run_beside(self, topic: Topic) -> None:
        await self._beside(topic)

    async def _say(self, topic: Topic, past: _Past, state: str, text: str) -> None:
        status = past.said = FeedStatus(state, self._clock.now_ms(), text)
        await self._log.append(topic, status, token=self._leases.token)

    async def _give_back(self, topic: Topic) -> None:
        try:
            await self._leases.release(topic)
        except (RedisError, OSError):
            log.info("lease not given back; it ends by itself", extra={"topic": topic.text})

    async def _renew_for_ever(self, topic: Topic) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            if not await self._leases.renew(topic):
                raise LeaseLost


def _part_of(failures: BaseExceptionGroup[BaseException]) -> str:
    if failures.subgroup(FeedSilent) is not None:
        return "silent"
    return "exchange" if failures.subgroup(AppError) is not None else "database"


def _reason(failures: BaseExceptionGroup[BaseException]) -> str:
    leaves: list[str] = []
    for failure in failures.exceptions:
        if isinstance(failure, BaseExceptionGroup):
            leaves.append(_reason(failure))
        else:
            leaves.append(f"{type(failure).__name__}: {failure}")
    return "; ".join(leaves)[:200]
