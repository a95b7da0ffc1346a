"""When a change of a feed's state is said: a feed that flaps must not talk all the time; pure."""

from dataclasses import dataclass

# Whoever listens to a screen reader hears every status: at most one a topic in this time.
GAP_S = 10.0


@dataclass(slots=True)
class StatusGate:
    """Remember what was said of one topic; the first word is a greeting, every later one a change."""

    said: str | None = None
    changed_s: float | None = None

    def wait_s(self, state: str, now_s: float) -> float | None:
        """Return after how long the state may be said; None when it is what was said last."""
        if state == self.said:
            return None
        return 0.0 if self.changed_s is None else max(0.0, self.changed_s + GAP_S - now_s)

    def note(self, state: str, now_s: float) -> None:
        """Remember that the state has been said."""
        if self.said is not None:
            self.changed_s = now_s
        self.said = state
