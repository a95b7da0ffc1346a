"""Price alerts as rows: what a user wants to be told, and up to where of a topic's log that was looked at."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

import asyncpg

from utils.domain import Instrument, Timeframe, Topic

ALERT_COLUMNS = """
    alert_id, user_id, market, exchange, symbol, timeframe, kind, level, percent, window_ms,
    hysteresis_percent, repeats, state, epoch, place_ms, place_number, fired_count,
    (date_part('epoch', fired_at) * 1000)::bigint AS fired_ms,
    (date_part('epoch', created_at) * 1000)::bigint AS created_ms
"""


class AlertKind(StrEnum):
    """When an alert fires."""

    CROSS_ABOVE = "cross_above"
    CROSS_BELOW = "cross_below"
    PERCENT_IN_WINDOW = "percent_in_window"


class AlertState(StrEnum):
    """Where an alert stands: no price seen yet, waiting for its price, waiting for the way back, over."""

    NEW = "new"
    ARMED = "armed"
    FIRED = "fired"
    DONE = "done"


@dataclass(frozen=True, slots=True, order=True)
class LogPlace:
    """Name an entry of a log by numbers that compare as the log is ordered, over all its lives."""

    epoch: int = 0
    time_ms: int = 0
    number: int = 0


@dataclass(frozen=True, slots=True)
class AlertTerms:
    """Say when to fire: at a level, or at so many percent within a window.

    ``hysteresis_percent`` is how far the price has to go back before a level counts again.
    """

    topic: Topic
    kind: AlertKind
    level: Decimal | None
    percent: Decimal | None
    window_ms: int | None
    hysteresis_percent: Decimal
    repeats: bool


@dataclass(frozen=True, slots=True)
class PriceAlert:
    """One row: ``state`` is true after the entry of the log at ``place``."""

    alert_id: int
    user_id: int
    terms: AlertTerms
    state: AlertState
    place: LogPlace
    fired_count: int
    fired_ms: int | None
    created_ms: int


@dataclass(frozen=True, slots=True)
class TopicCounts:
    """How many topics alerts wait for: those of everybody, and those of one user and nobody else."""

    in_all: int
    alone: int


async def lock_user(connection: asyncpg.Connection, user_id: int) -> None:
    """Let whoever changes the alerts of this user wait until the transaction ends."""
    await connection.fetchval("SELECT user_id FROM app_user WHERE user_id = $1 FOR UPDATE", user_id)


async def count_alerts(connection: asyncpg.Connection, user_id: int) -> int:
    """Return how many alerts a user has."""
    # Served by price_alert_user_id.
    return int(await connection.fetchval("SELECT count(*) FROM price_alert WHERE user_id = $1", user_id))


async def is_waited_for(connection: asyncpg.Connection, topic: Topic) -> bool:
    """Return whether an alert of anybody waits for a topic."""
    # Served by price_alert_topic.
    return bool(
        await connection.fetchval(
            """
            SELECT EXISTS (
                SELECT FROM price_alert
                WHERE market = $1 AND exchange = $2 AND symbol = $3 AND timeframe = $4 AND state <> 'done'
            )
            """,
            topic.instrument.market,
            topic.instrument.exchange,
            topic.instrument.symbol,
            topic.timeframe.text,
        )
    )


async def count_topics(connection: asyncpg.Connection, user_id: int) -> TopicCounts:
    """Return how many topics alerts wait for."""
    row = await connection.fetchrow(
        """
        SELECT count(*) AS in_all, count(*) FILTER (WHERE alone) AS alone
        FROM (
            SELECT bool_and(user_id = $1) AS alone
            FROM price_alert
            WHERE state <> 'done'
            GROUP BY market, exchange, symbol, timeframe
        ) AS waited_for
        """,
        user_id,
    )
    return TopicCounts(row["in_all"], row["alone"])


async def insert_alert(
    connection: asyncpg.Connection,
    user_id: int,
    terms: AlertTerms,
    *,
    state: AlertState,
    place: LogPlace,
    now_ms: int,
) -> PriceAlert:
    """Add an alert that watches what comes after ``place``."""
    instrument = terms.topic.instrument
    row = await connection.fetchrow(
        f"""
        INSERT INTO price_alert (
            user_id, market, exchange, symbol, timeframe, kind, level, percent, window_ms,
            hysteresis_percent, repeats, state, epoch, place_ms, place_number, created_at
        )
        VALUES (
            $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
            to_timestamp($16::bigint / 1000.0)
        )
        RETURNING {ALERT_COLUMNS}
        """,  # noqa: S608 - the columns are a constant of this module
        user_id,
        instrument.market,
        instrument.exchange,
        instrument.symbol,
        terms.topic.timeframe.text,
        terms.kind.value,
        terms.level,
        terms.percent,
        terms.window_ms,
        terms.hysteresis_percent,
        terms.repeats,
        state.value,
        place.epoch,
        place.time_ms,
        place.number,
        now_ms,
    )
    return _alert(row)


async def select_alerts(
    pool: asyncpg.Pool, user_id: int, *, after_alert_id: int, limit: int
) -> tuple[PriceAlert, ...]:
    """Return at most ``limit`` alerts of a user in order of their id, beginning after the given one."""
    # Served by price_alert_user_id.
    rows = await pool.fetch(
        f"""
        SELECT {ALERT_COLUMNS}
        FROM price_alert
        WHERE user_id = $1 AND alert_id > $2
        ORDER BY alert_id
        LIMIT $3
        """,  # noqa: S608 - the columns are a constant of this module
        user_id,
        after_alert_id,
        limit,
    )
    return tuple(_alert(row) for row in rows)


async def delete_alert(pool: asyncpg.Pool, user_id: int, alert_id: int) -> PriceAlert | None:
    """Take an alert away and return it; None when the user has no such alert."""
    row = await pool.fetchrow(
        f"DELETE FROM price_alert WHERE user_id = $1 AND alert_id = $2 RETURNING {ALERT_COLUMNS}",  # noqa: S608
        user_id,
        alert_id,
    )
    return _alert(row) if row else None


async def select_alert_topics(pool: asyncpg.Pool, *, limit: int) -> tuple[Topic, ...]:
    """Return the topics that alerts wait for, at most ``limit``, in order."""
    # Served by price_alert_topic.
    rows = await pool.fetch(
        """
        SELECT DISTINCT market, exchange, symbol, timeframe
        FROM price_alert
        WHERE state <> 'done'
        ORDER BY market, exchange, symbol, timeframe
        LIMIT $1
        """,
        limit,
    )
    return tuple(read_topic(row) for row in rows)


async def select_alerts_of_topic(
    pool: asyncpg.Pool, topic: Topic, *, after_alert_id: int, limit: int
) -> tuple[PriceAlert, ...]:
    """Return the next ``limit`` alerts that wait for this topic, in order of their id."""
    # Served by price_alert_topic.
    rows = await pool.fetch(
        f"""
        SELECT {ALERT_COLUMNS}
        FROM price_alert
        WHERE market = $1 AND exchange = $2 AND symbol = $3 AND timeframe = $4
            AND state <> 'done' AND alert_id > $5
        ORDER BY alert_id
        LIMIT $6
        """,  # noqa: S608 - the columns are a constant of this module
        topic.instrument.market,
        topic.instrument.exchange,
        topic.instrument.symbol,
        topic.timeframe.text,
        after_alert_id,
        limit,
    )
    return tuple(_alert(row) for row in rows)


async def move_alert(
    connection: asyncpg.Connection, alert_id: int, state: AlertState, place: LogPlace, *, fired_ms: int | None
) -> bool:
    """Note what an entry of the log has made of an alert; False when that, or later, was noted before."""
    status = await connection.execute(
        """
        UPDATE price_alert
        SET state = $2, epoch = $3, place_ms = $4, place_number = $5,
            fired_count = fired_count + CASE WHEN $6::bigint IS NULL THEN 0 ELSE 1 END,
            fired_at = coalesce(to_timestamp($6::bigint / 1000.0), fired_at)
        WHERE alert_id = $1 AND (epoch, place_ms, place_number) < ($3, $4, $5)
        """,
        alert_id,
        state.value,
        place.epoch,
        place.time_ms,
        place.number,
        fired_ms,
    )
    return bool(status == "UPDATE 1")


def read_topic(row: asyncpg.Record) -> Topic:
    """Return the topic that a row names in four columns."""
    instrument = Instrument(row["market"], row["exchange"], row["symbol"])
    return Topic(instrument, Timeframe.parse(row["timeframe"]))


def _alert(row: asyncpg.Record) -> PriceAlert:
    terms = AlertTerms(
        topic=read_topic(row),
        kind=AlertKind(row["kind"]),
        level=row["level"],
        percent=row["percent"],
        window_ms=row["window_ms"],
        hysteresis_percent=row["hysteresis_percent"],
        repeats=row["repeats"],
    )
    return PriceAlert(
        alert_id=row["alert_id"],
        user_id=row["user_id"],
        terms=terms,
        state=AlertState(row["state"]),
        place=LogPlace(row["epoch"], row["place_ms"], row["place_number"]),
        fired_count=row["fired_count"],
        fired_ms=row["fired_ms"],
        created_ms=row["created_ms"],
    )
