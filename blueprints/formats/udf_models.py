"""What answers of TradingView's UDF look like; pure."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, RootModel

from blueprints.formats.answer_model import ABSENT, AnswerModel, FieldProblem, example
from blueprints.formats.chart_models import (
    FOUND,
    ChartChoice,
    ChartFound,
    ChartType,
    QuotesAnswer,
    SymbolInfo,
)

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
    errors: Annotated[list[FieldProblem], Field(description="Each field that does not fit.")] = ABSENT


class UdfConfig(AnswerModel):
    """What the datafeed can do."""

    model_config = example(
        {
            "supported_resolutions": ["1S", "1", "60", "1D", "1W", "1M"],
            "supports_search": True,
            "supports_group_request": False,
            "supports_marks": True,
            "supports_timescale_marks": True,
            "supports_time": True,
            "exchanges": [{"value": "", "name": "All exchanges", "desc": ""}],
            "symbols_types": [{"name": "All types", "value": ""}],
        }
    )

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

    model_config = example([FOUND])


class UdfGroup(AnswerModel):
    """The symbols of an exchange as columns; what is the same for all of them is no list."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "symbol": ["BTC/USD", "QUIET/USD"],
                "ticker": [SYMBOL, "simulated:simex:QUIET/USD"],
                "description": [
                    "Simulated Bitcoin in US dollars",
                    "A simulated instrument that seldom trades",
                ],
                "type": "crypto",
                "exchange-listed": "Simex",
                "exchange-traded": "Simex",
                "session-regular": "24x7",
                "timezone": "Etc/UTC",
                "minmovement": 1,
                "minmov2": 0,
                "pricescale": 100,
                "volume-precision": [8, 2],
                "visible-plots-set": "ohlcv",
                "has-seconds": True,
                "has-intraday": True,
                "has-daily": True,
                "has-weekly-and-monthly": True,
                "seconds-multipliers": ["1"],
                "intraday-multipliers": ["1", "60"],
                "supported-resolutions": ["1S", "1", "60", "1D", "1W", "1M"],
            }
        },
        alias_generator=lambda name: name.replace("_", "-"),
    )

    symbol: list[str]
    ticker: str | list[str]
    description: str | list[str]
    type: str | list[str]
    exchange_listed: str | list[str]
    exchange_traded: str | list[str]
    session_regular: str | list[str]
    timezone: str | list[str]
    minmovement: int | list[int]
    minmov2: int | list[int]
    pricescale: int | list[int]
    volume_precision: int | list[int]
    visible_plots_set: str | list[str]
    has_seconds: bool | list[bool]
    has_intraday: bool | list[bool]
    has_daily: bool | list[bool]
    has_weekly_and_monthly: bool | list[bool]
    seconds_multipliers: list[str]
    intraday_multipliers: list[str]
    supported_resolutions: list[str]


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


class UdfMarks(AnswerModel):
    """Marks on bars, as columns; each time is the open of a bar."""

    model_config = example(
        {
            "id": ["high-1735689600000"],
            "time": [1735689600],
            "color": ["#1b7a43"],
            "text": ["Highest price 56,157.20, at 1 January, 00:00."],
            "label": ["H"],
            "labelFontColor": ["#ffffff"],
            "minSize": [14],
        }
    )

    id: list[str]
    time: list[int]
    color: list[str]
    text: Annotated[list[str], Field(description="What the marks say, in words.")]
    label: list[str]
    label_font_color: Annotated[list[str], Field(alias="labelFontColor")]
    min_size: Annotated[list[int], Field(alias="minSize")]


class UdfTimescaleMark(AnswerModel):
    """One mark of the time scale; its time is the open of a bar."""

    id: str
    color: str
    label: str
    time: Seconds
    tooltip: Annotated[list[str], Field(description="What the mark says, in words.")]


class UdfTimescaleMarks(RootModel[list[UdfTimescaleMark]]):
    """What was worth announcing."""

    model_config = example(
        [
            {
                "id": "new_high-1735689600000",
                "color": "#1b7a43",
                "label": "N",
                "time": 1735689600,
                "tooltip": ["Bitcoin in US dollars: New high of the day, 56,157.20."],
            }
        ]
    )


UdfQuotes = QuotesAnswer
