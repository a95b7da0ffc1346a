"""What answers about feeds, exchanges and workers look like; pure."""

from typing import Annotated, Literal

from pydantic import Field

from blueprints.formats.answer_model import AnswerModel, IsoTime, example

WORKER = {"name": "web-1:4711", "role": "all", "connections": 2, "feeds": 1, "told_ms_ago": 0}
FEED = {
    "topic": "bars:simulated:simex:BTC/USD:1m",
    "market": "simulated",
    "exchange": "simex",
    "symbol": "BTC/USD",
    "timeframe": "1m",
    "state": "live",
    "late": False,
    "since": "2026-11-21T12:00:00.000Z",
    "holder": "web-1:4711",
    "lag_ms": 420,
    "last_message_at": "2026-11-21T12:03:10.580Z",
    "listeners": 2,
    "budget_left": None,
}

Worker = Annotated[int, Field(description="The process that answered.")]
Complete = Annotated[
    bool, Field(description="False while Redis is away, and one worker is all that is known.")
]
BudgetLeft = Annotated[
    int | None,
    Field(description="How many questions all workers could put to it at once; null where nobody counts."),
]


class ExchangeStateAnswer(AnswerModel):
    """How an exchange is, over all workers."""

    market: str
    exchange: str
    state: Literal["answering", "limited", "silent"]
    wait_s: Annotated[float, Field(ge=0, description="For how long nobody will ask it.")]
    silent_on: Annotated[list[str], Field(description="The workers that leave it alone since it was silent.")]
    requests_per_s: Annotated[
        float | None, Field(description="What all workers together may ask of it; null where nobody counts.")
    ]
    budget_left: BudgetLeft


class ExchangeStates(AnswerModel):
    """The exchanges that any worker has asked since its start."""

    model_config = example(
        {
            "worker": 4711,
            "complete": True,
            "exchanges": [
                {
                    "market": "crypto",
                    "exchange": "bitstamp",
                    "state": "answering",
                    "wait_s": 0.0,
                    "silent_on": [],
                    "requests_per_s": 10.0,
                    "budget_left": 10,
                }
            ],
        }
    )

    worker: Worker
    complete: Complete
    exchanges: list[ExchangeStateAnswer]


class FeedAnswer(AnswerModel):
    """How one topic is fed."""

    model_config = example(FEED)

    topic: str
    market: str
    exchange: str
    symbol: str
    timeframe: str
    state: Literal["live", "opening", "stale", "delayed", "offline"]
    late: Annotated[bool, Field(description="Whether somebody should look after it.")]
    since: Annotated[
        IsoTime | None, Field(description="Since when its feed says so; null where it does not.")
    ]
    holder: Annotated[str | None, Field(description="The worker that feeds it; null when none does.")]
    lag_ms: Annotated[
        int | None, Field(ge=0, description="How long the exchange has not been heard; null before that.")
    ]
    last_message_at: Annotated[IsoTime | None, Field(description="When it was heard last.")]
    listeners: Annotated[int, Field(ge=0, description="The connections of all workers that follow it.")]
    budget_left: BudgetLeft


class FeedSummary(AnswerModel):
    """What the feeds come to."""

    total: Annotated[int, Field(ge=0)]
    late: Annotated[int, Field(ge=0)]
    text: Annotated[str, Field(description="The same as a sentence.")]


class WorkerAnswer(AnswerModel):
    """One worker, as it told of itself last."""

    model_config = example(WORKER)

    name: Annotated[str, Field(description="The host and the process.")]
    role: Literal["all", "web", "feed"]
    connections: Annotated[int, Field(ge=0)]
    feeds: Annotated[int, Field(ge=0, description="How many topics it feeds.")]
    told_ms_ago: Annotated[int, Field(ge=0)]


class Feeds(AnswerModel):
    """The feeds of all workers, what needs attention first."""

    model_config = example(
        {
            "worker": 4711,
            "complete": True,
            "connections": 2,
            "summary": {"total": 1, "late": 0, "text": "The only feed is live."},
            "workers": [WORKER],
            "feeds": [FEED],
            "next": None,
        }
    )

    worker: Worker
    complete: Complete
    connections: Annotated[int, Field(ge=0, description="The live connections of all workers.")]
    summary: FeedSummary
    workers: list[WorkerAnswer]
    feeds: list[FeedAnswer]
    next: Annotated[str | None, Field(description="The cursor of the next page; null at the end.")]
