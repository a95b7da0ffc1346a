"""A small app with the whole frame around it: what the frame does, without the product inside."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from quart import Quart
from redis.asyncio import Redis

from middleware import MiddlewareSettings, init_middleware
from middleware.context import EXTENSION
from utils.clock import Clock


@dataclass
class MovingClock:
    now_ms: int = 1_763_700_000_000

    def read(self) -> int:
        return self.now_ms


@dataclass(frozen=True)
class FrameServices:
    """The part of Services that the frame itself uses."""

    redis: Redis
    clock: Clock = field(default_factory=Clock)


MakeApp = Callable[..., Quart]


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock()


@pytest.fixture
def make_app(redis: Redis, clock: MovingClock) -> MakeApp:
    def make(redis: Redis = redis, **settings: object) -> Quart:
        app = Quart("frame")
        init_middleware(app, MiddlewareSettings(**settings))
        app.extensions[EXTENSION] = FrameServices(redis, Clock(now_ms=clock.read))
        return app

    return make


@pytest.fixture
def app(make_app: MakeApp) -> Quart:
    return make_app()
