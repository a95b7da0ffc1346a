"""What an answer about a search looks like; pure."""

from typing import Annotated, Literal

from pydantic import Field

from blueprints.formats.answer_model import AnswerModel, example
from services.search.found import InstrumentKind

FOUND = {
    "market": "simulated",
    "exchange": "simex",
    "symbol": "BTC/USD",
    "kind": "spot",
    "base": "BTC",
    "quote": "USD",
    "name": "Bitcoin",
    "description": "Simulated Bitcoin in US dollars",
    "match": "exact",
    "daily_turnover_usd": None,
    "delisted": False,
    "sentence": None,
}


class FoundInstrument(AnswerModel):
    """An instrument that fits."""

    market: str
    exchange: str
    symbol: str
    kind: InstrumentKind
    base: Annotated[str, Field(description="What is traded.")]
    quote: Annotated[str, Field(description="What is paid; empty where the symbol does not say.")]
    name: Annotated[str, Field(description="What the base is called.")]
    description: str
    match: Annotated[
        Literal["symbol", "exact", "prefix", "word", "typo"], Field(description="How well it fits.")
    ]
    daily_turnover_usd: Annotated[
        int | None, Field(ge=0, description="What stored bars say of a day's trade; null where none do.")
    ]
    delisted: Annotated[bool, Field(description="Whether the exchange lists it no longer; bars are stored.")]
    sentence: Annotated[str | None, Field(description="What there is to say of it, for people.")]


class UnreadExchange(AnswerModel):
    """An exchange whose list was not there yet."""

    market: str
    exchange: str


class SearchAnswer(AnswerModel):
    """The instruments that fit, the best first."""

    model_config = example({"query": "bitcoin", "instruments": [FOUND], "unread": []})

    query: str
    instruments: list[FoundInstrument]
    unread: Annotated[
        list[UnreadExchange],
        Field(description="Exchanges that are being read and were not searched; ask again in a moment."),
    ]
