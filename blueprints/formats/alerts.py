"""Price alerts as JSON shows them; pure."""

from decimal import Decimal

from services.stores.alerts import PriceAlert

Shape = dict[str, int | str | bool | None]


def format_alert(alert: PriceAlert) -> Shape:
    """Return ``{"id": 4, "symbol": "BTC/USD", "kind": "cross_above", "level": "60000", …}``."""
    terms = alert.terms
    instrument = terms.topic.instrument
    return {
        "id": alert.alert_id,
        "market": instrument.market,
        "exchange": instrument.exchange,
        "symbol": instrument.symbol,
        "timeframe": terms.topic.timeframe.text,
        "kind": terms.kind.value,
        "level": _text(terms.level),
        "percent": _text(terms.percent),
        "window_ms": terms.window_ms,
        "hysteresis_percent": _text(terms.hysteresis_percent),
        "repeats": terms.repeats,
        "state": alert.state.value,
        "fired_count": alert.fired_count,
        "fired_time_ms": alert.fired_ms,
        "created_time_ms": alert.created_ms,
    }


def _text(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:f}"
