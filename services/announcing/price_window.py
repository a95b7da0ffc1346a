"""The lowest and the highest price of the last so many milliseconds; pure.

There is one for each alert that waits for a move. On a day on which prices hardly turn it holds many of them,
so it holds numbers and no objects.
"""

from array import array

# Prices without a turn between them, for over an hour. Beyond this many every other one is let go, but never
# the extreme: when that is too long ago, the next one that is left is hardly another.
PRICES_MAX = 20_000
FORGOTTEN_MAX = 64


class PriceWindow:
    """Know the extremes of what was added within the last ``length_ms``."""

    def __init__(self, length_ms: int) -> None:
        self._length_ms = length_ms
        self._lows = _Side(1.0)
        self._highs = _Side(-1.0)

    @property
    def begun(self) -> bool:
        """Tell whether there is a price in it."""
        return bool(self._lows)

    @property
    def lowest(self) -> float:
        """Return the lowest price."""
        return self._lows.extreme

    @property
    def highest(self) -> float:
        """Return the highest price."""
        return self._highs.extreme

    def add(self, time_ms: int, low: float, high: float) -> None:
        """Take in what was reached at a time."""
        self._lows.add(time_ms, low)
        self._highs.add(time_ms, high)

    def forget(self, now_ms: int) -> None:
        """Let go what is too long ago by now."""
        for side in (self._lows, self._highs):
            side.forget(now_ms - self._length_ms)

    def clear(self) -> None:
        """Begin anew."""
        self._lows.clear()
        self._highs.clear()


class _Side:
    """Prices that none after them has overtaken, oldest first: the first is the extreme."""

    __slots__ = ("_begin", "_prices", "_sign", "_times_ms")

    def __init__(self, sign: float) -> None:
        # Highest prices are lowest ones with the other sign.
        self._sign = sign
        self.clear()

    def __len__(self) -> int:
        return len(self._prices) - self._begin

    @property
    def extreme(self) -> float:
        return self._sign * self._prices[self._begin]

    def add(self, time_ms: int, price: float) -> None:
        signed = self._sign * price
        while len(self) and self._prices[-1] >= signed:
            self._prices.pop()
            self._times_ms.pop()
        if len(self) >= PRICES_MAX:
            self._keep(2)
        self._prices.append(signed)
        self._times_ms.append(time_ms)

    def forget(self, before_ms: int) -> None:
        while len(self) and self._times_ms[self._begin] < before_ms:
            self._begin += 1
        # What is cut off at the front moves all the rest.
        if self._begin > max(FORGOTTEN_MAX, len(self)):
            self._keep(1)

    def clear(self) -> None:
        self._begin = 0
        self._prices = array("d")
        self._times_ms = array("q")

    def _keep(self, step: int) -> None:
        self._prices = self._prices[self._begin :: step]
        self._times_ms = self._times_ms[self._begin :: step]
        self._begin = 0
