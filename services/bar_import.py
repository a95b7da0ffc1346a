"""Import the bars of a CSV file: all of its good rows, or none.

Every row passes the same border as what an exchange sends. Rows that follow each other make their time known;
a hole in the file does not, so that an exchange may still fill it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import tzinfo

import asyncpg

from services.bar_checks import CLOSE_GRACE_MS, judge_closed
from services.bar_writer import Announce
from services.bulk_writer import write_many
from services.catalog import Catalog, check_timeframe
from services.csv_bars import BadRows, read_csv_rows
from services.csv_checks import CsvChecks
from services.stores.series import upsert_series
from utils.domain import Bar, BarState, Instrument, Span, Timeframe
from utils.errors import InvalidRequest, UpstreamError


@dataclass(frozen=True, slots=True)
class ImportOrder:
    """Say what a file holds and what to do with it.

    Dates without a zone are meant in ``zone``. The file was last changed at ``written_ms``.
    """

    instrument: Instrument
    timeframe: Timeframe
    zone: tzinfo
    written_ms: int
    skip_bad_rows: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class ImportReport:
    """Say what came of an import.

    ``bars`` are good, and lie in ``spans`` without a hole. ``changed`` of them were new or other than what
    was stored; without ``stored`` nothing was written. The bar at ``forming_ms`` had not closed yet when the
    file was written. ``unchecked`` says why nobody could tell whether the exchange has the symbol.
    """

    bars: int
    spans: tuple[Span, ...]
    bad: BadRows
    stored: bool
    changed: int
    forming_ms: int | None
    unchecked: str | None


class BarImport:
    """Take in files of bars."""

    def __init__(self, *, pool: asyncpg.Pool, catalog: Catalog, announce: Announce) -> None:
        self._pool = pool
        self._catalog = catalog
        self._announce = announce

    async def run(self, order: ImportOrder, lines: Iterable[str]) -> ImportReport:
        """Check every row, then store the bars in one transaction.

        Bad rows keep everything from being stored, unless the order says to skip them.
        Raises: NotFound and InvalidRequest when the instrument, the timeframe or the file as a whole does
        not fit.
        """
        market, exchange = order.instrument.market, order.instrument.exchange
        profile = await self._catalog.profile(market, exchange)
        check_timeframe(order.timeframe, profile.timeframes, exchange)
        unchecked = await self._check_symbol(order.instrument)
        bad = BadRows()
        rows = read_csv_rows(lines, base=order.instrument.symbol.split("/")[0], zone=order.zone, bad=bad)
        if not rows and not bad.count:
            raise InvalidRequest("The file has no rows below the names of its columns.")
        now_ms = self._catalog.plugin(market).exchange_time_ms(exchange)
        checks = CsvChecks(rows, rows.by_time(), order.timeframe, profile.source, now_ms)
        checks.refuse_coarser_rows()
        found = _Found(order.timeframe, order.written_ms)
        for bars in checks.bars(bad):
            found.add(bars)
        store = found.count > 0 and not order.dry_run and (order.skip_bad_rows or not bad.count)
        return ImportReport(
            bars=found.count,
            spans=tuple(found.spans),
            bad=bad,
            stored=store,
            changed=await self._store(order, checks, found) if store else 0,
            forming_ms=found.forming_ms(now_ms),
            unchecked=unchecked,
        )

    async def _check_symbol(self, instrument: Instrument) -> str | None:
        try:
            await self._catalog.find(instrument)
        except UpstreamError as error:
            return error.detail
        return None

    async def _store(self, order: ImportOrder, checks: CsvChecks, found: "_Found") -> int:
        series = await upsert_series(self._pool, order.instrument, order.timeframe)
        batches = _judged(checks, found.forming_ms(checks.now_ms))
        async with self._pool.acquire(timeout=2) as connection, connection.transaction():
            written = await write_many(connection, series, batches, known=found.known(checks.now_ms))
        await self._announce(written.topics)
        return written.changed


@dataclass(slots=True)
class _Found:
    timeframe: Timeframe
    written_ms: int
    count: int = 0
    spans: list[Span] = field(default_factory=list)

    def add(self, bars: Iterable[Bar]) -> None:
        for bar in bars:
            self.count += 1
            next_ms = self.timeframe.next(bar.open_time_ms)
            if self.spans and self.spans[-1].end_ms == bar.open_time_ms:
                self.spans[-1] = Span(self.spans[-1].start_ms, next_ms)
            else:
                self.spans.append(Span(bar.open_time_ms, next_ms))

    def forming_ms(self, now_ms: int) -> int | None:
        """Return the open of the last bar when nothing shows that it had closed as the file was written."""
        if not self.spans:
            return None
        close_ms = self.spans[-1].end_ms
        open_ms = self.timeframe.shift(close_ms, -1)
        # A file cannot be older than its last row: such a time of writing was lost on the way.
        read_ms = min(self.written_ms, now_ms) if self.written_ms >= open_ms else now_ms
        return open_ms if close_ms + CLOSE_GRACE_MS > read_ms else None

    def known(self, now_ms: int) -> list[Span]:
        forming_ms = self.forming_ms(now_ms)
        ends = [*self.spans[:-1], Span(self.spans[-1].start_ms, forming_ms or self.spans[-1].end_ms)]
        return [span for span in ends if span.end_ms > span.start_ms]


def _judged(checks: CsvChecks, forming_ms: int | None) -> Iterator[tuple[Bar, ...]]:
    # What is wrong is known by now, and reported once.
    for bars in checks.bars(BadRows()):
        closed = judge_closed(bars, checks.timeframe, exchange_time_ms=checks.now_ms, forming_included=True)
        if closed and closed[-1].open_time_ms == forming_ms:
            closed = (*closed[:-1], replace(closed[-1], state=BarState.FORMING))
        yield closed
