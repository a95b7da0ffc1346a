"""How long to wait for an exchange when there is something stored to show instead."""

# With the rest of an answer this stays below 300 ms, which nobody takes for waiting.
WAIT_MIN_S = 0.2
# A page that takes so many times as long as usual is not about to come.
USUAL_FACTOR = 4.0
# How much of the newest figure goes into what is usual.
NEWEST_SHARE = 0.3


class Patience:
    """Know how long each exchange usually takes for a page of bars, in seconds."""

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._usual_s: dict[str, float] = {}

    def note(self, exchange: str, took_s: float, *, pages: int = 1) -> None:
        """Learn from pages that came well, one after the other."""
        page_s = took_s / pages
        usual_s = self._usual_s.get(exchange, page_s)
        self._usual_s[exchange] = usual_s + NEWEST_SHARE * (page_s - usual_s)

    def wait_s(self, exchange: str, *, pages: int = 1) -> float:
        """Return how long to wait for pages while stored bars could be shown; the longest for a stranger."""
        usual_s = self._usual_s.get(exchange)
        if usual_s is None:
            return self._longest_s
        return min(self._longest_s, max(WAIT_MIN_S, USUAL_FACTOR * usual_s * pages))
