"""What is known of each instrument and timeframe."""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from utils.domain import Instrument, Span, Timeframe

# How late an exchange may publish a bar: what it said nothing about before then proves nothing.
LATE_MS = 60_000
# What an exchange said nothing about is asked again: soon where it is recent, daily where it is old.
_STILL_COUNTS = f"""
    quiet_span.checked_at > now() - CASE
        WHEN coalesce(quiet_span.asked_ms, quiet_span.end_ms) < quiet_span.end_ms + {LATE_MS}
        THEN INTERVAL '1 minute'
        WHEN quiet_span.end_ms > date_part('epoch', now() - INTERVAL '1 day') * 1000
        THEN INTERVAL '10 minutes'
        ELSE INTERVAL '1 day'
    END
"""
SERIES_COLUMNS = f"""
    series.series_id, series.market, series.exchange, series.symbol, series.timeframe, series.known,
    series.checked_ms, series.first_bar_ms,
    ARRAY(
        SELECT ARRAY[quiet_span.start_ms, quiet_span.end_ms, coalesce(quiet_span.asked_ms, quiet_span.end_ms)]
        FROM quiet_span
        WHERE quiet_span.series_id = series.series_id
            AND {_STILL_COUNTS}
    ) AS quiet,
    (SELECT finer.timeframe FROM series AS finer WHERE finer.series_id = series.derived_from_id) AS built_from
"""  # noqa: S608 - no value comes from outside


@dataclass(frozen=True, slots=True)
class Series:
    """One row of ``series``; times in UTC milliseconds.

    ``known`` spans hold every bar there is. In ``quiet`` spans the exchange was lately asked and had nothing;
    in ``silent`` ones, the parts of them over for a minute by then, nothing is to come any more.
    ``built_from`` is the finer timeframe of a derived series.
    """

    series_id: int
    instrument: Instrument
    timeframe: Timeframe
    known: tuple[Span, ...]
    checked_ms: int | None
    first_bar_ms: int | None
    quiet: tuple[Span, ...] = ()
    silent: tuple[Span, ...] = ()
    built_from: Timeframe | None = None

    @property
    def proven(self) -> tuple[Span, ...]:
        """Return the spans of which nothing is missing that may still come."""
        return (*self.known, *self.silent)


def read_series(row: asyncpg.Record) -> Series:
    """Return the series of a row that holds SERIES_COLUMNS."""
    return Series(
        row["series_id"],
        Instrument(row["market"], row["exchange"], row["symbol"]),
        Timeframe.parse(row["timeframe"]),
        tuple(Span(part.lower, part.upper) for part in row["known"]),
        row["checked_ms"],
        row["first_bar_ms"],
        tuple(Span(start_ms, end_ms) for start_ms, end_ms, _ in row["quiet"]),
        tuple(
            Span(start_ms, min(end_ms, asked_ms - LATE_MS))
            for start_ms, end_ms, asked_ms in row["quiet"]
            if start_ms < asked_ms - LATE_MS
        ),
        Timeframe.parse(row["built_from"]) if row["built_from"] else None,
    )


async def select_series(pool: asyncpg.Pool, instrument: Instrument, timeframe: Timeframe) -> Series | None:
    """Return what is known, or None when nobody has asked for this series yet."""
    # Served by the unique index on (market, exchange, symbol, timeframe).
    row = await pool.fetchrow(
        f"""
        SELECT {SERIES_COLUMNS}
        FROM series
        WHERE market = $1 AND exchange = $2 AND symbol = $3 AND timeframe = $4
        """,  # noqa: S608 - the columns are a constant of this module
        instrument.market,
        instrument.exchange,
        instrument.symbol,
        timeframe.text,
    )
    return read_series(row) if row else None


async def upsert_series(
    pool: asyncpg.Pool, instrument: Instrument, timeframe: Timeframe, *, derived_from: Series | None = None
) -> Series:
    """Return the series, made if it was not there; a derived one names the finer one it is built from.

    What was built from another one, or now comes from the exchange itself, is no longer known.
    """
    found = await select_series(pool, instrument, timeframe)
    if found is not None and found.built_from == (derived_from and derived_from.timeframe):
        return found
    # What an exchange once sent stays known where it is built from now on: derived bars would not replace it.
    await pool.execute(
        """
        INSERT INTO series AS stored (market, exchange, symbol, timeframe, derived_from_id)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (market, exchange, symbol, timeframe) DO UPDATE SET
            known = CASE WHEN stored.derived_from_id IS NULL THEN stored.known ELSE '{}' END,
            derived_from_id = excluded.derived_from_id
        WHERE stored.derived_from_id IS DISTINCT FROM excluded.derived_from_id
        """,
        instrument.market,
        instrument.exchange,
        instrument.symbol,
        timeframe.text,
        derived_from and derived_from.series_id,
    )
    made = await select_series(pool, instrument, timeframe)
    assert made is not None
    return made


async def lock_series(connection: asyncpg.Connection, series_id: int) -> None:
    """Keep others from changing what is known of a series until the transaction ends."""
    await connection.execute("SELECT FROM series WHERE series_id = $1 FOR NO KEY UPDATE", series_id)


async def update_known(
    connection: asyncpg.Connection | asyncpg.Pool,
    series_id: int,
    known: Sequence[Span],
    *,
    checked_ms: int | None = None,
    first_bar_ms: int | None = None,
) -> None:
    """Add known spans, and move the check time forward; never takes anything away."""
    await connection.execute(
        """
        UPDATE series
        SET known = known + coalesce(
                (SELECT range_agg(int8range(lower_ms, upper_ms)) FROM unnest($2::bigint[], $3::bigint[])
                    AS span(lower_ms, upper_ms)),
                '{}'::int8multirange
            ),
            checked_ms = greatest(checked_ms, $4),
            first_bar_ms = coalesce(first_bar_ms, $5)
        WHERE series_id = $1
        """,
        series_id,
        [span.start_ms for span in known],
        [span.end_ms for span in known],
        checked_ms,
        first_bar_ms,
    )


async def select_derived(
    connection: asyncpg.Connection | asyncpg.Pool, series_id: int
) -> tuple[tuple[int, Timeframe], ...]:
    """Return the id and the timeframe of every series that is built from this one."""
    # Served by series_derived_from_idx.
    rows = await connection.fetch(
        "SELECT series_id, timeframe FROM series WHERE derived_from_id = $1 ORDER BY series_id", series_id
    )
    return tuple((row["series_id"], Timeframe.parse(row["timeframe"])) for row in rows)


async def update_unknown(
    connection: asyncpg.Connection | asyncpg.Pool, series_id: int, spans: Sequence[Span]
) -> None:
    """Take spans out of what is known: what they hold has to be built anew."""
    await connection.execute(
        """
        UPDATE series
        SET known = known - (
            SELECT range_agg(int8range(lower_ms, upper_ms))
            FROM unnest($2::bigint[], $3::bigint[]) AS span(lower_ms, upper_ms)
        )
        WHERE series_id = $1
        """,
        series_id,
        [span.start_ms for span in spans],
        [span.end_ms for span in spans],
    )


async def upsert_quiet(
    connection: asyncpg.Connection | asyncpg.Pool, series_id: int, span: Span, *, asked_ms: int
) -> None:
    """Remember that the exchange was asked about a span just now, by its own clock, and had nothing.

    What no longer counts of the series is forgotten: every question about it reads through the rest.
    """
    # Served by the primary key.
    await connection.execute(
        f"""
        DELETE FROM quiet_span
        WHERE series_id = $1 AND ((start_ms >= $2 AND end_ms <= $3) OR NOT ({_STILL_COUNTS}))
        """,  # noqa: S608 - the condition is a constant of this module
        series_id,
        span.start_ms,
        span.end_ms,
    )
    await connection.execute(
        """
        INSERT INTO quiet_span (series_id, start_ms, end_ms, asked_ms) VALUES ($1, $2, $3, $4)
        ON CONFLICT DO NOTHING
        """,
        series_id,
        span.start_ms,
        span.end_ms,
        asked_ms,
    )
