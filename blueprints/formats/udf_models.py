"""What answers of TradingView's UDF look like; pure."""

from typing import Annotated, Literal

from pydantic import Field, RootModel

from blueprints.formats.answer_model import ABSENT, AnswerModel, example
from blueprints.formats.chart_models import ChartChoice, ChartFound, ChartType, SymbolInfo

SYMBOL = "simulated:simex:BTC/USD"
Seconds = Annotated[int, Field(description="Seconds since 1970.")]


class UdfError(AnswerModel):
    """A failure, as UDF clients read it."""

    model_config = example(
        {
            "s": "error",
            "errmsg": "There is no symbol BTC/USE. Did you mean BTC/USD?",
            "code": "unknown_symbol",
            "request_id": "a654410abccd57f6",
        }
    )

    s: Literal["error"]
    errmsg: Annotated[str, Field(description="What is wrong, then what to do.")]
    code: Annotated[str, Field(description="For programs; it does not change.", pattern="^[a-z0-9_]+$")]
    request_id: Annotated[str, Field(description="What the log of the service calls this request.")]


class UdfConfig(AnswerModel):
    """What the datafeed can do."""

    supported_resolutions: list[str]
    supports_search: Literal[True]
    supports_group_request: Literal[False]
    supports_marks: bool
    supports_timescale_marks: bool
    supports_time: Literal[True]
    exchanges: list[ChartChoice]
    symbols_types: list[ChartType]


class UdfTime(RootModel[str]):
    """The time of the service in whole seconds, as plain text."""

    model_config = example("1795255200")


class UdfSymbol(SymbolInfo):
    """What a chart has to know of a symbol."""


class UdfFound(RootModel[list[ChartFound]]):
    """The symbols that fit, the best first."""


class UdfBars(AnswerModel):
    """Bars as columns, oldest first."""

    model_config = example(
        {
            "s": "ok",
            "t": [1735689600],
            "o": [55838.42],
            "h": [56157.2],
            "l": [55584.8],
            "c": [55903.14],
            "v": [416.47265625],
        }
    )

    s: Literal["ok"]
    t: Annotated[list[int], Field(description="The opens, in seconds since 1970.")]
    o: list[float]
    h: list[float]
    l: list[float]  # noqa: E741 - the protocol's name
    c: list[float]
    v: list[float]


class UdfNoBars(AnswerModel):
    """That there are no bars in the range, and where the next older one is, if there is one."""

    model_config = example({"s": "no_data", "nextTime": 1735689600})

    s: Literal["no_data"]
    next_time: Annotated[Seconds, Field(alias="nextTime")] = ABSENT


UdfHistory = UdfBars | UdfNoBars
