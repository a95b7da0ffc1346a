"""What an exchange answered to one question, seen before ccxt parses it.

ccxt turns HTML, cut JSON and objects that came with HTTP 200 into an empty list, and keeps headers on the
client, where the next answer overwrites them. So each question is asked inside ``recorded()``.
"""

import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

RETRY_AFTER_MAX_S = 24 * 60 * 60.0


@dataclass(slots=True, weakref_slot=True)
class Answer:
    """Hold the status, the headers (names in lower case) and the JSON of the last answer.

    ``rows`` are the bars ccxt read from it before it leaves out any; None when it read none. A ``strict``
    answer of success must be JSON and short.
    """

    strict: bool
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: object = None
    unparsed: bool = False
    rows: list[Sequence[object]] | None = None

    @property
    def date_ms(self) -> int | None:
        """Return the exchange's own clock, to the second, None when it did not say."""
        return read_date_ms(self.headers)

    @property
    def retry_after_s(self) -> float | None:
        """Return how long the exchange asked us to wait, None when it did not say."""
        text = self.headers.get("retry-after", "").strip()
        if not text:
            return None
        if text.isascii() and text.isdigit():
            return min(float(text), RETRY_AFTER_MAX_S)
        until_ms, now_ms = _read_http_date_ms(text), self.date_ms
        if until_ms is None or now_ms is None:
            return None
        return min(max(0.0, (until_ms - now_ms) / 1000), RETRY_AFTER_MAX_S)

    @property
    def may_be_empty(self) -> bool:
        """Tell whether "no rows" can be what the JSON says: it holds a list or a null where rows would be."""
        return _holds_list_or_null(self.body)


# Weak, for a connection that is opened inside keeps a copy of the context as long as it is kept alive itself.
_answer: "ContextVar[weakref.ref[Answer] | None]" = ContextVar("answer", default=None)


@contextmanager
def recorded(*, strict: bool) -> Iterator[Answer]:
    """Record what the exchange answers to the questions asked inside."""
    answer = Answer(strict)
    token = _answer.set(weakref.ref(answer))
    try:
        yield answer
    finally:
        _answer.reset(token)


def current_answer() -> Answer | None:
    """Return the record of the question being asked, None when nobody asked for one."""
    reference = _answer.get()
    return None if reference is None else reference()


def read_date_ms(headers: Mapping[str, str]) -> int | None:
    """Return the ``Date`` header in UTC milliseconds, None when it is missing or unreadable."""
    return _read_http_date_ms(headers.get("date", ""))


def _read_http_date_ms(text: str) -> int | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * 1000


def _holds_list_or_null(value: object) -> bool:
    if isinstance(value, dict):
        return any(_holds_list_or_null(inner) for inner in value.values())
    return value is None or isinstance(value, list)
