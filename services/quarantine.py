"""Count what exchanges sent and nobody should believe; nothing of it is stored."""

from collections import Counter

from utils import figures


class Quarantine:
    """Count refused rows and refused answers of each exchange since this worker began."""

    def __init__(self) -> None:
        self._rows: Counter[str] = Counter()
        self._answers: Counter[str] = Counter()

    def refuse_rows(self, exchange: str, count: int) -> None:
        """Count rows that are no bars; the answer they came in is counted as well."""
        self._rows[exchange] += count
        figures.QUARANTINED_ROWS.add(count, exchange)
        self.refuse_answer(exchange)

    def refuse_answer(self, exchange: str) -> None:
        """Count an answer that holds no rows at all."""
        self._answers[exchange] += 1
        figures.QUARANTINED_ANSWERS.add(1, exchange)

    def rows(self, exchange: str) -> int:
        """Return how many rows of an exchange were refused."""
        return self._rows[exchange]

    def answers(self, exchange: str) -> int:
        """Return how many answers of an exchange were refused."""
        return self._answers[exchange]
