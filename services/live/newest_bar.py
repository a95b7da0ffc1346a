"""The newest bar that a feed knows, and when its running state is told again."""

from services.live.broadcaster import Pace
from services.live.projector import Projector
from utils.clock import Clock
from utils.domain import Bar


class NewestBar:
    """Hold the newest bar of a feed, and log its changes no more often than the pace says.

    ``bar`` is None before the exchange's first word.
    """

    def __init__(self, projector: Projector, pace: Pace, clock: Clock) -> None:
        self._projector = projector
        self._pace = pace
        self._clock = clock
        self.bar: Bar | None = None
        # Whether it changed since it was last logged.
        self._pending = False
        self._logged_ms = 0

    def begin(self, bar: Bar) -> None:
        """Take a bar as the exchange told it when it was asked."""
        self.bar, self._pending = bar, True

    def follow(self, bar: Bar) -> Bar | None:
        """Take what the stream told of a bar; return the bar that this one succeeds, if it does."""
        before = self.bar
        if before is not None and bar.open_time_ms < before.open_time_ms:
            return None
        # A version that nobody was told of is overtaken by this one.
        self._pace.counters.skipped += self._pending
        self.bar = bar
        self._pending = not bar.final
        return before if before is not None and bar.open_time_ms > before.open_time_ms else None

    async def log_if_due(self) -> None:
        """Log what has changed, unless the last time is too short ago."""
        if self.bar is not None and self._pending and self._pause_ms() <= 0:
            self._logged_ms = self._clock.now_ms()
            self._pending = False
            await self._projector.write_forming(self.bar)

    @property
    def log_due_in_ms(self) -> int | None:
        """Return in how many milliseconds a change is due to be logged; None without one."""
        return self._pause_ms() if self._pending else None

    @property
    def lacks_close(self) -> bool:
        """Tell whether nobody has proved yet that it is final."""
        return self.bar is not None and not self._projector.has_final(self.bar.open_time_ms)

    def _pause_ms(self) -> int:
        # By our own clock: the exchange's is known to the second, and stands still between two answers.
        every_ms, passed_ms = self._pace.forming_every_ms, self._clock.now_ms() - self._logged_ms
        # Somebody who sets the machine's clock back silences nothing.
        return every_ms - passed_ms if 0 <= passed_ms < every_ms else 0
