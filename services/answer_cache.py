"""Ready answers, kept in the process, behind it in Redis, and made where neither has them.

An answer in the process costs no question to Redis. How old it may be at most, across all workers: news of
changed bars are read before an answer is used whose last proof is older than ``PROOF_AGE_S``.
"""

import asyncio
import contextvars
import functools
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from services.answer_changes import AnswerChanges, Generations
from services.answers import Answer, AnswerKey, Lasting
from services.shared_answers import LIFE_S, SharedAnswers
from services.single_flight import SingleFlight
from services.upstream.optional_redis import OptionalRedis, RedisAway
from utils.clock import Clock
from utils.domain import Topic
from utils.tasks import end_tasks, start_apart

# How long an answer is fresh in the process; for as long again it may be used while it is made anew.
# What is listed is never older than five minutes: twice this, and as long in Redis before.
FRESH_S = {Lasting.SETTLED: 60.0, Lasting.LISTED: 100.0, Lasting.MOVING: 1.0}
# A correction reaches every worker within a second: this, and a moment for telling it.
PROOF_AGE_S = 0.8
RETRY_S = 1.0
# For what was not told when the cache is closed: one pause, and a moment for telling it.
LAST_TRY_S = RETRY_S + 1.0
ENTRIES_MAX = 10_000
REFRESHES_MAX = 32
# What an entry takes beside its body, with its headers as they are sent, rounded up.
ENTRY_BYTES = 3_000

log = logging.getLogger(__name__)

Make = Callable[[], Awaitable[Answer]]


@dataclass(slots=True)
class Counts:
    """Count what became of the questions."""

    hits: int = 0
    shared_hits: int = 0
    made: int = 0
    refreshes_failed: int = 0


@dataclass(slots=True)
class _Entry:
    answer: Answer
    make: Make
    proven_s: float
    fresh_until_s: float
    usable_until_s: float


class AnswerCache:
    """Answer questions with bytes; ``bytes_max`` 0 keeps nothing, neither here nor in Redis."""

    def __init__(self, redis: OptionalRedis, clock: Clock, *, bytes_max: int) -> None:
        self._clock = clock
        self._bytes_max = bytes_max
        self._changes = AnswerChanges(redis)
        self._shared = SharedAnswers(redis)
        self._entries: OrderedDict[AnswerKey, _Entry] = OrderedDict()
        self._keys: dict[str, set[AnswerKey]] = {}
        self._bytes = 0
        self._synced_s = float("-inf")
        self._generations = Generations()
        self._making: SingleFlight[Answer] = SingleFlight()
        self._syncing: SingleFlight[None] = SingleFlight()
        self._refreshes: dict[AnswerKey, asyncio.Task[Answer]] = {}
        self._retry: asyncio.Task[None] | None = None
        self.counts = Counts()

    @property
    def size_bytes(self) -> int:
        """Return how much is kept in the process."""
        return self._bytes

    @property
    def is_owing(self) -> bool:
        """Tell whether a change is known here that other workers were not told."""
        return bool(self._changes.unpublished)

    async def close(self) -> None:
        """End what runs by itself; what is still to be told gets one more try, bounded."""
        retry = [self._retry] if self._retry else []
        if retry and self.is_owing:
            await asyncio.wait(retry, timeout=LAST_TRY_S)
        await end_tasks([*self._refreshes.values(), *retry])
        await asyncio.gather(self._making.close(), self._syncing.close())

    async def answer(self, key: AnswerKey, make: Make) -> Answer:
        """Return the kept answer, or the one that ``make`` makes, which whoever asks meanwhile gets as well.

        What ``make`` raises is raised, and not kept.
        """
        if not self._bytes_max:
            return await make()
        found = await self.find(key)
        return found if found is not None else await self._load(key, make)

    async def find(self, key: AnswerKey) -> Answer | None:
        """Return the answer if it is here and still holds; waits only to hear of changes, now and then."""
        found = self.peek(key)
        if found is not None or key not in self._entries:
            return found
        await self._syncing.run("changes", self._sync)
        return self.peek(key)

    def peek(self, key: AnswerKey) -> Answer | None:
        """Return the answer if it is here and known to hold without asking anybody."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        now_s = self._clock.steady_s()
        if now_s - max(entry.proven_s, self._synced_s) >= PROOF_AGE_S:
            return None
        if now_s >= entry.fresh_until_s and not self._may_still_be_used(key, entry, now_s):
            return None
        self._entries.move_to_end(key)
        self.counts.hits += 1
        return entry.answer

    async def announce(self, topics: Collection[Topic]) -> None:
        """Forget the answers of topics whose bars have changed, here now and elsewhere within a second.

        To be called when the change is committed. Never fails: what cannot be told now is told later.
        """
        await self.announce_names({topic.text for topic in topics})

    async def announce_names(self, names: Collection[str]) -> None:
        """Forget the answers of topics by their names; as ``announce`` does."""
        if not names:
            return
        self._forget(names)
        try:
            await self._changes.publish(names)
        except RedisAway:
            if self._retry is None or self._retry.done():
                self._retry = start_apart(self._publish_later(), name="changes told later")

    async def _publish_later(self) -> None:
        while self._changes.unpublished:
            await self._clock.sleep_s(RETRY_S)
            try:
                await self._changes.publish()
            except RedisAway:
                continue

    async def _sync(self) -> None:
        asked_s = self._clock.steady_s()
        try:
            changed = await self._changes.read_new()
        except RedisAway:
            return
        if changed is None or changed:
            self._forget(changed)
        self._synced_s = asked_s

    def _may_still_be_used(self, key: AnswerKey, entry: _Entry, now_s: float) -> bool:
        if now_s >= entry.usable_until_s:
            self._drop(key)
            return False
        if key not in self._refreshes:
            if len(self._refreshes) >= REFRESHES_MAX:
                return False
            # Whoever finds it due has an answer, and is gone before this one is made.
            task = start_apart(self._load(key, entry.make), name="answer made anew")
            self._refreshes[key] = task
            refreshed = functools.partial(self._refreshed, key)
            task.add_done_callback(refreshed, context=contextvars.Context())
        return True

    def _refreshed(self, key: AnswerKey, task: "asyncio.Task[Answer]") -> None:
        del self._refreshes[key]
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.counts.refreshes_failed += 1
            log.warning("an answer could not be made anew", extra={"error_type": type(error).__name__})

    async def _load(self, key: AnswerKey, make: Make) -> Answer:
        # What Redis has is believed of the Redis that was looked at: it may have come back with less.
        if key.may_settle and self._clock.steady_s() - self._synced_s >= PROOF_AGE_S:
            await self._syncing.run("changes", self._sync)
        # A call that began before a change is not for those who ask after it.
        generation = self._generations.of(key.topic)
        return await self._making.run(
            (key, generation), functools.partial(self._load_once, key, make, generation)
        )

    async def _load_once(self, key: AnswerKey, make: Make, generation: tuple[int, int]) -> Answer:
        proven_s = self._clock.steady_s()
        believed = key.may_settle and self._changes.is_told(key.topic)
        shared = await self._shared.read(key) if believed else None
        if shared is not None and shared.answer is not None:
            answer = shared.answer
            self.counts.shared_hits += 1
        else:
            answer = await make()
            self.counts.made += 1
            if shared is not None and answer.lasting in LIFE_S:
                await self._shared.write(key, shared.version, answer)
        if generation == self._generations.of(key.topic):
            self._keep(key, answer, make, proven_s)
        return answer

    def _keep(self, key: AnswerKey, answer: Answer, make: Make, proven_s: float) -> None:
        self._drop(key)
        if answer.lasting is Lasting.NEVER or len(answer.body) > self._bytes_max:
            return
        fresh_s = FRESH_S[answer.lasting]
        self._entries[key] = _Entry(answer, make, proven_s, proven_s + fresh_s, proven_s + 2 * fresh_s)
        self._keys.setdefault(key.topic, set()).add(key)
        self._bytes += len(answer.body) + ENTRY_BYTES
        while self._bytes > self._bytes_max or len(self._entries) > ENTRIES_MAX:
            self._drop(next(iter(self._entries)))

    def _forget(self, topics: Collection[str] | None) -> None:
        self._generations.advance(topics)
        for topic in list(self._keys) if topics is None else topics:
            for key in tuple(self._keys.get(topic, ())):
                self._drop(key)

    def _drop(self, key: AnswerKey) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        self._bytes -= len(entry.answer.body) + ENTRY_BYTES
        keys = self._keys[key.topic]
        keys.discard(key)
        if not keys:
            del self._keys[key.topic]
