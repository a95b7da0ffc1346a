"""What single exchanges really do, as a table: one row an exchange that differs from the rest.

Data only; `plugins.crypto_catalog` reads it. An exchange without a row is taken at ccxt's word, except
that weeks, months and several days are never taken from an exchange (they are derived from days, which
start at 00:00 UTC everywhere) unless its row vouches for them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from plugins.base import LiveMode

# Asked for where neither ccxt nor a row says how many bars an answer holds; the smallest limit seen is 200.
PAGE_BARS_DEFAULT = 200


@dataclass(frozen=True, slots=True)
class VenueRow:
    """State how one exchange differs from what ccxt says of it.

    ``false_timeframes`` are answered with bars of another length or another time zone than their label
    says; ``vouched_timeframes`` are weeks or months known to be right. ``windowed`` is false where a
    question for bars is answered from the first bar there is, however long after the start. ``unwatch`` is
    false where ccxt cannot end one subscription of several. ``options`` are passed to the ccxt class. None
    leaves ccxt's own word in force.
    """

    page_bars: int | None = None
    live_mode: LiveMode | None = None
    forming_included: bool = True
    history_bars: int | None = None
    false_timeframes: frozenset[str] = frozenset()
    vouched_timeframes: frozenset[str] = frozenset()
    unwatch: bool = True
    windowed: bool = True
    options: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))


PLAIN_VENUE = VenueRow()

# Only the spot list is read: futures and options would be two more lists of thousands. Recent trades are
# asked for one by one, since the ids of aggregated trades do not match those of the live stream.
BINANCE_SPOT = MappingProxyType({"fetchMarkets": {"types": ["spot"]}, "fetchTradesMethod": "publicGetTrades"})

VENUES: Mapping[str, VenueRow] = MappingProxyType(
    {
        "binance": VenueRow(page_bars=1000, windowed=False, options=BINANCE_SPOT),
        "binanceus": VenueRow(page_bars=1000, windowed=False, options=BINANCE_SPOT),
        # 1M is sent as 1m: the venue's codes differ by case only.
        "bitget": VenueRow(false_timeframes=frozenset({"1M"})),
        # 1w is asked for as 259,200 seconds, which is three days.
        "bitstamp": VenueRow(page_bars=1000, false_timeframes=frozenset({"1w"})),
        # ccxt takes only the answer to the last unsubscription for one.
        "coinbase": VenueRow(page_bars=300, unwatch=False),
        # Days and longer begin at midnight UTC+8 (huobiapi/API_Docs_en issue 8).
        "htx": VenueRow(false_timeframes=frozenset({"1d", "1w", "1M", "1y"})),
        # The last 720 bars are sent whatever was asked; 2w is asked for as 21,600 minutes, fifteen days.
        "kraken": VenueRow(
            page_bars=720, windowed=False, history_bars=720, false_timeframes=frozenset({"2w"})
        ),
        # 1M is 28 days and 4M is 112.
        "ndax": VenueRow(false_timeframes=frozenset({"1M", "4M"})),
        # 4h is asked for as 480 minutes.
        "zebpay": VenueRow(false_timeframes=frozenset({"4h"})),
    }
)
