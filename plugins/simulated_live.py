"""Live updates of the simulated market, read off its history as the seconds pass."""

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from plugins.simulated_history import HOUR_S, SimulatedHistory, rows, trades_of
from plugins.simulated_path import ORIGIN_MS, SimulatedPath
from utils.domain import SECOND_MS, Bar, BarSource, BarState, Trade

Update = TypeVar("Update")


class Feed(ABC, Generic[Update]):
    """Turn the passing of seconds, from the present one on, into updates; remembers how far it came."""

    def __init__(self, path: SimulatedPath, now_s: int, longest_step_s: int) -> None:
        self.path = path
        self.reached_s = now_s - 1
        self._longest_step_s = longest_step_s

    def advance(self, now_s: int) -> list[tuple[int, Update]]:
        """Return what happened since the last call as (second, update), oldest first.

        At most an hour or a bar at a time, whichever is longer: ``reached_s`` tells how far it came.
        """
        after_s = self.reached_s
        if now_s <= after_s:
            return []
        self.reached_s = min(now_s, after_s + self._longest_step_s)
        return self._happened(after_s, self.reached_s)

    @abstractmethod
    def _happened(self, after_s: int, until_s: int) -> list[tuple[int, Update]]: ...


class TradeFeed(Feed[Trade]):
    """Yield each trade in its second."""

    def __init__(self, path: SimulatedPath, now_s: int) -> None:
        super().__init__(path, now_s, HOUR_S)

    def _happened(self, after_s: int, until_s: int) -> list[tuple[int, Trade]]:
        columns = self.path.trades(after_s + 1, until_s)
        trades = trades_of(columns, self.path.instrument)
        return list(zip(columns.open_s.tolist(), trades, strict=True))


class BarFeed(Feed[Bar]):
    """Yield the forming bar as it moves and each bar once more, closed, when its time is over."""

    def __init__(self, history: SimulatedHistory, path: SimulatedPath, length_s: int, now_s: int) -> None:
        super().__init__(path, now_s, max(HOUR_S, length_s))
        self._history = history
        self._length_s = length_s
        self._forming: Bar | None = None

    def _happened(self, after_s: int, until_s: int) -> list[tuple[int, Bar]]:
        first_s = after_s // self._length_s * self._length_s
        columns = self._history.bars(self.path, self._length_s, first_s, until_s)
        updates = []
        for row in rows(columns, self.path.instrument):
            close_s = (row[0] - ORIGIN_MS) // SECOND_MS + self._length_s
            if close_s <= until_s:
                updates.append((close_s, _bar(row, BarState.CLOSED)))
                continue
            forming = _bar(row, BarState.FORMING)
            if forming != self._forming:
                self._forming = forming
                updates.append((until_s, forming))
        return updates


def _bar(row: tuple[int, float, float, float, float, float], state: BarState) -> Bar:
    return Bar(*row, state=state, source=BarSource.SIMULATED)
