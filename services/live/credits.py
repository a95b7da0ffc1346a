"""How fast one client may send commands, and when it has been told so often enough."""

from enum import StrEnum

from services.live.limits import LiveLimits


class Verdict(StrEnum):
    """What is to be done with a command: do it, refuse it, or close the connection."""

    DO = "do"
    REFUSE = "refuse"
    CLOSE = "close"


class Credits:
    """Count the commands of one connection: each costs a credit, and credits come back evenly."""

    def __init__(self, limits: LiveLimits, now_s: float) -> None:
        self._limits = limits
        self._left = float(limits.commands_burst)
        self._counted_s = now_s
        self._refused = 0

    def spend(self, now_s: float) -> Verdict:
        """Return what is to be done with a command that came at this time of a steady clock."""
        returned = (now_s - self._counted_s) * self._limits.commands_per_s
        self._left = min(self._left + returned, self._limits.commands_burst)
        self._counted_s = now_s
        if self._left == self._limits.commands_burst:
            # A client that rested as long as it should begins anew.
            self._refused = 0
        if self._left >= 1:
            self._left -= 1
            return Verdict.DO
        self._refused += 1
        return Verdict.CLOSE if self._refused > self._limits.refusals_max else Verdict.REFUSE

    def charge(self, failures: int) -> None:
        """Let what was asked for in vain count as commands, for a rest of some seconds at most."""
        self._left = max(self._left - failures, -float(self._limits.commands_burst))
