"""What ccxt says of its exchanges, corrected by our table: no network, but a second of importing."""

import importlib
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from plugins.base import LiveMode, VenueProfile
from plugins.venues import PAGE_BARS_DEFAULT, PLAIN_VENUE, VENUES, VenueRow
from utils.domain import DAY_MS, SECOND_MS, Timeframe
from utils.errors import near_misses

EVERY_EXCHANGE = "*"
# How exchanges name the address of their bars.
BARS_ADDRESS = re.compile(r"ohlc|candle|(?<!spar)kline", re.IGNORECASE)
SPARING_MS = 1_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Venue:
    """Hold what is known of one exchange before anything is asked of it.

    ``timeframe_codes`` maps our timeframes to ccxt's texts; ``exchange_class`` is the ccxt class.
    ``page_trades`` is the most past trades one request returns, None where ccxt does not say.
    """

    name: str
    profile: VenueProfile
    timeframe_codes: Mapping[Timeframe, str]
    row: VenueRow
    exchange_class: Any
    can_unwatch: bool
    page_trades: int | None


@dataclass(frozen=True, slots=True)
class CcxtCatalog:
    """Hold every venue by exchange id, and the root of ccxt's own errors."""

    venues: Mapping[str, Venue]
    base_error: type[Exception]


@cache
def read_catalog(chosen: str) -> CcxtCatalog:
    """Import ccxt and describe the chosen exchanges: ``*``, or ids separated by commas.

    Takes 1.3 s when Python has compiled ccxt before and several when not: call it in a thread. Exchanges
    that have no bars are left out, and so are ids that ccxt does not know, which are logged. What was read
    once is kept for the process: it is a constant of the ccxt that is installed.
    """
    ccxt = importlib.import_module("ccxt.pro")
    plain = importlib.import_module("ccxt.async_support")
    live_ids = frozenset(ccxt.exchanges)
    venues = {}
    for exchange in _chosen_ids(chosen, plain.exchanges):
        exchange_class = getattr(ccxt if exchange in live_ids else plain, exchange)
        described = exchange_class()
        if described.has.get("fetchOHLCV"):
            venues[exchange] = describe(described, exchange_class, VENUES.get(exchange, PLAIN_VENUE))
    return CcxtCatalog(venues, plain.BaseError)


def _chosen_ids(chosen: str, known: Iterable[str]) -> list[str]:
    known = sorted(known)
    wanted = {exchange.strip().lower() for exchange in chosen.split(",")} - {""}
    if EVERY_EXCHANGE in wanted or not wanted:
        return known
    for unknown in sorted(wanted.difference(known)):
        log.error(
            "CRYPTO_EXCHANGES names an exchange that does not exist",
            extra={"exchange": unknown, "near_misses": near_misses(unknown, known)},
        )
    return [exchange for exchange in known if exchange in wanted]


def describe(client: Any, exchange_class: Any, row: VenueRow) -> Venue:
    """Return what a ccxt client says of itself, corrected by our row."""
    codes = _timeframe_codes(client.timeframes or {}, row)
    profile = VenueProfile(
        timeframes=tuple(sorted(codes, key=lambda timeframe: timeframe.approximate_ms)),
        page_bars=row.page_bars or _declared_limit(client.features, "fetchOHLCV") or PAGE_BARS_DEFAULT,
        live_mode=row.live_mode or _live_mode(client.has),
        forming_included=row.forming_included,
        history_bars=row.history_bars,
        requests_per_s=_requests_per_s(client.rateLimit, client.api),
    )
    unwatch = "unWatchOHLCV" if profile.live_mode is LiveMode.BARS else "unWatchTrades"
    return Venue(
        name=client.name,
        profile=profile,
        timeframe_codes=codes,
        row=row,
        exchange_class=exchange_class,
        can_unwatch=row.unwatch and client.has.get(unwatch) is True,
        page_trades=_declared_limit(client.features, "fetchTrades"),
    )


def _timeframe_codes(offered: Iterable[str], row: VenueRow) -> dict[Timeframe, str]:
    codes: dict[Timeframe, str] = {}
    for text in offered:
        try:
            timeframe = Timeframe.parse(text)
        except ValueError:
            continue  # a year, for example, which is no timeframe of ours
        if text not in row.false_timeframes and (text in row.vouched_timeframes or _on_grid(timeframe)):
            codes.setdefault(timeframe, text)
    return codes


def _on_grid(timeframe: Timeframe) -> bool:
    # Several days may be counted from any day, weeks from any weekday: only what fills a day is certain.
    return timeframe.unit not in "wM" and DAY_MS % timeframe.approximate_ms == 0


def _live_mode(has: Mapping[str, Any]) -> LiveMode:
    if has.get("watchOHLCV") is True:
        return LiveMode.BARS
    return LiveMode.TRADES if has.get("watchTrades") is True else LiveMode.POLL


def _declared_limit(features: Mapping[str, Any] | None, method: str) -> int | None:
    features = features or {}
    swap = features.get("swap") or {}
    kinds = (features.get("spot"), swap.get("linear"), swap.get("inverse"))
    limits = [((kind or {}).get(method) or {}).get("limit") for kind in kinds]
    return min((int(limit) for limit in limits if limit), default=None)


def _requests_per_s(unit_ms: float | None, api: Mapping[str, Any]) -> float:
    # Most questions are for bars, and some exchanges weigh those more than others.
    weight = max(_bars_weights(api), default=1.0)
    return SECOND_MS / ((unit_ms or SPARING_MS) * max(weight, 1.0))


def _bars_weights(api: Mapping[str, Any]) -> Iterator[float]:
    """Yield the weight of each address of bars in ccxt's tree of addresses."""
    for name, below in api.items():
        weight = below.get("cost") if isinstance(below, Mapping) else below
        if BARS_ADDRESS.search(name) and isinstance(weight, int | float):
            yield float(weight)
        elif isinstance(below, Mapping):
            yield from _bars_weights(below)
