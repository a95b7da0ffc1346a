"""How a bar that is written meets the one that is stored: one rule for every way of writing."""

import asyncpg

from utils.domain import Bar, BarSource, BarState

BAR_COLUMNS = """
    (date_part('epoch', open_time) * 1000)::bigint AS open_time_ms,
    open, high, low, close, volume, state, revision, source
"""

# A forming bar gives way to anything. A final one changes only into a corrected one with a higher revision,
# and only on the word of an equal or better source (the enum lists the exchange first).
MERGE = """
    ON CONFLICT (series_id, open_time) DO UPDATE SET
        open = excluded.open,
        high = excluded.high,
        low = excluded.low,
        close = excluded.close,
        volume = excluded.volume,
        state = CASE WHEN stored.state = 'forming' THEN excluded.state ELSE 'corrected' END,
        revision = CASE
            WHEN stored.state = 'forming' THEN greatest(stored.revision, excluded.revision)
            ELSE greatest(stored.revision + 1, excluded.revision)
        END,
        source = excluded.source
    WHERE (
        (stored.open, stored.high, stored.low, stored.close, stored.volume)
            IS DISTINCT FROM (excluded.open, excluded.high, excluded.low, excluded.close, excluded.volume)
        OR stored.state = 'forming' AND excluded.state <> 'forming'
    ) AND (
        stored.state = 'forming'
        OR excluded.state <> 'forming' AND excluded.source <= stored.source
    )
"""


def read_bar(row: asyncpg.Record) -> Bar:
    """Return the bar of a row that holds BAR_COLUMNS."""
    return Bar(
        row["open_time_ms"],
        row["open"],
        row["high"],
        row["low"],
        row["close"],
        row["volume"],
        BarState(row["state"]),
        row["revision"],
        BarSource(row["source"]),
    )
