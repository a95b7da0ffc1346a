"""What questions about coins are answered with, as values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from plugins.listings.base import Coin
from services.coins.questions import HistoryQuestion
from services.stores.coin_prices import PricePoint
from services.stores.coins import Profile

# What kept answers about coins are forgotten by.
TOPIC = "coins"

FoundBy = Literal["id", "slug", "symbol"]


@dataclass(frozen=True, slots=True)
class ListedCoin:
    """One coin, when its provider was asked, and whether that is longer ago than it should be."""

    coin: Coin
    fetched_ms: int
    stale: bool


@dataclass(frozen=True, slots=True)
class CoinPage:
    """A part of one provider's list; ``total`` is how many fit in all, ``next`` the cursor after this part.

    ``provider`` and ``as_of_ms`` are None while nobody has listed anything yet. ``as_of_ms`` is when the
    provider answered last, ``now_ms`` when this was read.
    """

    coins: tuple[ListedCoin, ...]
    total: int
    offset: int
    next: str | None
    provider: str | None
    as_of_ms: int | None
    stale: bool
    now_ms: int


@dataclass(frozen=True, slots=True)
class FoundCoin:
    """A coin that was asked for by name, and the others that share its symbol, by rank."""

    listed: ListedCoin
    found_by: FoundBy
    others: tuple[Coin, ...]
    profile: Profile | None
    now_ms: int


@dataclass(frozen=True, slots=True)
class CoinHistory:
    """What a coin was worth, oldest first; ``more`` tells whether the range holds more than the limit."""

    found: FoundCoin
    question: HistoryQuestion
    points: tuple[PricePoint, ...]
    more: bool


def found_by(coin: Coin, name: str) -> FoundBy:
    """Return by what a coin was found."""
    names = (name, name.casefold())
    if coin.coin_id in names:
        return "id"
    return "slug" if coin.slug in names else "symbol"


def points_of(points: Sequence[PricePoint], limit: int) -> tuple[tuple[PricePoint, ...], bool]:
    """Return the newest ``limit`` points of at most one more, and whether there were more."""
    return tuple(points[-limit:]), len(points) > limit
