"""What answers about markets look like: exchanges, symbols, and bars in their seven shapes; pure."""

from typing import Annotated, Literal

from pydantic import Field, RootModel

from blueprints.formats.answer_model import ABSENT, AnswerModel, DecimalText, State, TimeMs, example
from blueprints.formats.description_models import DescriptionAnswer

PLACE = {"market": "simulated", "exchange": "simex", "symbol": "BTC/USD"}
FACTS = {
    "last_bar_state": "closed",
    "revision": 0,
    "as_of_ms": 1795255200000,
    "stale": False,
    "gaps": [],
    "next": "1735693200000",
}
OHLC = {"open": 55838.42, "high": 56157.2, "low": 55584.8, "close": 55903.14}
VOLUME = 416.47265625


class ExchangeIds(RootModel[list[str]]):
    """The ids of exchanges, sorted."""

    model_config = example(["simex"])


class Symbols(RootModel[list[str]]):
    """The symbols of an exchange, sorted."""

    model_config = example(["BTC/USD", "DOGE/USD", "ETH/USD", "EUR/USD"])


class GapAnswer(AnswerModel):
    """A span without bars; the end is not part of it."""

    start_ms: TimeMs
    end_ms: TimeMs
    reason: Literal["no_trades", "outage", "unfetched", "before_listing", "after_delisting", "retention"]


class HistoryAnswer(AnswerModel):
    """Whose bars they are, how far they can be trusted, and where they go on."""

    market: str
    exchange: str
    symbol: str
    last_bar_state: Annotated[State | None, Field(description="Null without bars.")]
    revision: Annotated[int, Field(ge=0, description="The highest revision among the bars.")]
    as_of_ms: Annotated[TimeMs, Field(description="When the newest part of this was last true.")]
    stale: Annotated[bool, Field(description="Whether the exchange could not be asked just now.")]
    gaps: list[GapAnswer]
    next: Annotated[str | None, Field(description="The since of the next request; null at the end.")]
    accessibility: Annotated[DescriptionAnswer, Field(description="Only with include=accessibility.")] = (
        ABSENT
    )


# Open time, open, high, low, close, volume.
Row = Annotated[list[float], Field(min_length=6, max_length=6)]


class HighchartsBars(HistoryAnswer):
    """Bars as rows that a Highcharts series takes as they are."""

    model_config = example(
        {
            **PLACE,
            "timeframe": "1h",
            "columns": ["open_time_ms", "open", "high", "low", "close", "volume"],
            "ohlcv": [[1735689600000, *OHLC.values(), VOLUME]],
            **FACTS,
        }
    )
    timeframe: str
    columns: Annotated[list[str], Field(description="What the numbers of a row are.")]
    ohlcv: list[Row]


class NativeBar(AnswerModel):
    """One bar in exact decimals, and all that it says of itself."""

    open_time_ms: TimeMs
    open: DecimalText
    high: DecimalText
    low: DecimalText
    close: DecimalText
    volume: DecimalText
    state: State
    revision: Annotated[int, Field(ge=0)]
    source: Literal["exchange", "trades", "derived", "simulated"]


class NativeBars(HistoryAnswer):
    """Bars whose numbers are never rounded."""

    model_config = example(
        {
            **PLACE,
            "timeframe": "1h",
            "price_step": "0.01",
            "bars": [
                {
                    "open_time_ms": 1735689600000,
                    **{name: str(value) for name, value in OHLC.items()},
                    "volume": str(VOLUME),
                    "state": "closed",
                    "revision": 0,
                    "source": "simulated",
                }
            ],
            **FACTS,
        }
    )
    timeframe: str
    price_step: DecimalText | None
    bars: list[NativeBar]


class Candle(AnswerModel):
    """One bar as an object of numbers; its timestamp is its open."""

    timestamp: TimeMs
    open: float
    high: float
    low: float
    close: float
    volume: float
    closed: bool


class Candles(HistoryAnswer):
    """Bars as candles."""

    model_config = example(
        {
            **PLACE,
            "interval": "1h",
            "candles": [{"timestamp": 1735689600000, **OHLC, "volume": VOLUME, "closed": True}],
            **FACTS,
        }
    )
    interval: str
    candles: list[Candle]


class LightweightBar(AnswerModel):
    """One bar; its time is its open in seconds."""

    time: int
    open: float
    high: float
    low: float
    close: float


class Whitespace(AnswerModel):
    """The time of a bar that is missing, in seconds."""

    time: int


class LightweightVolume(AnswerModel):
    """The volume of one bar."""

    time: int
    value: float


class LightweightBars(HistoryAnswer):
    """What setData of two series of Lightweight Charts takes."""

    model_config = example(
        {
            **PLACE,
            "timeframe": "1h",
            "bars": [{"time": 1735689600, **OHLC}, {"time": 1735693200}],
            "volume": [{"time": 1735689600, "value": VOLUME}],
            **FACTS,
        }
    )
    timeframe: str
    bars: list[LightweightBar | Whitespace]
    volume: list[LightweightVolume]


Name = Literal["Time", "Open", "High", "Low", "Close", "Volume"]


class RowBars(RootModel[list[Annotated[list[Name | float], Field(min_length=6, max_length=6)]]]):
    """Bars as rows under a row of names, as rowsURL of Highcharts' data module takes them."""

    model_config = example(
        [["Time", "Open", "High", "Low", "Close", "Volume"], [1735689600000, *OHLC.values(), VOLUME]]
    )


class ColumnBars(
    RootModel[
        Annotated[list[Annotated[list[Name | float], Field(min_length=1)]], Field(min_length=6, max_length=6)]
    ]
):
    """Bars as columns that begin with their names, as columnsURL of Highcharts' data module takes them."""

    model_config = example(
        [
            ["Time", 1735689600000],
            *([name.capitalize(), value] for name, value in OHLC.items()),
            ["Volume", VOLUME],
        ]
    )


class CsvBars(RootModel[str]):
    """Lines of comma-separated values, the names of the columns first."""

    model_config = example(
        "time,open,high,low,close,volume,state,revision,source\r\n"
        "2025-01-01T00:00:00Z,55838.42,56157.2,55584.8,55903.14,416.47265625,closed,0,simulated\r\n"
    )


Bars = HighchartsBars | NativeBars | Candles | LightweightBars | RowBars | ColumnBars
