"""How exchanges are, as this worker knows it: for admins."""

from dataclasses import dataclass
from enum import StrEnum


class ExchangeMood(StrEnum):
    """Say what a question to an exchange would meet: an answer, its wish to be left alone, or silence."""

    ANSWERING = "answering"
    LIMITED = "limited"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class ExchangeState:
    """How one exchange is; ``wait_s`` is how long nobody will ask it, 0 when everybody may.

    ``requests_per_s`` is what all workers together may ask of it; None where nobody counts.
    """

    market: str
    exchange: str
    mood: ExchangeMood
    wait_s: float
    requests_per_s: float | None = None
