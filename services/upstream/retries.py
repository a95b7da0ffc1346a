"""How many questions may be put twice: a share of all, so that retries cannot multiply a failure."""

SAVED_MAX = 3.0


class RetryBudget:
    """Earn a part of a retry with each question; save up a few."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._saved = 0.0

    def earn(self) -> None:
        """Count a question."""
        self._saved = min(SAVED_MAX, self._saved + self._share)

    def spend(self) -> bool:
        """Return whether a question may be put again, and count that."""
        # A tenth is not exact in binary; ten of them are one retry.
        if self._saved < 1 - 1e-9:
            return False
        self._saved -= 1
        return True
