"""Fold trades into bars; pure.

A trade belongs to the bar that holds its own time, however late it arrives. Batches may come in any order,
overlap and repeat: the same trades give the same bars.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from utils.domain import Bar, BarSource, BarState, Timeframe, Trade

# Late trades reach back minutes, not hours; older bars are the exchange's to correct.
BARS_KEPT = 16
# What an exchange sends again, to whoever subscribes or after a break, are hundreds of trades.
IDS_KEPT = 10_000


def _order(trade: Trade) -> tuple[int, int, str]:
    # Exchanges number trades upwards; where ids are no numbers their text has to do.
    return (trade.time_ms, int(trade.id) if trade.id.isascii() and trade.id.isdigit() else 0, trade.id)


@dataclass(slots=True)
class _Fold:
    open_ms: int
    first: Trade
    last: Trade
    high: float
    low: float
    # Decimal, so that sums of printed amounts end where the exchange's own sum ends.
    volume: Decimal = field(default_factory=Decimal)

    def add(self, trade: Trade) -> None:
        if _order(trade) < _order(self.first):
            self.first = trade
        # Trades without ids in one millisecond have no order but that of their arrival.
        if _order(trade) >= _order(self.last):
            self.last = trade
        self.high = max(self.high, trade.price)
        self.low = min(self.low, trade.price)
        self.volume += Decimal(repr(trade.amount))


class TradeFolder:
    """Keep the newest bars of one instrument and timeframe, built from its trades."""

    def __init__(self, timeframe: Timeframe) -> None:
        self._timeframe = timeframe
        self._folds: OrderedDict[int, _Fold] = OrderedDict()
        # The opens of the bars that trades were counted in, by their ids, in the order of arrival.
        self._seen: OrderedDict[str, int] = OrderedDict()

    def add(self, trades: Iterable[Trade]) -> tuple[int, ...]:
        """Fold trades in and return the opens of the bars they belong to, oldest first.

        A trade whose id was seen counts once; a trade older than every kept bar is left out. However many
        bars one call touches, all of them are kept until the next call.
        """
        while len(self._folds) > BARS_KEPT:
            del self._folds[min(self._folds)]
        horizon_ms = min(self._folds) if len(self._folds) == BARS_KEPT else None
        if horizon_ms is not None:
            self._forget_ids(horizon_ms)
        touched = set()
        for trade in trades:
            open_ms = self._timeframe.floor(trade.time_ms)
            if horizon_ms is not None and open_ms < horizon_ms:
                continue
            touched.add(open_ms)
            if trade.id and trade.id in self._seen:
                continue
            fold = self._folds.get(open_ms)
            if fold is None:
                fold = self._folds[open_ms] = _Fold(open_ms, trade, trade, trade.price, trade.price)
            fold.add(trade)
            if trade.id:
                self._remember(trade.id, fold)
        return tuple(sorted(touched))

    def bar(self, open_ms: int, state: BarState = BarState.FORMING) -> Bar | None:
        """Return the bar built so far, None when no trade of it is kept."""
        fold = self._folds.get(open_ms)
        if fold is None:
            return None
        return Bar(
            open_ms,
            fold.first.price,
            fold.high,
            fold.low,
            fold.last.price,
            float(fold.volume),
            state,
            0,
            BarSource.TRADES,
        )

    @property
    def newest_open_ms(self) -> int | None:
        """Return the open of the newest bar, None before the first trade."""
        return max(self._folds, default=None)

    def _remember(self, trade_id: str, fold: _Fold) -> None:
        # The fold's own number: one object for all of its trades.
        self._seen[trade_id] = fold.open_ms
        if len(self._seen) > IDS_KEPT:
            self._seen.popitem(last=False)

    def _forget_ids(self, horizon_ms: int) -> None:
        # Trades come about in the order of time: what is behind a newer one waits for its turn.
        while self._seen and next(iter(self._seen.values())) < horizon_ms:
            self._seen.popitem(last=False)
