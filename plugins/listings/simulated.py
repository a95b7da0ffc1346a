"""Simulated listings: seeded, deterministic, needing no network, and faulty on request.

They show a list where there is no key or no connection, and stand in for a provider in tests. The same seed
and minute give the same figures on every machine; coins of the simulated market have its prices.
"""

import asyncio

from plugins.base import PluginContext
from plugins.listings import failures
from plugins.listings.base import (
    Coin,
    CoinFigures,
    CoinHistoryPoint,
    CoinLink,
    ListingsPage,
    ListingsProfile,
    ListingsProvider,
)
from plugins.listings.reading import UnreadableField, read_page
from plugins.listings.simulated_coins import (
    COINS,
    HIGH_FACTOR,
    HIGH_MS,
    LOW_FACTOR,
    LOW_MS,
    SimulatedCoin,
    SimulatedPrices,
    coins,
)
from plugins.listings.simulated_faults import OLD_S, ListingsFaults, strikes
from plugins.simulated_path import ORIGIN_MS
from utils.clock import Clock
from utils.domain import SECOND_MS
from utils.errors import UpstreamDown

PROVIDER = NAME = "simulated"
TITLE = "The simulation"
PAGE_COINS = 250
HISTORY_DAYS = 365
MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400
DESCRIPTION = "A simulated coin. Everything said of it is made up."


def create_provider(context: PluginContext) -> "SimulatedListings":
    """Return the provider, seeded by SIMULATED_SEED and as faulty as SIMULATED_LISTINGS_FAULTS says.

    Raises: ValueError with a sentence when a setting cannot be read.
    """
    seed = context.settings.get("SIMULATED_SEED", "").strip() or "1"
    if not seed.isascii() or not seed.isdigit():
        raise ValueError(f"SIMULATED_SEED is {seed}: set a whole number, 0 or more.")
    faults = ListingsFaults.parse(context.settings.get("SIMULATED_LISTINGS_FAULTS", ""))
    return SimulatedListings(context.clock, int(seed), faults)


class SimulatedListings(ListingsProvider):
    """Speak for coins that do not exist; ``faults`` may be replaced at any time."""

    name = NAME
    title = TITLE

    def __init__(self, clock: Clock, seed: int, faults: ListingsFaults) -> None:
        self.faults = faults
        self._clock = clock
        self._seed = seed
        self._questions = 0
        self._prices = SimulatedPrices(seed)

    def profile(self) -> ListingsProfile:
        """Return what the simulation allows: as many questions as anybody likes."""
        return ListingsProfile(page_coins=PAGE_COINS, coins_max=COINS, history_days=HISTORY_DAYS)

    async def fetch_top(self, limit: int) -> ListingsPage:
        """Return the first coins by market capitalisation."""
        self._count_question()
        fetched_ms = self._clock.now_ms()
        return await asyncio.to_thread(self._page, limit, fetched_ms)

    async def fetch_coin(self, coin_id: str) -> Coin:
        """Return one coin with a link and a description. Raises: NotFound."""
        self._count_question()
        time_s = self._figures_time_s(self._clock.now_ms())
        ranked = await asyncio.to_thread(self._ranked, time_s)
        for rank, row in enumerate(ranked, start=1):
            if row.coin_id == coin_id:
                return self._coin(row, rank, time_s, detailed=True)
        raise failures.unknown_coin(TITLE, coin_id)

    async def fetch_history(self, coin_id: str, *, days: int) -> tuple[CoinHistoryPoint, ...]:
        """Return points: every five minutes for one day, every hour up to 90, every day beyond."""
        self._count_question()
        row = next((row for row in coins() if row.coin_id == coin_id), None)
        if row is None:
            raise failures.unknown_coin(TITLE, coin_id)
        step_s = 5 * MINUTE_S if days == 1 else HOUR_S if days <= 90 else DAY_S
        last_s = self._clock.now_ms() // SECOND_MS // step_s * step_s
        first_s = max(last_s - days * DAY_S, -(-ORIGIN_MS // SECOND_MS // step_s) * step_s)
        return await asyncio.to_thread(self._points, row, range(first_s, last_s + 1, step_s))

    def _page(self, limit: int, fetched_ms: int) -> ListingsPage:
        time_s = self._figures_time_s(fetched_ms)
        entries: list[object] = []
        for rank, row in enumerate(self._ranked(time_s)[:limit], start=1):
            coin = self._coin(row, rank, time_s)
            broken = self.faults.broken and strikes(self._seed, "broken", coin.coin_id)
            twice = self.faults.duplicate and strikes(self._seed, "duplicate", coin.coin_id)
            entries += [None] if broken else [coin, coin] if twice else [coin]
        return read_page(NAME, entries, _read_simulated, fetched_ms)

    def _ranked(self, time_s: int) -> list[SimulatedCoin]:
        return sorted(coins(), key=lambda row: -self._prices.price(row, time_s) * row.supply)

    def _coin(self, row: SimulatedCoin, rank: int, time_s: int, *, detailed: bool = False) -> Coin:
        silent = self.faults.silent and strikes(self._seed, "silent", row.coin_id)
        return Coin(
            provider=NAME,
            coin_id=row.coin_id,
            symbol=row.symbol,
            name=row.name,
            slug=row.coin_id,
            rank=rank,
            figures=CoinFigures() if silent else self._figures(row, time_s),
            links=(CoinLink("homepage", f"https://{row.coin_id}.example"),) if detailed else (),
            description=DESCRIPTION if detailed else None,
        )

    def _figures(self, row: SimulatedCoin, time_s: int) -> CoinFigures:
        price = self._prices.price(row, time_s)

        def change_percent(ago_s: int) -> float:
            return round((price / self._prices.price(row, time_s - ago_s) - 1.0) * 100, 5)

        total = row.max_supply or row.supply
        return CoinFigures(
            price=price,
            market_cap=price * row.supply,
            fully_diluted_valuation=price * total,
            volume_24h=self._prices.volume_24h(row, time_s),
            circulating_supply=row.supply,
            total_supply=total,
            max_supply=row.max_supply,
            all_time_high=row.base_price * HIGH_FACTOR,
            all_time_high_ms=HIGH_MS,
            all_time_low=row.base_price * LOW_FACTOR,
            all_time_low_ms=LOW_MS,
            change_1h_percent=change_percent(HOUR_S),
            change_24h_percent=change_percent(DAY_S),
            change_7d_percent=change_percent(7 * DAY_S),
            change_30d_percent=change_percent(30 * DAY_S),
            updated_ms=time_s * SECOND_MS,
        )

    def _points(self, row: SimulatedCoin, times_s: range) -> tuple[CoinHistoryPoint, ...]:
        points = []
        for time_s in times_s:
            price, volume = self._prices.price(row, time_s), self._prices.volume_24h(row, time_s)
            points.append(CoinHistoryPoint(time_s * SECOND_MS, price, price * row.supply, volume))
        return tuple(points)

    def _figures_time_s(self, now_ms: int) -> int:
        # A provider counts anew each minute.
        late_s = OLD_S if self.faults.old else 0
        return (now_ms // SECOND_MS - late_s) // MINUTE_S * MINUTE_S

    def _count_question(self) -> None:
        self._questions += 1
        if self.faults.is_error(self._questions):
            raise UpstreamDown(
                "The simulation failed on purpose, as the fault error asks. Try again.", retry_after_s=1.0
            )
        if self.faults.is_limited(self._questions):
            raise failures.limited(TITLE, None)


def _read_simulated(entry: object) -> Coin:
    if not isinstance(entry, Coin):
        raise UnreadableField("it is broken on purpose, as the fault broken asks")
    return entry
