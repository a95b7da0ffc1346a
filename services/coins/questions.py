"""Questions about coins: lists in an order, the first of a category, histories; and cursors. Pure."""

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum

from services.stores.coin_filters import EVERY_COIN, Bounds, CoinFilter, Order, SortBy
from utils.domain import DAY_MS, HOUR_MS, MINUTE_MS

LIMIT_DEFAULT = 50
LIMIT_MAX = 250
OFFSET_MAX = 100_000
SYMBOLS_MAX = 50
HISTORY_LIMIT_DEFAULT = 500
HISTORY_LIMIT_MAX = 2_000
TOP_LIMIT_DEFAULT = 10
TOP_LIMIT_MAX = 100
# Below this much trade in a day a change says little: one trade makes it.
MIN_VOLUME_DEFAULT = 100_000.0
TREND_CAP_MIN = 10_000_000.0
CURSOR = re.compile(r"(?P<sync>[1-9]\d{0,17})\.(?P<offset>[1-9]\d{0,5})\.(?P<digest>[0-9a-f]{16})", re.ASCII)


class Window(StrEnum):
    """The time that a change is over."""

    HOUR = "1h"
    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"

    @property
    def change(self) -> SortBy:
        """Return the figure that tells the change over this time."""
        return SortBy(f"change_{self.value}_percent")


class Category(StrEnum):
    """A list that people ask for by name; ``top_question`` says what each is."""

    GAINERS = "gainers"
    LOSERS = "losers"
    VOLUME = "volume"
    MARKET_CAP = "market_cap"
    TRENDING = "trending"


class HistoryRange(StrEnum):
    """How far back a history goes."""

    DAY = "1d"
    WEEK = "7d"
    MONTH = "30d"
    QUARTER = "90d"
    YEAR = "365d"

    @property
    def length_ms(self) -> int:
        """Return the length."""
        return int(self.value.removesuffix("d")) * DAY_MS


class HistoryInterval(StrEnum):
    """How much time one point of a history stands for; ``RAW`` is every point there is."""

    RAW = "raw"
    FIVE_MINUTES = "5m"
    HOUR = "1h"
    DAY = "1d"

    @property
    def length_ms(self) -> int:
        """Return the length; 0 for every point there is."""
        lengths = {"raw": 0, "5m": 5 * MINUTE_MS, "1h": HOUR_MS, "1d": DAY_MS}
        return lengths[self.value]


@dataclass(frozen=True, slots=True)
class ListQuestion:
    """Ask for a part of a list: of one provider, or of the one that is listed now."""

    filter: CoinFilter = EVERY_COIN
    sort_by: SortBy = SortBy.MARKET_CAP
    order: Order = Order.DESC
    limit: int = LIMIT_DEFAULT
    offset: int = 0
    provider: str | None = None

    @property
    def digest(self) -> str:
        """Return a name for all that a cursor must not change: everything but how much and from where."""
        asked = repr((self.filter, self.sort_by, self.order, self.provider))
        return hashlib.blake2b(asked.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Cursor:
    """Name a place in a list as it was after one sync; text form ``1204.50.0123456789abcdef``."""

    sync_id: int
    offset: int
    digest: str

    @property
    def text(self) -> str:
        """Return the form that answers carry."""
        return f"{self.sync_id}.{self.offset}.{self.digest}"

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Read a cursor. Raises: ValueError, whose text follows the field's name."""
        match = CURSOR.fullmatch(text)
        if match is None:
            raise ValueError("must be the next of the page before.")
        return cls(int(match["sync"]), int(match["offset"]), match["digest"])


@dataclass(frozen=True, slots=True)
class HistoryQuestion:
    """Ask what a coin was worth: the newest ``limit`` points of a range."""

    name: str
    range: HistoryRange
    interval: HistoryInterval
    limit: int
    provider: str | None = None


def top_question(
    category: Category, *, window: Window, limit: int, min_volume: float, provider: str | None
) -> ListQuestion:
    """Return the list that a category is.

    Gainers and losers have changed in their direction, and traded for ``min_volume`` in a day. Trending
    are the coins that changed hands most: volume by market capitalisation, which is at least ten million.
    """
    traded = Bounds(min_volume=min_volume)
    match category:
        case Category.GAINERS:
            chosen = CoinFilter(bounds=traded, sort_known=True, gaining=True)
            return ListQuestion(chosen, window.change, Order.DESC, limit, provider=provider)
        case Category.LOSERS:
            chosen = CoinFilter(bounds=traded, sort_known=True, gaining=False)
            return ListQuestion(chosen, window.change, Order.ASC, limit, provider=provider)
        case Category.VOLUME:
            chosen = CoinFilter(sort_known=True)
            return ListQuestion(chosen, SortBy.VOLUME_24H, Order.DESC, limit, provider=provider)
        case Category.MARKET_CAP:
            chosen = CoinFilter(sort_known=True)
            return ListQuestion(chosen, SortBy.MARKET_CAP, Order.DESC, limit, provider=provider)
        case Category.TRENDING:
            bounds = Bounds(min_market_cap=TREND_CAP_MIN, min_volume=min_volume)
            chosen = CoinFilter(bounds=bounds, sort_known=True)
            return ListQuestion(chosen, SortBy.TURNOVER, Order.DESC, limit, provider=provider)


def rule_of(question: ListQuestion) -> str:
    """Return which coins a category holds and in which order, by the names of figures."""
    figure, bounds = question.sort_by.value, question.filter.bounds
    if question.sort_by is SortBy.TURNOVER:
        figure = "volume_24h / market_cap"
    conditions = [
        f"{name} at least {low:.15g}"
        for name, low in (("market_cap", bounds.min_market_cap), ("volume_24h", bounds.min_volume))
        if low
    ]
    if question.filter.gaining is not None:
        conditions.insert(0, f"{figure} {'above' if question.filter.gaining else 'below'} 0")
    first = "largest" if question.order is Order.DESC else "smallest"
    return ", ".join((*conditions, f"{first} {figure} first"))
