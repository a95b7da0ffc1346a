"""Routes on their way out say so in every answer: ``Deprecation`` (RFC 9745) and ``Sunset`` (RFC 8594).

``@deprecated`` is put above all other decorators of a view. docs/versioning.md says what is promised.
"""

import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from typing import Any

from quart import current_app
from quart_schema import deprecate

from middleware.declarations import declare

# From the day a route is called deprecated to the day it may be gone.
NOTICE_DAYS_MIN = 180
EXPLANATION = "/docs/versioning"

View = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Deprecation:
    """State since when a route is deprecated, when it may be gone, and where the same is found then."""

    since: date
    sunset: date
    successor: str

    def headers(self) -> tuple[tuple[str, str], ...]:
        """Return what every answer of the route says."""
        return (
            ("Deprecation", f"@{int(_midnight(self.since).timestamp())}"),
            ("Sunset", format_datetime(_midnight(self.sunset), usegmt=True)),
            ("Link", f'<{self.successor}>; rel="successor-version"'),
            ("Link", f'<{EXPLANATION}>; rel="deprecation"; type="text/html"'),
        )


def deprecated(since: date, sunset: date, successor: str) -> Callable[[View], View]:
    """Announce the end of a route, at least half a year before it."""
    if (sunset - since).days < NOTICE_DAYS_MIN:
        raise ValueError(f"a route needs {NOTICE_DAYS_MIN} days of notice before it is gone")
    notice = Deprecation(since, sunset, successor)

    def decorate(view: View) -> View:
        @functools.wraps(view)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            response = await current_app.make_response(await view(*args, **kwargs))
            for name, text in notice.headers():
                response.headers.add(name, text)
            return response

        declare(wrapper, deprecation=notice)
        return deprecate(wrapper)

    return decorate


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
