"""How often workers look, beat and take over."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JobPace:
    """State the times of a runner, all of them by way of the one after which a silent worker counts as dead.

    The queue takes a run from a worker that was silent for ``heartbeat_timeout_s``, and hears of it every
    half of that time. In the run itself a beat is written every tenth, and after a third others may begin it:
    when the queue gives a run away, the newest beat of a dead worker is older than that, and of a living one
    it is not.
    """

    heartbeat_timeout_s: float = 30.0
    look_every_s: float = 5.0
    plan_every_s: float = 30.0
    reconnect_s: float = 5.0
    at_once: int = 4
    stop_timeout_s: float = 3.0

    @property
    def beat_every_s(self) -> float:
        """Return how often an attempt says that it goes on."""
        return self.heartbeat_timeout_s / 10

    @property
    def fresh_s(self) -> float:
        """Return for how long after a beat nobody else begins the same run."""
        return self.heartbeat_timeout_s / 3
