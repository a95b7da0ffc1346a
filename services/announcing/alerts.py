"""When a price alert fires and when it is armed again; pure.

What an alert does follows from the log alone: its state after one entry, and the entries after that. Whoever
reads the same entries comes to the same end, so a worker that takes a topic over goes on where the last one
was, and two that read at the same time say the same.
"""

from dataclasses import dataclass
from decimal import Decimal

from services.announcing.announcement import AlertNews
from services.announcing.news import LATE_MS, News
from services.announcing.price_window import PriceWindow
from services.live.log import LogEntry, Position, order_of
from services.stores.alerts import AlertKind, AlertState, LogPlace, PriceAlert
from services.stores.announcements import Fired, Firing
from utils.domain import Bar

HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Change:
    """What one entry of the log has made of an alert; ``fired`` None when it only was armed or taken down."""

    alert: PriceAlert
    state: AlertState
    place: LogPlace
    fired: Fired | None = None


def place_at(position: Position) -> LogPlace:
    """Return a position as numbers."""
    time_ms, number = order_of(position.offset)
    return LogPlace(int(position.epoch), time_ms, number)


def place_of(entry: LogEntry) -> LogPlace:
    """Return an entry's place as numbers."""
    return place_at(entry.position)


def event_ms(entry: LogEntry) -> int:
    """Return when what an entry tells happened: when it was logged, or before the end of its bar."""
    logged_ms = order_of(entry.position.offset)[0]
    if not isinstance(entry.event, Bar):
        return logged_ms
    # A bar that was caught up on is logged long after its time.
    return min(logged_ms, entry.topic.timeframe.next(entry.event.open_time_ms) - 1)


def first_state(kind: AlertKind, level: Decimal | None, price: float | None) -> AlertState:
    """Return the state of an alert that begins at this price: a level already reached must be left first."""
    if kind is AlertKind.PERCENT_IN_WINDOW:
        return AlertState.ARMED
    assert level is not None
    if price is None:
        return AlertState.NEW
    reached = price >= level if kind is AlertKind.CROSS_ABOVE else price <= level
    return AlertState.FIRED if reached else AlertState.ARMED


def alert_news(firing: Firing, now_ms: int | None = None) -> AlertNews:
    """Return what is said of a row of the record now, or whenever somebody looks where no time is given."""
    return AlertNews(
        alert_id=firing.alert_id,
        sequence=firing.sequence,
        kind=firing.kind.value,
        price=firing.price,
        event_time_ms=firing.event_time_ms,
        level=None if firing.level is None else f"{firing.level:f}",
        from_price=firing.from_price,
        percent=None if firing.percent is None else f"{firing.percent:f}",
        window_ms=firing.window_ms,
        late=now_ms is None or now_ms - firing.event_time_ms > LATE_MS,
    )


class AlertWatch:
    """Follow one alert through the entries of its topic."""

    def __init__(self, alert: PriceAlert) -> None:
        self.alert = alert
        self._state = alert.state
        self._place = alert.place
        terms = alert.terms
        self._window = PriceWindow(terms.window_ms) if terms.window_ms is not None else None
        self._above = terms.kind is AlertKind.CROSS_ABOVE
        level, back = terms.level or Decimal(0), terms.hysteresis_percent / HUNDRED
        self._level = float(level)
        self._rearm = float(level * (1 - back) if self._above else level * (1 + back))
        self._percent = float(terms.percent or 0)

    def hear(self, news: News, place: LogPlace) -> Change | None:
        """Return what an entry changes; entries that the state knows already change nothing."""
        if news.last is None or place <= self._place or self._state is AlertState.DONE:
            return None
        if news.time_ms < self.alert.created_ms:
            # Caught up on later, but over before anybody asked.
            return None
        change = self._moved(self._window, news, place) if self._window else self._crossing(news, place)
        if change is not None:
            self._state, self._place = change.state, place
        return change

    def _crossing(self, news: News, place: LogPlace) -> Change | None:
        assert news.last is not None
        reached = news.high >= self._level if self._above else news.low <= self._level
        if self._state is AlertState.NEW:
            kind, level = self.alert.terms.kind, self.alert.terms.level
            return Change(self.alert, first_state(kind, level, news.last), place)
        went_back = news.last < self._rearm if self._above else news.last > self._rearm
        if self._state is AlertState.ARMED:
            # What an entry ended at came after all that it reached: it may have gone back already.
            return self._fire(news, place, news.last, armed=went_back) if reached else None
        return Change(self.alert, AlertState.ARMED, place) if went_back else None

    def _moved(self, window: PriceWindow, news: News, place: LogPlace) -> Change | None:
        assert news.last is not None
        # Which of its high and low an entry reached first is not known; what it ended at came after both.
        pairs = [(news.low, news.last), (news.high, news.last)]
        window.forget(news.time_ms)
        if window.begun:
            pairs += [(window.lowest, news.high), (window.highest, news.low)]
        first, reached = max(pairs, key=lambda pair: abs(pair[1] / pair[0] - 1))
        window.add(news.time_ms, news.low, news.high)
        if abs(reached / first - 1) * 100 < self._percent:
            return None
        # The next one is measured from here.
        window.clear()
        return self._fire(news, place, reached, first, armed=True)

    def _fire(
        self, news: News, place: LogPlace, price: float, from_price: float | None = None, *, armed: bool
    ) -> Change:
        state = AlertState.ARMED if armed else AlertState.FIRED
        if not self.alert.terms.repeats:
            state = AlertState.DONE
        return Change(self.alert, state, place, Fired(place, news.time_ms, price, from_price))
