"""Which coins a list holds, and in which order; what the statements of lists are made for."""

from dataclasses import dataclass
from enum import StrEnum


class SortBy(StrEnum):
    """What a list is ordered by; coins that lack it come last, and equal ones by their id."""

    RANK = "rank"
    NAME = "name"
    SYMBOL = "symbol"
    PRICE = "price"
    MARKET_CAP = "market_cap"
    VOLUME_24H = "volume_24h"
    CIRCULATING_SUPPLY = "circulating_supply"
    CHANGE_1H = "change_1h_percent"
    CHANGE_24H = "change_24h_percent"
    CHANGE_7D = "change_7d_percent"
    CHANGE_30D = "change_30d_percent"
    # Volume of a day by market capitalisation: how often a coin changed hands.
    TURNOVER = "turnover"

    @property
    def natural_order(self) -> "Order":
        """Return the order that people mean by this: the largest first, but names from A on."""
        return Order.ASC if self in (SortBy.RANK, SortBy.NAME, SortBy.SYMBOL) else Order.DESC


class Order(StrEnum):
    """Smallest first, or largest first."""

    ASC = "asc"
    DESC = "desc"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bound figures, both ends included; a coin that lacks a bounded figure is left out."""

    min_market_cap: float | None = None
    max_market_cap: float | None = None
    min_price: float | None = None
    max_price: float | None = None
    min_volume: float | None = None
    max_volume: float | None = None


@dataclass(frozen=True, slots=True)
class CoinFilter:
    """Say which coins: of these symbols, with this text in their name, symbol or slug, within bounds.

    ``sort_known`` leaves out coins that lack what the list is ordered by; ``gaining`` keeps those whose
    figure in that place is above 0, or below. ``fetched_since_ms`` leaves out what was listed last before.
    """

    symbols: tuple[str, ...] = ()
    search: str = ""
    bounds: Bounds = Bounds()
    sort_known: bool = False
    gaining: bool | None = None
    fetched_since_ms: int | None = None


EVERY_COIN = CoinFilter()
