"""What answers about collected symbols look like; pure."""

from typing import Annotated

from pydantic import Field

from blueprints.formats.answer_model import AnswerModel, TimeMs, example

COLLECTED = {
    "symbol": "BTC/USD",
    "market": "simulated",
    "exchange": "simex",
    "yours": True,
    "collected_since_ms": 1795255200000,
    "filled_ms": None,
    "complaint": None,
}

LISTED = COLLECTED | {
    "filled_ms": 1795255260000,
    "first_bar_ms": 1735689600000,
    "last_bar_ms": 1795255200000,
}


class CollectedAnswer(AnswerModel):
    """A symbol whose bars are kept without anybody looking at them."""

    model_config = example(COLLECTED)

    symbol: str
    market: str
    exchange: str
    yours: Annotated[bool, Field(description="Whether you are among those who asked for it.")]
    collected_since_ms: TimeMs
    filled_ms: Annotated[TimeMs | None, Field(description="When nothing was missing; null before the first.")]
    complaint: Annotated[str | None, Field(description="Why the last attempt to fill it failed, if it did.")]


class CollectedListing(CollectedAnswer):
    """The same, and how far its bars reach."""

    model_config = example(LISTED)

    first_bar_ms: Annotated[TimeMs | None, Field(description="The open of the first bar that is stored.")]
    last_bar_ms: Annotated[TimeMs | None, Field(description="The open of the last bar that is stored.")]


class CollectedSymbols(AnswerModel):
    """All that is collected, by market, exchange and symbol."""

    model_config = example({"intervals": ["1m", "5m", "1h", "1d"], "symbols": [LISTED]})

    intervals: Annotated[list[str], Field(description="Of what bars history is kept.")]
    symbols: list[CollectedListing]
