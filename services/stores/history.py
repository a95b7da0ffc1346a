"""A stretch of history in one question: what is known of the series, and its bars as ready JSON text."""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg
import orjson

from services.stores.series import SERIES_COLUMNS, Series, read_series
from utils.domain import Bar, BarState, Instrument, Span, Timeframe


@dataclass(frozen=True, slots=True)
class BarText:
    """Hold bars as the text of a JSON array, ``[[ms,open,high,low,close,volume],…]``, oldest first.

    Written by the database: no object is made for a bar. ``holes`` lie between the first and the last bar.
    """

    json: bytes
    count: int
    first_ms: int | None
    last_ms: int | None
    last_state: BarState | None
    revision: int
    holes: tuple[Span, ...]

    def followed_by(self, bars: Sequence[Bar], timeframe: Timeframe) -> "BarText":
        """Return the text with bars added, which begin after its last one, oldest first."""
        if not bars:
            return self
        rows = orjson.dumps([(bar.open_time_ms, *bar.values) for bar in bars])
        last_ms = None if self.last_ms is None else timeframe.next(self.last_ms)
        opens_ms = [bar.open_time_ms for bar in bars]
        ends_ms = [last_ms, *(timeframe.next(open_ms) for open_ms in opens_ms)]
        holes = [
            Span(end_ms, open_ms)
            for end_ms, open_ms in zip(ends_ms, opens_ms, strict=False)
            if end_ms is not None and end_ms < open_ms
        ]
        return BarText(
            json=b"%b,%b" % (self.json[:-1], rows[1:]) if self.count else rows,
            count=self.count + len(bars),
            first_ms=opens_ms[0] if self.first_ms is None else self.first_ms,
            last_ms=opens_ms[-1],
            last_state=bars[-1].state,
            revision=max(self.revision, *(bar.revision for bar in bars)),
            holes=(*self.holes, *holes),
        )


# Numbers print in their shortest form that reads back as the same double: valid JSON as it is.
_SELECT = f"""
    SELECT {SERIES_COLUMNS}, found.*
    FROM series
    CROSS JOIN LATERAL (
        SELECT
            '[' || coalesce('[' || string_agg(
                concat_ws(',', open_ms, open, high, low, close, volume), '],[' ORDER BY open_time
            ) || ']', '') || ']' AS json,
            count(*) AS bar_count,
            min(open_ms) AS first_ms,
            max(open_ms) AS last_ms,
            (array_agg(state ORDER BY open_time))[count(*)] AS last_state,
            coalesce(max(revision), 0) AS top_revision,
            array_agg(previous_ms ORDER BY open_time) FILTER (WHERE open_ms - previous_ms > $7)
                AS hole_starts,
            array_agg(open_ms ORDER BY open_time) FILTER (WHERE open_ms - previous_ms > $7) AS hole_ends
        FROM (
            SELECT *, lag(open_ms) OVER (ORDER BY open_time) AS previous_ms
            FROM (
                SELECT
                    (date_part('epoch', open_time) * 1000)::bigint AS open_ms,
                    open_time,
                    open, high, low, close, volume, state, revision
                FROM bar
                WHERE bar.series_id = series.series_id
                    AND open_time >= 'epoch'::timestamptz + $5::bigint * INTERVAL '1 millisecond'
                    AND open_time < 'epoch'::timestamptz + $6::bigint * INTERVAL '1 millisecond'
                ORDER BY open_time
                LIMIT $8
            ) AS page
        ) AS stepped
    ) AS found
    WHERE market = $1 AND exchange = $2 AND symbol = $3 AND timeframe = $4
"""  # noqa: S608 - the columns are a constant


async def select_history(
    pool: asyncpg.Pool, instrument: Instrument, timeframe: Timeframe, span: Span, *, limit: int
) -> tuple[Series, BarText] | None:
    """Return what is known and the first ``limit`` bars that open in the span; None for an unknown series."""
    # Served by the unique index of series and the primary key of bar.
    row = await pool.fetchrow(
        _SELECT,
        instrument.market,
        instrument.exchange,
        instrument.symbol,
        timeframe.text,
        span.start_ms,
        span.end_ms,
        timeframe.approximate_ms,
        limit,
    )
    if row is None:
        return None
    holes = zip(row["hole_starts"] or (), row["hole_ends"] or (), strict=True)
    text = BarText(
        json=row["json"].encode(),
        count=row["bar_count"],
        first_ms=row["first_ms"],
        last_ms=row["last_ms"],
        last_state=BarState(row["last_state"]) if row["last_state"] else None,
        revision=row["top_revision"],
        holes=tuple(Span(timeframe.next(before_ms), after_ms) for before_ms, after_ms in holes),
    )
    return read_series(row), text
