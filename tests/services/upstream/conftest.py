"""A real Valkey, a Redis that is not there, and a steady clock that tests move by hand."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest
from redis.asyncio import Redis

from app_extensions.redis_manager import open_redis
from services.upstream.exchange_guard import GuardParts
from services.upstream.limits import UpstreamLimits
from services.upstream.optional_redis import OptionalRedis

DEADLINE_S = 5.0


@dataclass
class HandSteady:
    """Stand still until it is moved."""

    now_s: float = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Exchange:
    """Count the questions put to it, and answer each with what comes next, the last one for ever."""

    answers: list[Exception | str] = field(default_factory=lambda: ["bars"])
    asked: int = 0

    async def answer(self) -> str:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def steady() -> HandSteady:
    return HandSteady()


@pytest.fixture
def here(redis: Redis, steady: HandSteady) -> OptionalRedis:
    """A Redis that answers."""
    return OptionalRedis(redis, steady)


@pytest.fixture
async def away(unused_tcp_port: int, steady: HandSteady) -> AsyncIterator[OptionalRedis]:
    """A Redis that nobody answers for."""
    client = open_redis(f"redis://127.0.0.1:{unused_tcp_port}/0")
    yield OptionalRedis(client, steady)
    await client.aclose()


MakeParts = Callable[..., GuardParts]


@pytest.fixture
def make_parts(here: OptionalRedis, steady: HandSteady) -> MakeParts:
    """Return what guards are made with; a retry comes at once."""

    def make(
        *, redis: OptionalRedis = here, limits: UpstreamLimits | None = None, workers: int = 1
    ) -> GuardParts:
        return GuardParts(
            redis=redis,
            limits=limits or UpstreamLimits(),
            workers=workers,
            steady_s=steady,
            uniform=lambda low, _: low,
        )

    return make
