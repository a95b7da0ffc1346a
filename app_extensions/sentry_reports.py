"""Failures as reports to Sentry, without a secret: little is collected, and what is goes through a sieve.

What is reported is what the log calls an error, with its stack. The libraries' own ways to collect requests,
headers, cookies, bodies and variables are all left out.
"""

import logging
import re
from typing import Any

import sentry_sdk
import structlog
from quart import Quart, has_request_context, has_websocket_context, request, websocket
from sentry_sdk.integrations.dedupe import DedupeIntegration
from sentry_sdk.integrations.excepthook import ExcepthookIntegration
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.integrations.threading import ThreadingIntegration
from sentry_sdk.utils import BadDsn, Dsn

from config import Config
from services.worker_name import worker_name
from utils.log_text import REDACTED, names_secret, without_secrets
from utils.version import VERSION

CLOSE_TIMEOUT_S = 2.0
TEXT_LENGTH_MAX = 4_000
DEPTH_MAX = 12
# The query of an address, wherever one stands in a text: tickets and links are written there.
QUERY = re.compile(r"(?<=[\w/.~-])\?[\w.~%+-]+=[^\s'\"<>)\]]*")


class SentryReports:
    """Report what is logged as an error, from this process."""

    def __init__(self, config: Config) -> None:
        sentry_sdk.init(
            dsn=config.sentry_dsn,
            release=VERSION,
            environment=config.env,
            server_name=worker_name(),
            default_integrations=False,
            auto_enabling_integrations=False,
            auto_session_tracking=False,
            integrations=[
                LoggingIntegration(level=None, event_level=logging.ERROR),
                DedupeIntegration(),
                ExcepthookIntegration(),
                ThreadingIntegration(propagate_scope=False),
            ],
            send_default_pii=False,
            include_local_variables=False,
            max_request_body_size="never",
            max_breadcrumbs=0,
            before_send=_before_send,
        )

    def watch(self, app: Quart) -> None:
        """Do nothing: what the app fails at, it logs."""

    def close(self) -> None:
        """Send what is left, as far as the time allows."""
        sentry_sdk.get_client().close(timeout=CLOSE_TIMEOUT_S)


def problems(config: Config) -> list[str]:
    """Return what is wrong with the settings, a sentence each."""
    try:
        Dsn(config.sentry_dsn)
    except BadDsn:
        return ["SENTRY_DSN must be an address as Sentry gives it: https://key@host/number."]
    return []


def begin(config: Config) -> SentryReports:
    """Begin to report."""
    return SentryReports(config)


def _before_send(event: Any, _: Any) -> Any:
    """Add where it happened, and take out whatever looks like a secret."""
    event.setdefault("tags", {}).update(structlog.contextvars.get_contextvars())
    if has_request_context() or has_websocket_context():
        call = request if has_request_context() else websocket
        rule = call.url_rule
        event["transaction"] = "no route" if rule is None else rule.rule
        event["request"] = {"method": call.method, "url": call.path}
    return scrubbed(event)


def scrubbed(value: Any, depth: int = 0) -> Any:
    """Return a report without secrets and queries, however deep they are in it."""
    if depth > DEPTH_MAX:
        return REDACTED
    if isinstance(value, dict):
        return {
            key: REDACTED if names_secret(str(key)) else scrubbed(each, depth + 1)
            for key, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [scrubbed(each, depth + 1) for each in value]
    if isinstance(value, str):
        return QUERY.sub(f"?{REDACTED}", without_secrets(value[:TEXT_LENGTH_MAX]))
    return value
