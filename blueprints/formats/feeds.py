"""Feeds and exchanges of all workers, as JSON and in a sentence; pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from blueprints.formats.accounts import iso_time
from services.fleet.exchange_board import ExchangeRow
from services.fleet.feed_board import FeedRow, feed_totals
from services.fleet.fleet import FleetState
from services.fleet.report import HeardReport
from utils.domain import Topic

NAMED_MAX = 3

ALONE = "Redis is away, so only this worker is known. "


def format_fleet(state: FleetState) -> dict[str, Any]:
    """Return what the feeds come to, with the sentence that says it, and which workers there are."""
    totals = feed_totals(state.feeds)
    return {
        "complete": state.complete,
        "connections": sum(heard.report.connections for heard in state.workers),
        "summary": {
            "total": totals.total,
            "late": len(totals.late),
            "text": say_feeds(totals.total, totals.late, complete=state.complete),
        },
        "workers": [_format_worker(heard) for heard in state.workers],
    }


def format_feed(
    row: FeedRow, budgets: Mapping[tuple[str, str], int | None], now_ms: int
) -> dict[str, str | int | bool | None]:
    """Return how one topic is fed."""
    instrument = row.topic.instrument
    return {
        "topic": row.topic.text,
        "market": instrument.market,
        "exchange": instrument.exchange,
        "symbol": instrument.symbol,
        "timeframe": row.topic.timeframe.text,
        "state": row.mood.value,
        "late": row.late,
        "since": None if row.said_ms is None else iso_time(row.said_ms),
        "holder": row.holder,
        "lag_ms": row.silent_ms,
        "last_message_at": None if row.silent_ms is None else iso_time(now_ms - row.silent_ms),
        "listeners": row.listeners,
        "budget_left": budgets.get((instrument.market, instrument.exchange)),
    }


def budgets_of(rows: Sequence[ExchangeRow]) -> dict[tuple[str, str], int | None]:
    """Return what is left to ask each exchange."""
    return {(row.state.market, row.state.exchange): row.budget_left for row in rows}


def format_exchange(row: ExchangeRow) -> dict[str, Any]:
    """Return how one exchange is."""
    state = row.state
    return {
        "market": state.market,
        "exchange": state.exchange,
        "state": state.mood.value,
        "wait_s": round(state.wait_s, 1),
        "silent_on": list(row.silent_on),
        "requests_per_s": state.requests_per_s,
        "budget_left": row.budget_left,
    }


def say_feeds(total: int, late: Sequence[Topic], *, complete: bool) -> str:
    """Return ``2 of 12 feeds are late: BTC/USD, 1 minute, on bitstamp; …``."""
    alone = "" if complete else ALONE
    if not total:
        return f"{alone}No feed runs, because nobody listens."
    if not late:
        return f"{alone}{'The only feed is' if total == 1 else f'All {total} feeds are'} live."
    verb = "is" if len(late) == 1 else "are"
    named = "; ".join(_say_topic(topic) for topic in late[:NAMED_MAX])
    rest = len(late) - NAMED_MAX
    more = f"; and {rest} more" if rest > 0 else ""
    counted = "The only feed" if total == 1 else f"{len(late)} of {total} feeds"
    return f"{alone}{counted} {verb} late: {named}{more}."


def _say_topic(topic: Topic) -> str:
    instrument = topic.instrument
    return f"{instrument.symbol}, {topic.timeframe.spoken}, on {instrument.exchange}"


def _format_worker(heard: HeardReport) -> dict[str, str | int]:
    report = heard.report
    return {
        "name": report.name,
        "role": report.role,
        "connections": report.connections,
        "feeds": sum(topic.held for topic in report.topics),
        "told_ms_ago": heard.age_ms,
    }
