"""What answers of the JSON datafeed look like; pure."""

from typing import Annotated, Literal

from pydantic import Field, RootModel

from blueprints.formats.answer_model import AnswerModel, State, TimeMs, example
from blueprints.formats.chart_models import FOUND, ChartChoice, ChartFound, ChartType


class DatafeedConfig(AnswerModel):
    """What the datafeed can do: the DatafeedConfiguration of the Charting Library."""

    model_config = example(
        {
            "supported_resolutions": ["1S", "1", "60", "1D", "1W", "1M"],
            "exchanges": [{"value": "", "name": "All exchanges", "desc": ""}],
            "symbols_types": [{"name": "All types", "value": ""}],
            "supports_time": True,
            "supports_marks": False,
            "supports_timescale_marks": False,
        }
    )

    supported_resolutions: list[str]
    exchanges: list[ChartChoice]
    symbols_types: list[ChartType]
    supports_time: Literal[True]
    supports_marks: Literal[False]
    supports_timescale_marks: Literal[False]


class DatafeedFound(RootModel[list[ChartFound]]):
    """The symbols that fit, the best first."""

    model_config = example([FOUND])


class DatafeedBar(AnswerModel):
    """One bar; its time is its open."""

    time: TimeMs
    open: float
    high: float
    low: float
    close: float
    volume: float


class DatafeedBars(AnswerModel):
    """Bars, oldest first, the forming one last."""

    model_config = example(
        {
            "bars": [
                {
                    "time": 1735689600000,
                    "open": 55838.42,
                    "high": 56157.2,
                    "low": 55584.8,
                    "close": 55903.14,
                    "volume": 416.47265625,
                }
            ],
            "no_data": False,
            "next_time": None,
            "last_bar_state": "closed",
            "stale": False,
            "as_of_ms": 1795255200000,
        }
    )

    bars: list[DatafeedBar]
    no_data: Annotated[bool, Field(description="Whether there are no bars in the range.")]
    next_time: Annotated[
        TimeMs | None, Field(description="Without bars, the time of the next older bar, if there is one.")
    ]
    last_bar_state: Annotated[State | None, Field(description="Null without bars.")]
    stale: Annotated[bool, Field(description="Whether the exchange could not be asked just now.")]
    as_of_ms: Annotated[TimeMs, Field(description="When the newest part of this was last true.")]


class DatafeedHealth(AnswerModel):
    """How what the datafeed needs is doing, and what time it is here."""

    model_config = example({"status": "ok", "server_time_ms": 1795255200000})

    status: Literal["ok", "degraded", "unavailable"]
    server_time_ms: TimeMs
