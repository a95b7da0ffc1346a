"""What charts are told of symbols, in UDF and in the datafeed; pure."""

from typing import Annotated, Literal

from pydantic import Field

from blueprints.formats.answer_model import ABSENT, AnswerModel, example

FOUND = {
    "symbol": "BTC/USD",
    "full_name": "SIMEX:BTC/USD",
    "description": "Simulated Bitcoin in US dollars",
    "exchange": "Simex",
    "ticker": "simulated:simex:BTC/USD",
    "type": "crypto",
}


class ChartChoice(AnswerModel):
    """One exchange to choose from; the empty value is all of them."""

    value: str
    name: str
    desc: str


class ChartType(AnswerModel):
    """One type of symbols to choose from; the empty value is all of them."""

    name: str
    value: str


class ChartFound(AnswerModel):
    """One symbol that fits a search."""

    model_config = example(FOUND)

    symbol: str
    full_name: Annotated[str, Field(description="With the exchange before it.")]
    description: str
    exchange: Annotated[str, Field(description="What the exchange is called.")]
    ticker: Annotated[str, Field(description="The name that every other question takes.")]
    type: str


class SymbolInfo(AnswerModel):
    """What a chart has to know of a symbol."""

    model_config = example(
        {
            "name": "BTC/USD",
            "full_name": "SIMEX:BTC/USD",
            "ticker": "simulated:simex:BTC/USD",
            "description": "Simulated Bitcoin in US dollars",
            "type": "crypto",
            "session": "24x7",
            "timezone": "Etc/UTC",
            "exchange": "Simex",
            "listed_exchange": "Simex",
            "format": "price",
            "minmov": 1,
            "minmov2": 0,
            "pricescale": 100,
            "volume_precision": 8,
            "visible_plots_set": "ohlcv",
            "has_seconds": True,
            "seconds_multipliers": ["1"],
            "has_intraday": True,
            "intraday_multipliers": ["1", "60"],
            "has_daily": True,
            "daily_multipliers": ["1"],
            "has_weekly_and_monthly": True,
            "weekly_multipliers": ["1"],
            "monthly_multipliers": ["1"],
            "supported_resolutions": ["1S", "1", "60", "1D", "1W", "1M"],
            "data_status": "streaming",
            "delisted": False,
        }
    )

    name: str
    full_name: Annotated[str, Field(description="With the exchange before it.")]
    ticker: Annotated[str, Field(description="The name that every other question takes.")]
    description: str
    type: str
    session: Literal["24x7"]
    timezone: Literal["Etc/UTC"]
    exchange: str
    listed_exchange: str
    format: Literal["price"]
    minmov: Annotated[int, Field(ge=1, description="With pricescale, the price step: minmov / pricescale.")]
    minmov2: Literal[0]
    pricescale: Annotated[int, Field(ge=1, description="A power of ten.")]
    volume_precision: Annotated[int, Field(ge=0, description="Decimals of amounts.")]
    visible_plots_set: Literal["ohlcv"]
    has_seconds: bool
    seconds_multipliers: list[str]
    has_intraday: bool
    intraday_multipliers: list[str]
    has_daily: bool
    daily_multipliers: list[str]
    has_weekly_and_monthly: bool
    weekly_multipliers: list[str]
    monthly_multipliers: list[str]
    supported_resolutions: Annotated[list[str], Field(description="Shortest first.")]
    data_status: Literal["streaming", "endofday"]
    delisted: Annotated[bool, Field(description="Whether nobody can trade it any more.")]
    expired: Annotated[Literal[True], Field(description="Only of a delisted symbol.")] = ABSENT
    expiration_date: Annotated[int, Field(description="When it was delisted, in seconds.")] = ABSENT


class QuoteValues(AnswerModel):
    """The last day of a symbol; bids and asks nobody tells us, and none are made up."""

    short_name: str
    original_name: str
    exchange: str
    description: str
    lp: Annotated[float, Field(description="The newest price.")]
    open_price: float
    high_price: float
    low_price: float
    volume: float
    time_ms: Annotated[
        int, Field(description="When that day began: the running one, or the last with a trade.")
    ]
    as_of_ms: Annotated[int, Field(description="When the exchange was asked.")]
    stale: Annotated[bool, Field(description="Whether it could not be asked since.")]
    prev_close_price: Annotated[float, Field(description="The close of the day before, if there is one.")] = (
        ABSENT
    )
    ch: Annotated[float, Field(description="How much the price lies above it; of a running day only.")] = (
        ABSENT
    )
    chp: Annotated[float, Field(description="The same in percent.")] = ABSENT


class NoValues(AnswerModel):
    """Nothing."""


class GoodQuote(AnswerModel):
    """One quote; its name is the one that was asked for."""

    s: Literal["ok"]
    n: str
    v: QuoteValues


class BadQuote(AnswerModel):
    """One quote that there is not, and why."""

    s: Literal["error"]
    n: str
    v: NoValues
    errmsg: str


class QuotesAnswer(AnswerModel):
    """Quotes in the order of the question; one that cannot be read does not hide the others."""

    model_config = example(
        {
            "s": "ok",
            "d": [
                {
                    "s": "ok",
                    "n": "simulated:simex:BTC/USD",
                    "v": {
                        "short_name": "BTC/USD",
                        "original_name": "SIMEX:BTC/USD",
                        "exchange": "Simex",
                        "description": "Simulated Bitcoin in US dollars",
                        "lp": 55903.14,
                        "open_price": 55838.42,
                        "high_price": 56157.2,
                        "low_price": 55584.8,
                        "volume": 416.47265625,
                        "time_ms": 1735689600000,
                        "as_of_ms": 1735693200000,
                        "stale": False,
                        "prev_close_price": 55838.42,
                        "ch": 64.72,
                        "chp": 0.1159,
                    },
                }
            ],
        }
    )

    s: Literal["ok"]
    d: list[GoodQuote | BadQuote]
