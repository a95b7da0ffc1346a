"""The one accessor of services for views and middleware."""

from typing import cast

from quart import current_app

from services import Services

EXTENSION = "accessibletrader"


def services() -> Services:
    """Return the services of the running app."""
    return cast("Services", current_app.extensions[EXTENSION])
