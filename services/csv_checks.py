"""The rows of a CSV file at the one border for bars, with the line of each that does not pass; pure."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.bar_checks import SPACINGS_PROVE, CheckedRows, check_rows
from services.csv_bars import BadRows, CsvRows
from utils.domain import SECOND_MS, Bar, BarSource, Timeframe
from utils.errors import InvalidRequest
from utils.spoken import utc_text

CHUNK_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class CsvChecks:
    """Turn rows into bars. ``by_time`` are their indexes, oldest first; nothing may lie after ``now_ms``."""

    rows: CsvRows
    by_time: Sequence[int]
    timeframe: Timeframe
    source: BarSource
    now_ms: int

    def refuse_coarser_rows(self) -> None:
        """Raise InvalidRequest when no two rows are as close together as the timeframe says."""
        opens = (self.rows.open_ms[index] for index in self.by_time)
        steps = (after - before for before, after in itertools.pairwise(opens))
        closest_ms = min((step for step in steps if step), default=0)
        coarser = closest_ms > self.timeframe.approximate_ms and self.timeframe.unit != "M"
        if coarser and len(self.rows) > SPACINGS_PROVE:
            raise InvalidRequest(
                f"The closest rows are {_spoken_length(closest_ms)} apart, so they are no bars of "
                f"{self.timeframe.spoken}. Name the timeframe that the file has."
            )

    def bars(self, bad: BadRows) -> Iterator[tuple[Bar, ...]]:
        """Yield the good bars in chunks, oldest first, all as forming; ``bad`` is told of the other rows.

        Rows that say the same twice count once; of rows that disagree about one bar, none is good.
        """
        for chunk in self._chunks():
            checked = self._check(chunk)
            if checked.refused:
                good = self._good(chunk, bad)
                checked = self._check(good)
                # Each of them passes by itself, and all together show that the label lies.
                for fault, index in zip(checked.refused, good, strict=False):
                    self._refuse(bad, index, fault)
            yield checked.bars

    def _chunks(self) -> Iterator[Sequence[int]]:
        first = 0
        while first < len(self.by_time):
            end = min(first + CHUNK_ROWS, len(self.by_time))
            # Rows about one bar stay together.
            while end < len(self.by_time) and self._open_ms(end) == self._open_ms(end - 1):
                end += 1
            yield self.by_time[first:end]
            first = end

    def _open_ms(self, place: int) -> int:
        return self.rows.open_ms[self.by_time[place]]

    def _check(self, indexes: Sequence[int]) -> CheckedRows:
        rows = [self.rows.row(index) for index in indexes]
        return check_rows(rows, self.timeframe, exchange_time_ms=self.now_ms, source=self.source)

    def _good(self, indexes: Sequence[int], bad: BadRows) -> list[int]:
        good: list[int] = []
        for _, about_one_bar in itertools.groupby(indexes, key=self.rows.open_ms.__getitem__):
            passing = []
            for index in about_one_bar:
                refused = self._check([index]).refused
                if refused:
                    self._refuse(bad, index, refused[0])
                else:
                    passing.append(index)
            if len({self.rows.row(index) for index in passing}) > 1:
                self._refuse_disagreement(bad, passing)
            else:
                good += passing
        return good

    def _refuse(self, bad: BadRows, index: int, fault: str) -> None:
        open_ms = self.rows.open_ms[index]
        bad.add(self.rows.lines[index], fault.replace(str(open_ms), utc_text(open_ms)))

    def _refuse_disagreement(self, bad: BadRows, indexes: Sequence[int]) -> None:
        lines = sorted(self.rows.lines[index] for index in indexes)
        for index in indexes:
            line = self.rows.lines[index]
            other = next(each for each in lines if each != line)
            self._refuse(
                bad, index, f"disagrees with line {other} about the bar at {self.rows.open_ms[index]}"
            )


def _spoken_length(length_ms: int) -> str:
    # The name of the timeframe where there is one of this length: 1 day, and not 86,400 seconds.
    seconds = length_ms // SECOND_MS
    if seconds % 60 == 0 and seconds // 60 < 100_000:
        return Timeframe.parse(str(seconds // 60)).spoken
    return f"{seconds:,} seconds"
