"""Bars out of a stream of trades that began in the middle of one; pure.

What was traded before the stream began is known only from the exchange's own unfinished bar. The bar shown
for that interval is the two together; bars that open later are the fold of the stream alone.
"""

from collections.abc import Sequence
from dataclasses import replace

from services.live.folding import TradeFolder
from utils.domain import Bar, BarSource, Timeframe, Trade


class StreamedBars:
    """Fold a stream, and say which of its bars can be shown and which are seen whole."""

    def __init__(self, timeframe: Timeframe) -> None:
        self._timeframe = timeframe
        self._folder = TradeFolder(timeframe)
        # The trades of the first interval that the exchange's own bar did not hold yet.
        self._later = TradeFolder(timeframe)
        self._begun: Bar | None = None
        self._begun_read_ms = 0
        # An interval in which the exchange had no trade yet when it was read.
        self._empty_open_ms: int | None = None
        self._whole_from_ms: int | None = None

    def begin(self, unfinished: Bar, read_ms: int) -> None:
        """Take over the exchange's own running bar, read when its clock showed ``read_ms``."""
        self._begun, self._begun_read_ms = unfinished, read_ms

    def begin_empty(self, read_ms: int) -> None:
        """Note that there was no running bar yet when the exchange's clock showed ``read_ms``."""
        self._empty_open_ms, self._begun_read_ms = self._timeframe.floor(read_ms), read_ms

    def add(self, trades: Sequence[Trade]) -> tuple[int, ...]:
        """Fold trades in and return the opens of the bars they belong to, oldest first."""
        if trades and self._whole_from_ms is None:
            # The stream holds every trade since its first one: bars that open later are seen whole.
            self._whole_from_ms = self._timeframe.next(min(trade.time_ms for trade in trades))
        self._later.add(trade for trade in trades if self._is_later(trade.time_ms))
        return self._folder.add(trades)

    def _is_later(self, time_ms: int) -> bool:
        whole_from_ms = self._whole_from_ms
        return time_ms > self._begun_read_ms and (whole_from_ms is None or time_ms < whole_from_ms)

    def whole(self, open_ms: int) -> bool:
        """Tell whether the stream brings every trade of the bar."""
        return self._whole_from_ms is not None and open_ms >= self._whole_from_ms

    def bar(self, open_ms: int) -> Bar | None:
        """Return the bar as it stands; None where too little of it was seen to say anything true."""
        if self.whole(open_ms):
            return self._folder.bar(open_ms)
        begun = self._begun
        if begun is None and open_ms == self._empty_open_ms:
            return self._later.bar(open_ms)
        if begun is None or begun.open_time_ms != open_ms:
            return None
        later = self._later.bar(open_ms)
        if later is None:
            return begun
        return replace(
            begun,
            high=max(begun.high, later.high),
            low=min(begun.low, later.low),
            close=later.close,
            volume=begun.volume + later.volume,
            source=BarSource.TRADES,
        )
