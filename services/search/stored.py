"""What the store holds of instruments, for a search: how far bars reach, and what was traded; pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from services.search.names import names_of
from services.stores.stored_instruments import StoredSeries
from utils.domain import DAY_MS, Instrument, InstrumentSpec

DAY_S = DAY_MS // 1_000
# What older bars say of trade is no longer true.
LATELY_MS = 3 * DAY_MS
# Counted as dollars: they are worth one each, nearly.
DOLLARS = frozenset(("USD", "USDT", "USDC", "DAI", "FDUSD", "PYUSD", "TUSD"))


@dataclass(frozen=True, slots=True)
class Stored:
    """State how far the bars of an instrument reach, and its turnover of a day in dollars, None unknown."""

    first_ms: int
    end_ms: int
    turnover: float | None = None


@dataclass(frozen=True, slots=True)
class _Traded:
    series: StoredSeries
    base: str
    quote: str

    @property
    def volume(self) -> float:
        """Return the volume of a day."""
        return self.series.volume * DAY_S / self.series.newest_s


def sum_up(series: Iterable[StoredSeries], now_ms: int) -> dict[Instrument, Stored]:
    """Return what is stored of each instrument."""
    by_instrument: dict[Instrument, list[StoredSeries]] = {}
    for each in series:
        by_instrument.setdefault(each.instrument, []).append(each)
    # Of several timeframes, the one whose newest bars cover the longest time says most.
    traded = {
        instrument: _traded(max(fresh, key=lambda each: each.newest_s))
        for instrument, of_it in by_instrument.items()
        if (fresh := [each for each in of_it if now_ms - each.end_ms < LATELY_MS])
    }
    prices = _dollar_prices(traded.values())
    return {
        instrument: Stored(
            first_ms=min(each.first_ms for each in of_it),
            end_ms=max(each.end_ms for each in of_it),
            turnover=_turnover(traded[instrument], prices) if instrument in traded else None,
        )
        for instrument, of_it in by_instrument.items()
    }


def _traded(series: StoredSeries) -> _Traded:
    names = names_of(InstrumentSpec.unlisted(series.instrument))
    return _Traded(series, names.base, names.quote)


def _dollar_prices(traded: Iterable[_Traded]) -> dict[str, float]:
    """Return what a unit of each asset is worth, as the busiest pair with dollars has it."""
    prices = dict.fromkeys(DOLLARS, 1.0)
    # The busiest comes last and is believed.
    for each in sorted(traded, key=lambda each: each.volume * each.series.close):
        if each.quote in DOLLARS and each.base not in DOLLARS:
            prices[each.base] = each.series.close
        elif each.base in DOLLARS and each.quote not in DOLLARS:
            prices.setdefault(each.quote, 1 / each.series.close)
    return prices


def _turnover(traded: _Traded, prices: dict[str, float]) -> float | None:
    if traded.quote in prices:
        return traded.volume * traded.series.close * prices[traded.quote]
    if traded.base in prices:
        return traded.volume * prices[traded.base]
    return None
