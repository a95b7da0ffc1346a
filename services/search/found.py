"""What a search finds; pure."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from utils.domain import Instrument, InstrumentSpec


class InstrumentKind(StrEnum):
    """What one buys: the thing itself, or a contract on it."""

    SPOT = "spot"
    PERPETUAL = "perpetual"
    FUTURE = "future"
    OPTION = "option"


class Match(IntEnum):
    """How well an instrument fits what was typed; the better, the lower."""

    SYMBOL = 0
    EXACT = 1
    PREFIX = 2
    WORD = 3
    TYPO = 4


@dataclass(frozen=True, slots=True)
class Found:
    """Hold one instrument that fits.

    ``name`` is what its base is called, ``Bitcoin``. ``turnover`` is what was traded of it lately, in US
    dollars, as far as bars are stored; None where that is not known. A ``delisted`` one is still shown
    because bars of it are stored; ``sentence`` says so to a person.
    """

    spec: InstrumentSpec
    kind: InstrumentKind
    base: str
    quote: str
    name: str
    match: Match
    turnover: float | None = None
    delisted: bool = False
    sentence: str | None = None

    @property
    def instrument(self) -> Instrument:
        """Return what names it."""
        return self.spec.instrument
