"""Series of which a stretch is not known between two that are."""

import asyncpg

from services.stores.series import SERIES_COLUMNS, Series, read_series


async def select_broken_series(pool: asyncpg.Pool, *, after_id: int, limit: int) -> list[Series]:
    """Return series whose known spans have a hole between them, in order of their id.

    Those that we build from finer ones are left out: they are mended with what they are built from.
    """
    # Served by the primary key; a span more than one is a hole.
    rows = await pool.fetch(
        f"""
        SELECT {SERIES_COLUMNS}
        FROM series
        WHERE series_id > $1
            AND derived_from_id IS NULL
            AND (SELECT count(*) FROM unnest(known)) > 1
        ORDER BY series_id
        LIMIT $2
        """,  # noqa: S608 - the columns are a constant of that module
        after_id,
        limit,
    )
    return [read_series(row) for row in rows]
