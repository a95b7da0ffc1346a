"""Reports of failures to Sentry, and spans to OpenTelemetry: where a setting asks for them, and nowhere else.

Both are extras. Neither library is imported, nor has to be there, without its setting.
"""

import contextlib
import importlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Protocol, cast

from quart import Quart

from config import Config, ConfigError


class Reporter(Protocol):
    """Send something elsewhere while a process runs."""

    def watch(self, app: Quart) -> None:
        """Learn from what the app does."""
        ...

    def close(self) -> None:
        """Send what is left, within a few seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Extra:
    """Name an extra: the setting that asks for it, and the module that needs its libraries."""

    name: str
    setting: str
    module: str
    wanted: Callable[[Config], str]


EXTRAS = (
    Extra("sentry", "SENTRY_DSN", "app_extensions.sentry_reports", lambda config: config.sentry_dsn),
    Extra(
        "otel",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "app_extensions.otel_spans",
        lambda config: config.otel_endpoint,
    ),
)


def check_extras(config: Config) -> None:
    """Refuse to start where a report could not be sent. Raises: ConfigError with a sentence for each."""
    problems = []
    for extra in _wanted(config):
        try:
            module = importlib.import_module(extra.module)
        except ImportError:
            problems.append(
                f"{extra.setting} is set, but the extra {extra.name} is not installed. "
                f"Install requirements-extras.txt, as docs/operations.md says, or unset {extra.setting}."
            )
        else:
            problems += module.problems(config)
    if problems:
        raise ConfigError(problems)


@contextmanager
def reporting(config: Config) -> Iterator[Callable[[Quart], None]]:
    """Send what the settings ask for while the process runs; yields what makes it watch an app."""
    with ExitStack() as stack:
        reporters = []
        for extra in _wanted(config):
            begin = importlib.import_module(extra.module).begin
            reporters.append(cast("Reporter", stack.enter_context(contextlib.closing(begin(config)))))

        def watch(app: Quart) -> None:
            for reporter in reporters:
                reporter.watch(app)

        yield watch


def _wanted(config: Config) -> list[Extra]:
    return [extra for extra in EXTRAS if extra.wanted(config)]
