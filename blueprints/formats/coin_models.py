"""What answers about coins look like; pure."""

from typing import Annotated, Literal

from pydantic import Field

from blueprints.formats.answer_model import ABSENT, AnswerModel, TimeMs, example

Figure = Annotated[float | None, Field(description="In US dollars; null is what the provider did not say.")]
Amount = Annotated[float | None, Field(description="In coins; null is what the provider did not say.")]
Percent = Annotated[float | None, Field(description="In percent; null is what the provider did not say.")]
MaybeTime = Annotated[int | None, Field(description="UTC milliseconds since 1970; null is not known.")]
Provider = Annotated[str, Field(description="Whose figures they are.")]
Rank = Annotated[int | None, Field(ge=1)]
Stale = Annotated[
    bool, Field(description="Whether this is older than it would be had the provider answered.")
]

NAMED = {"id": "bitcoin", "symbol": "BTC", "name": "Bitcoin", "rank": 1}
COIN = {
    **NAMED,
    "slug": "bitcoin",
    "image_url": None,
    "price": 60120.5,
    "market_cap": 1186000000000.0,
    "fully_diluted_valuation": 1262530500000.0,
    "volume_24h": 31415926535.0,
    "circulating_supply": 19727000.0,
    "total_supply": 19727000.0,
    "max_supply": 21000000.0,
    "all_time_high": 69044.77,
    "all_time_high_ms": 1636554240000,
    "all_time_low": 67.81,
    "all_time_low_ms": 1373068800000,
    "change_1h_percent": 0.1,
    "change_24h_percent": 2.5,
    "change_7d_percent": -3.25,
    "change_30d_percent": None,
    "source": "coingecko",
    "updated_ms": 1795262340000,
    "fetched_ms": 1795262400000,
    "stale": False,
}
LISTING = {
    "provider": "coingecko",
    "currency": "usd",
    "as_of_ms": 1795262400000,
    "stale": False,
    "total": 10000,
    "offset": 0,
    "next": "1204.1.0123456789abcdef",
    "coins": [COIN],
}


class NamedCoin(AnswerModel):
    """A coin's names; the id is its provider's, and names one coin only."""

    id: str
    symbol: str
    name: str
    rank: Rank


class ListedCoinAnswer(NamedCoin):
    """A coin as its provider listed it last."""

    slug: str
    image_url: str | None
    price: Figure
    market_cap: Figure
    fully_diluted_valuation: Figure
    volume_24h: Figure
    circulating_supply: Amount
    total_supply: Amount
    max_supply: Amount
    all_time_high: Figure
    all_time_high_ms: MaybeTime
    all_time_low: Figure
    all_time_low_ms: MaybeTime
    change_1h_percent: Percent
    change_24h_percent: Percent
    change_7d_percent: Percent
    change_30d_percent: Percent
    source: Provider
    updated_ms: Annotated[int | None, Field(description="When the figures are from, as the provider says.")]
    fetched_ms: Annotated[int, Field(description="When the provider said so, by our clock.")]
    stale: Stale


class CoinSentenceAnswer(AnswerModel):
    """One sentence, and the members of the answer whose values it says."""

    text: str
    figures: list[str]


class SpokenCoins(AnswerModel):
    """What can be heard of an answer."""

    lang: str
    dir: Literal["ltr", "rtl"]
    time_zone: str
    brief: CoinSentenceAnswer
    sentences: list[CoinSentenceAnswer]
    coins: Annotated[list[str], Field(description="Of a list: each coin in a few words, in its order.")] = (
        ABSENT
    )


Spoken = Annotated[SpokenCoins, Field(description="Only with include=accessibility.")]


class CoinsAnswer(AnswerModel):
    """A part of one provider's list."""

    model_config = example(LISTING)

    provider: Annotated[str | None, Field(description="Whose list it is; null while there is none.")]
    currency: Literal["usd"]
    as_of_ms: MaybeTime
    stale: Stale
    total: Annotated[int, Field(ge=0, description="How many coins fit in all.")]
    offset: Annotated[int, Field(ge=0)]
    next: Annotated[str | None, Field(description="The cursor of the next page; null at the end.")]
    coins: list[ListedCoinAnswer]
    accessibility: Spoken = ABSENT


class TopCoinsAnswer(CoinsAnswer):
    """The first coins of a category."""

    model_config = example(
        {
            "category": "gainers",
            "rule": "change_24h_percent above 0, volume_24h at least 100000, "
            "largest change_24h_percent first",
            **LISTING,
            "next": None,
        }
    )

    category: str
    rule: Annotated[str, Field(description="Which coins, and in which order, by the names of figures.")]


class CoinLinkAnswer(AnswerModel):
    """One address of a coin."""

    kind: str
    url: str


class CoinAnswer(ListedCoinAnswer):
    """One coin with all that is known of it."""

    model_config = example(
        {
            **COIN,
            "currency": "usd",
            "found_by": "symbol",
            "others": [{"id": "bitcoin-imitation", "symbol": "BTC", "name": "Imitation", "rank": 4711}],
            "description": "The first of them.",
            "links": [{"kind": "homepage", "url": "https://bitcoin.org"}],
            "described_ms": 1795248000000,
        }
    )

    currency: Literal["usd"]
    found_by: Literal["id", "slug", "symbol"]
    others: Annotated[list[NamedCoin], Field(description="Coins that share the name asked for, by rank.")]
    description: str | None
    links: list[CoinLinkAnswer]
    described_ms: MaybeTime
    accessibility: Spoken = ABSENT


class CoinPoint(AnswerModel):
    """What a coin was worth in a stretch of time; price, market_cap and volume_24h are the last of it."""

    time_ms: TimeMs
    open: float
    high: float
    low: float
    price: float
    market_cap: Figure
    volume_24h: Figure
    points: Annotated[int, Field(ge=1, description="How many known prices it is made of.")]


class CoinHistoryAnswer(NamedCoin):
    """What a coin was worth, oldest first; where nothing is known there is no point."""

    model_config = example(
        {
            **NAMED,
            "provider": "coingecko",
            "currency": "usd",
            "range": "7d",
            "interval": "1d",
            "as_of_ms": 1795262400000,
            "stale": False,
            "more": False,
            "points": [
                {
                    "time_ms": 1795219200000,
                    "open": 59400.0,
                    "high": 60210.25,
                    "low": 59221.8,
                    "price": 60120.5,
                    "market_cap": 1186000000000.0,
                    "volume_24h": 31415926535.0,
                    "points": 145,
                }
            ],
        }
    )

    provider: Provider
    currency: Literal["usd"]
    range: Literal["1d", "7d", "30d", "90d", "365d"]
    interval: Literal["raw", "5m", "1h", "1d"]
    as_of_ms: TimeMs
    stale: Stale
    more: Annotated[bool, Field(description="Whether the range holds earlier points beyond the limit.")]
    points: list[CoinPoint]
    accessibility: Spoken = ABSENT


class SyncTicket(AnswerModel):
    """The run of the job that lists coins, at whose end the answers are new."""

    model_config = example(
        {
            "run_id": 42,
            "job": "sync_coins",
            "state": "queued",
            "queued_ms": 1795262400000,
            "already_running": False,
        }
    )

    run_id: int
    job: str
    state: str
    queued_ms: TimeMs
    already_running: Annotated[bool, Field(description="Whether it was ordered before, and is still open.")]
