"""The contract of a listings provider: the one page to read before writing one.

A provider lists coins: who they are, what they are worth, and how that was. It turns somebody else's
server into the nouns below and decides nothing: no caching, no storing, no choice of another provider. A
module offers two names::

    PROVIDER = "coingecko"
    def create_provider(context: PluginContext) -> ListingsProvider: ...

Failures leave a provider only as the ``Upstream*`` errors and ``NotFound`` of ``utils.errors``. Figures are
market data, so floats; None is "not given" and never 0. Money is counted in ``CURRENCY``.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from utils.errors import NotFound

CURRENCY = "usd"


@dataclass(frozen=True, slots=True)
class CoinFigures:
    """Hold what a provider says of a coin's worth; prices and sums in ``CURRENCY``, changes in percent.

    ``updated_ms`` is when the provider's figures are from, as it says itself.
    """

    price: float | None = None
    market_cap: float | None = None
    fully_diluted_valuation: float | None = None
    volume_24h: float | None = None
    circulating_supply: float | None = None
    total_supply: float | None = None
    max_supply: float | None = None
    all_time_high: float | None = None
    all_time_high_ms: int | None = None
    all_time_low: float | None = None
    all_time_low_ms: int | None = None
    change_1h_percent: float | None = None
    change_24h_percent: float | None = None
    change_7d_percent: float | None = None
    change_30d_percent: float | None = None
    updated_ms: int | None = None


@dataclass(frozen=True, slots=True)
class CoinLink:
    """Name one address of a coin: ``CoinLink("homepage", "https://bitcoin.org")``."""

    kind: str
    url: str


@dataclass(frozen=True, slots=True)
class Coin:
    """One coin as one provider knows it; ``provider`` and ``coin_id`` together name it, a symbol does not.

    ``symbol`` is in capitals. ``links`` and ``description`` (plain text) come with ``fetch_coin`` only.
    """

    provider: str
    coin_id: str
    symbol: str
    name: str
    slug: str
    figures: CoinFigures
    rank: int | None = None
    image_url: str | None = None
    links: tuple[CoinLink, ...] = ()
    description: str | None = None


@dataclass(frozen=True, slots=True)
class RefusedCoin:
    """Say which entry of an answer was left out, counted from 0, and why."""

    position: int
    reason: str


@dataclass(frozen=True, slots=True)
class ListingsPage:
    """Hold the first coins by rank, no coin twice; ``fetched_ms`` is when they were asked for.

    ``refused`` names the entries that were no coins.
    """

    provider: str
    coins: tuple[Coin, ...]
    fetched_ms: int
    refused: tuple[RefusedCoin, ...] = ()


@dataclass(frozen=True, slots=True)
class CoinHistoryPoint:
    """Hold what a coin was worth at one instant, UTC milliseconds."""

    time_ms: int
    price: float
    market_cap: float | None = None
    volume: float | None = None


@dataclass(frozen=True, slots=True)
class ListingsProfile:
    """State what a provider allows, as data.

    ``page_coins`` is the most coins one call returns, ``coins_max`` the most that may be asked for.
    ``calls_per_minute`` and ``calls_per_month`` are what all workers together may ask, None without a
    limit. ``history_days`` is how far back history reaches, 0 without one. ``calls_per_coin`` is what
    ``fetch_coin`` takes.
    """

    page_coins: int
    coins_max: int
    calls_per_minute: int | None = None
    calls_per_month: int | None = None
    history_days: int = 0
    calls_per_coin: int = 1


class ListingsProvider(ABC):
    """Speak for one provider of listings; every time is UTC milliseconds.

    ``name`` is a lower-case word that stays for ever, since stored coins carry it; ``title`` is how it is
    said: ``CoinGecko``.
    """

    name: str
    title: str

    async def open(self) -> None:
        """Get ready; called once, before anything else. Must not need the network."""

    async def close(self) -> None:
        """Let go of every connection; called once, after everything else."""

    @abstractmethod
    def profile(self) -> ListingsProfile:
        """Return what the provider allows; needs no network."""

    @abstractmethod
    async def fetch_top(self, limit: int) -> ListingsPage:
        """Return the first ``limit`` coins by market capitalisation, 1 to the profile's ``coins_max``."""

    @abstractmethod
    async def fetch_coin(self, coin_id: str) -> Coin:
        """Return one coin with its links and its description. Raises: NotFound."""

    async def fetch_history(self, coin_id: str, *, days: int) -> tuple[CoinHistoryPoint, ...]:
        """Return what a coin was worth in the last days, oldest first, no instant twice.

        ``days`` is at least 1 and at most the profile's ``history_days``; a provider without history leaves
        this as it is. One call. Raises: NotFound for no such coin, and where there is no history.
        """
        raise NotFound(
            f"{self.title} gives no history of coins. Choose a provider that does.", code="no_coin_history"
        )

    def calls_for(self, limit: int) -> int:
        """Return how many calls ``fetch_top(limit)`` takes of what the profile allows."""
        return -(-limit // self.profile().page_coins)
