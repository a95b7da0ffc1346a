"""How the service is doing, as everybody may see it: counts and states, never who listens to what; pure."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from blueprints.formats.accounts import iso_time
from services.fleet.exchange_board import ExchangeRow
from services.fleet.feed_board import FeedRow
from services.health import Health, PartHealth
from services.upstream.state import ExchangeMood
from utils.version import VERSION

# An answer that balancers ask for every second stays small, however many exchanges there are.
EXCHANGES_MAX = 50


def format_health(health: Health, now_ms: int) -> dict[str, Any]:
    """Return the state of the whole and of each part."""
    fleet = health.fleet
    left_alone = [row for row in fleet.exchanges if row.state.mood is not ExchangeMood.ANSWERING]
    return {
        "status": health.status,
        "version": VERSION,
        "database": _part(health.database),
        "cache": _part(health.cache),
        "exchanges": {
            "status": health.exchanges,
            "asked": len(fleet.exchanges),
            "left_alone": [_left_alone(row, now_ms) for row in left_alone[:EXCHANGES_MAX]],
        },
        "feeds": {
            "status": health.feeds,
            "total": len(fleet.feeds),
            "late": sum(row.late for row in fleet.feeds),
            "exchanges": _feeds_by_exchange(fleet.feeds)[:EXCHANGES_MAX],
        },
    }


def format_ready(health: Health, *, draining: bool) -> dict[str, Any]:
    """Return whether requests should be sent here, and what is missing if they should nevertheless."""
    return {
        "ready": health.can_serve and not draining,
        "draining": draining,
        "database": health.database.status,
        "migrations": health.migrations,
        "degraded": list(health.degraded),
    }


def _part(part: PartHealth) -> dict[str, object]:
    if part.latency_ms is None:
        return {"status": part.status}
    return {"status": part.status, "latency_ms": part.latency_ms}


def _left_alone(row: ExchangeRow, now_ms: int) -> dict[str, str]:
    state = row.state
    until = iso_time(now_ms + round(state.wait_s * 1_000))
    return {"market": state.market, "exchange": state.exchange, "state": state.mood.value, "until": until}


def _feeds_by_exchange(rows: Iterable[FeedRow]) -> list[dict[str, str | int | None]]:
    def venue(row: FeedRow) -> tuple[str, str]:
        return row.topic.instrument.market, row.topic.instrument.exchange

    grouped = ((key, list(group)) for key, group in groupby(sorted(rows, key=venue), venue))
    return [
        {
            "market": market,
            "exchange": exchange,
            "total": len(group),
            "late": sum(row.late for row in group),
            "age_ms": min((row.silent_ms for row in group if row.silent_ms is not None), default=None),
        }
        for (market, exchange), group in grouped
    ]
