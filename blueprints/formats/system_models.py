"""What answers about the service itself look like; pure."""

from typing import Annotated, Literal

from pydantic import Field, RootModel

from blueprints.formats.answer_model import ABSENT, AnswerModel, IsoTime, TimeMs, example
from services.health import HealthStatus, MigrationState
from utils.version import API_VERSION, VERSION


class PartAnswer(AnswerModel):
    """How one part answered."""

    status: HealthStatus
    latency_ms: Annotated[float, Field(ge=0, description="Absent when it did not answer.")] = ABSENT


class LeftAloneAnswer(AnswerModel):
    """An exchange that nobody asks at the moment."""

    market: str
    exchange: str
    state: Annotated[
        Literal["limited", "silent"],
        Field(description="It asked to be left alone, or does not answer at least one worker."),
    ]
    until: IsoTime


class ExchangesHealth(AnswerModel):
    """How the exchanges are."""

    status: HealthStatus
    asked: Annotated[int, Field(ge=0, description="How many were asked since the workers started.")]
    left_alone: list[LeftAloneAnswer]


class VenueFeedsHealth(AnswerModel):
    """How the feeds of one exchange are."""

    market: str
    exchange: str
    total: Annotated[int, Field(ge=0)]
    late: Annotated[int, Field(ge=0)]
    age_ms: Annotated[
        int | None, Field(ge=0, description="How long the exchange has not been heard; null before that.")
    ]


class FeedsHealth(AnswerModel):
    """How the live feeds of all workers are."""

    status: HealthStatus
    total: Annotated[int, Field(ge=0)]
    late: Annotated[int, Field(ge=0, description="How many somebody should look after.")]
    exchanges: list[VenueFeedsHealth]


class HealthAnswer(AnswerModel):
    """How the service and its parts are doing."""

    model_config = example(
        {
            "status": "ok",
            "version": VERSION,
            "database": {"status": "ok", "latency_ms": 0.6},
            "cache": {"status": "ok", "latency_ms": 0.2},
            "exchanges": {"status": "ok", "asked": 1, "left_alone": []},
            "feeds": {
                "status": "ok",
                "total": 3,
                "late": 0,
                "exchanges": [
                    {"market": "crypto", "exchange": "bitstamp", "total": 3, "late": 0, "age_ms": 420}
                ],
            },
        }
    )

    status: HealthStatus
    version: str
    database: PartAnswer
    cache: PartAnswer
    exchanges: ExchangesHealth
    feeds: FeedsHealth


class LiveAnswer(AnswerModel):
    """That the process runs."""

    model_config = example({"status": "ok"})

    status: Literal["ok"]


class ReadyAnswer(AnswerModel):
    """Whether new requests should be sent here."""

    model_config = example(
        {"ready": True, "draining": False, "database": "ok", "migrations": "current", "degraded": []}
    )

    ready: bool
    draining: Annotated[bool, Field(description="Whether the service is about to stop.")]
    database: HealthStatus
    migrations: Annotated[
        MigrationState, Field(description="Whether the database has every migration of this program.")
    ]
    degraded: Annotated[list[str], Field(description="The parts that are away, or not as they should be.")]


class LinkAnswer(AnswerModel):
    """An address to try."""

    title: str
    href: str


class FrontPage(AnswerModel):
    """What this service is, and what to try."""

    model_config = example(
        {
            "name": "AccessibleTrader",
            "version": VERSION,
            "description": "Live and historical market prices, for people who cannot see a chart "
            "and for everybody.",
            "documentation": "README.md and the folder docs, beside the program.",
            "markets": ["crypto", "simulated"],
            "default_market": "crypto",
            "default_exchange": "bitstamp",
            "highcharts_url": None,
            "links": [{"title": "State of this service", "href": "/health"}],
        }
    )

    name: str
    version: str
    description: str
    documentation: str
    markets: list[str]
    default_market: str
    default_exchange: str
    highcharts_url: Annotated[str | None, Field(description="Where the page finds Highcharts.")]
    links: list[LinkAnswer]


class Page(RootModel[str]):
    """A page or a file of one, for browsers."""


class JsonDocument(AnswerModel):
    """A document about this service, in a format of its own."""


class Version(AnswerModel):
    """The version of the service and of its interface."""

    model_config = example({"version": VERSION, "api_version": API_VERSION})

    version: str
    api_version: str


class ApiVersionAnswer(AnswerModel):
    """One version of the interface."""

    name: str
    path: Annotated[str, Field(description="Where its routes begin.")]
    state: Literal["stable", "deprecated"]
    deprecated_on: Annotated[str | None, Field(description="The day; null while it is not deprecated.")]
    sunset_on: Annotated[str | None, Field(description="The day from which on it may be gone.")]


class Versions(AnswerModel):
    """Every version of the interface."""

    model_config = example(
        {
            "current": API_VERSION,
            "versions": [
                {
                    "name": API_VERSION,
                    "path": f"/api/{API_VERSION}",
                    "state": "stable",
                    "deprecated_on": None,
                    "sunset_on": None,
                }
            ],
        }
    )

    current: str
    versions: list[ApiVersionAnswer]


class Ping(AnswerModel):
    """That the line is open."""

    model_config = example({"pong": True, "server_time_ms": 1795255200000})

    pong: Literal[True]
    server_time_ms: TimeMs


class Info(AnswerModel):
    """What this service is, and where it is documented."""

    model_config = example(
        {
            "name": "AccessibleTrader",
            "version": VERSION,
            "api_version": API_VERSION,
            "description": "Live and historical market prices, for people who cannot see a chart "
            "and for everybody.",
            "markets": ["crypto", "simulated"],
            "default_market": "crypto",
            "default_exchange": "bitstamp",
            "documents": [{"title": "The HTTP interface, for people", "href": "/docs"}],
        }
    )

    name: str
    version: str
    api_version: str
    description: str
    markets: list[str]
    default_market: str
    default_exchange: str
    documents: list[LinkAnswer]
