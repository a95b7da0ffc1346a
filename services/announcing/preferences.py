"""What a listener wants to hear: how much, how often, from which size of a move on; pure values."""

from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any

MIN_GAP_S_MIN, MIN_GAP_S_MAX = 1.0, 3_600.0
WORDS_PER_MINUTE_MIN, WORDS_PER_MINUTE_MAX = 60, 800
MOVE_MAX = 1_000_000.0


class Mode(StrEnum):
    """How much is said: nothing, what must be heard, what matters as well, or everything."""

    OFF = "off"
    ALERTS = "alerts"
    IMPORTANT = "important"
    ALL = "all"


class Verbosity(StrEnum):
    """How much each message says."""

    BRIEF = "brief"
    NORMAL = "normal"
    FULL = "full"


class MoveUnit(StrEnum):
    """What the size of a move is counted in; ``atr`` is the mean range of the newest 14 bars."""

    PERCENT = "percent"
    TICKS = "ticks"
    ATR = "atr"


@dataclass(frozen=True, slots=True)
class MoveThreshold:
    """Say from which size on a move is worth saying."""

    unit: MoveUnit = MoveUnit.PERCENT
    amount: float = 0.5

    def distance(self, price: float, step: float | None, atr: float | None) -> float:
        """Return the threshold as a distance from this price.

        Where the step or the range is not known, a percent of the price stands in for it.
        """
        if self.unit is MoveUnit.TICKS and step:
            return self.amount * step
        if self.unit is MoveUnit.ATR and atr:
            return self.amount * atr
        percent = self.amount if self.unit is MoveUnit.PERCENT else MoveThreshold().amount
        return price * percent / 100


@dataclass(frozen=True, slots=True)
class Preferences:
    """Hold what one listener wants; ``locale`` None is that of the request, ``time_zone`` None is UTC."""

    mode: Mode = Mode.IMPORTANT
    verbosity: Verbosity = Verbosity.NORMAL
    min_gap_s: float = 10.0
    move: MoveThreshold = MoveThreshold()
    words_per_minute: int = 175
    locale: str | None = None
    time_zone: str | None = None


@dataclass(frozen=True, slots=True)
class PreferencesChange:
    """Name what is to change; what is None stays as it is."""

    mode: Mode | None = None
    verbosity: Verbosity | None = None
    min_gap_s: float | None = None
    move: MoveThreshold | None = None
    words_per_minute: int | None = None
    locale: str | None = None
    time_zone: str | None = None

    def apply_to(self, preferences: Preferences) -> Preferences:
        """Return the preferences with the change."""
        return replace(preferences, **_named(self))

    def then(self, later: "PreferencesChange") -> "PreferencesChange":
        """Return what both changes make, one after the other."""
        return replace(self, **_named(later))


def _named(change: PreferencesChange) -> dict[str, Any]:
    named = {field.name: getattr(change, field.name) for field in fields(change)}
    return {name: value for name, value in named.items() if value is not None}


def encode_preferences(preferences: Preferences) -> dict[str, object]:
    """Return preferences as JSON has them: ``{"mode": "all", "move": {"percent": 0.5}, …}``."""
    return _shown({field.name: getattr(preferences, field.name) for field in fields(preferences)})


def encode_change(change: PreferencesChange) -> dict[str, object]:
    """Return what changes as ``encode_preferences`` shows it, and nothing else."""
    return _shown(_named(change))


def _shown(values: dict[str, Any]) -> dict[str, object]:
    moves = {name: value for name, value in values.items() if isinstance(value, MoveThreshold)}
    return values | {name: {move.unit.value: move.amount} for name, move in moves.items()}


def decode_preferences(stored: dict[str, Any]) -> Preferences:
    """Return preferences as ``encode_preferences`` made them; what is missing is as by default."""
    default = Preferences()
    move = default.move
    for unit, amount in stored.get("move", {}).items():
        move = MoveThreshold(MoveUnit(unit), float(amount))
    return Preferences(
        mode=Mode(stored.get("mode", default.mode)),
        verbosity=Verbosity(stored.get("verbosity", default.verbosity)),
        min_gap_s=float(stored.get("min_gap_s", default.min_gap_s)),
        move=move,
        words_per_minute=int(stored.get("words_per_minute", default.words_per_minute)),
        locale=stored.get("locale"),
        time_zone=stored.get("time_zone"),
    )
