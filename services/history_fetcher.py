"""What is missing of a series, fetched once however many ask, with patience for an exchange that is slow."""

import asyncio
import functools
from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from services.history_filler import HistoryFiller
from services.history_query import Venue, missing_spans
from services.patience import Patience
from services.single_flight import SingleFlight
from services.spans import clip_spans
from services.stores.losses import DatabaseSilent
from services.stores.series import Series, upsert_series
from services.upstream.shared_flight import SharedFlight
from utils.domain import Bar, Span
from utils.errors import UpstreamError, UpstreamTimeout

# All the pages of one request together; the request itself has six seconds.
FILL_TIMEOUT_S = 5.0
# How long a worker waits for another that fills the same series; afterwards it asks by itself.
TURN_TIMEOUT_S = 3.0


@dataclass(frozen=True, slots=True)
class Filled:
    """Hold a series as it is known now, and why it is not known better."""

    series: Series
    failure: UpstreamError | None


class HistoryFetcher:
    """Fill series from their exchanges.

    With ``shared`` turns, several workers ask for the same bars once; without, each worker does.
    """

    def __init__(self, pool: asyncpg.Pool, filler: HistoryFiller, shared: SharedFlight | None) -> None:
        self._pool = pool
        self._filler = filler
        self._shared = shared
        self._patience = Patience(FILL_TIMEOUT_S)
        self._flight: SingleFlight[tuple[Bar, ...]] = SingleFlight()

    async def close(self) -> None:
        """Stop what is still being fetched."""
        await self._flight.close()

    async def fill(self, venue: Venue, series: Series, whole: Span) -> Filled:
        """Fetch what of a span is missing, waiting no longer than what is stored deserves.

        Whatever is fetched after the waiting has ended is stored all the same. What goes wrong with the
        exchange is told and not raised.
        """
        exchange = series.instrument.exchange
        # Stored bars need not wait for an exchange that hangs; the fetching goes on behind them. Where most
        # of what was asked for is missing, they are no answer.
        stored_ms = sum(map(_length_ms, clip_spans((*series.known, *series.quiet), whole)))
        patience_s = FILL_TIMEOUT_S
        if 2 * stored_ms >= _length_ms(whole):
            missing = missing_spans(whole, series, venue.knowledge(series), venue.now_ms)
            patience_s = self._patience.wait_s(exchange, pages=_pages(missing, series, venue))
        try:
            async with asyncio.timeout(patience_s):
                while missing_spans(whole, series, venue.knowledge(series), venue.now_ms):
                    # One at a time for a series: whoever waits finds most of its own range filled after.
                    waited = self._flight.busy(series.series_id)
                    await self._flight.run(
                        series.series_id, functools.partial(self._fill_in_turn, venue, series, whole)
                    )
                    series = await upsert_series(self._pool, series.instrument, series.timeframe)
                    if not waited:
                        break
        except UpstreamError as error:
            return await self._failed(series, error)
        except DatabaseSilent:
            raise  # nobody else's silence
        except TimeoutError:
            detail = f"{exchange} did not answer in time. Try again in a moment."
            return await self._failed(series, UpstreamTimeout(detail, retry_after_s=5))
        return Filled(series, None)

    async def _fill_in_turn(self, venue: Venue, series: Series, whole: Span) -> tuple[Bar, ...]:
        if self._shared is None:
            return await self._fetch(venue, series, whole)
        async with self._shared.turn(f"fill:{series.series_id}", TURN_TIMEOUT_S):
            return await self._fetch(venue, series, whole)

    async def _fetch(self, venue: Venue, series: Series, whole: Span) -> tuple[Bar, ...]:
        # A call that ended since the caller looked, here or in another worker, may have filled the same.
        series = await upsert_series(self._pool, series.instrument, series.timeframe)
        missing = missing_spans(whole, series, venue.knowledge(series), venue.now_ms)
        if not missing:
            return ()
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        changed = await self._filler.fill(venue.plugin, venue.profile, series, missing)
        pages = _pages(missing, series, venue)
        self._patience.note(series.instrument.exchange, loop.time() - began_s, pages=pages)
        return changed

    async def _failed(self, series: Series, failure: UpstreamError) -> Filled:
        # Pages before the failure were stored, and are known now.
        return Filled(await upsert_series(self._pool, series.instrument, series.timeframe), failure)


def _length_ms(span: Span) -> int:
    return span.end_ms - span.start_ms


def _pages(missing: Sequence[Span], series: Series, venue: Venue) -> int:
    # As many as there are at most: where nobody trades, a page reaches further.
    page_ms = venue.profile.page_bars * series.timeframe.approximate_ms
    return max(1, sum(-(-_length_ms(span) // page_ms) for span in missing))
