"""ccxt's hundred ways to fail, sorted by what we do about them.

The kinds are told apart by name, so that ccxt (a second to import) is needed only where it runs.
"""

import logging
from collections.abc import Callable

import aiohttp

from plugins.crypto_answers import Answer
from utils.errors import (
    AppError,
    NotFound,
    UpstreamDown,
    UpstreamGarbage,
    UpstreamLimited,
    UpstreamTimeout,
)
from utils.spoken import spoken_wait

log = logging.getLogger(__name__)

# What reading an unexpected shape raises inside ccxt's parsers.
PARSE_FAULTS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)

LIMIT_STATUSES = frozenset({418, 429})
# 403 and 451: the exchange does not serve the country or the address we call from.
REFUSED_STATUSES = frozenset({403, 451})
RETRY_SOON_S = 5.0
RETRY_LATER_S = 60.0


def translate(error: Exception, name: str, answer: Answer | None = None) -> AppError:
    """Return the error of ours that says what to do about one of ccxt's; ``name`` is the exchange's."""
    if isinstance(error, AppError):
        return error
    answer = answer or Answer(strict=False)
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if answer.status in LIMIT_STATUSES:
        kinds.add("RateLimitExceeded")
    if answer.status in REFUSED_STATUSES:
        kinds.add("RestrictedLocation")
    if answer.status >= 500 or isinstance(error.__cause__, aiohttp.ClientError):
        kinds.add("NetworkError")
    for names, make in RULES:
        if kinds & names:
            return make(name, answer)
    # A parser that stumbled over the answer, or over a mistake of ours: only the stack tells which.
    log.warning("answer could not be read", extra={"exchange": name}, exc_info=error)
    return garbage(name)


def garbage(name: str, _: Answer | None = None) -> UpstreamGarbage:
    """Return the error for an answer that is no market data."""
    return UpstreamGarbage(
        f"{name} sent something that is no market data. Nothing of it was kept. Try again in a moment.",
        retry_after_s=RETRY_SOON_S,
    )


def timed_out(name: str, _: Answer | None = None) -> UpstreamTimeout:
    """Return the error for an exchange that did not answer in time."""
    return UpstreamTimeout(
        f"{name} did not answer in time. Try again in a moment.", retry_after_s=RETRY_SOON_S
    )


def lost(name: str) -> UpstreamDown:
    """Return the error for a live connection that ended."""
    return UpstreamDown(f"The live connection to {name} was lost. Connect again.", retry_after_s=RETRY_SOON_S)


def _limited(name: str, answer: Answer) -> UpstreamLimited:
    wait_s = RETRY_LATER_S if answer.retry_after_s is None else answer.retry_after_s
    return UpstreamLimited(
        f"{name} asked us to wait. Try again in {spoken_wait(wait_s)}.", retry_after_s=wait_s
    )


def _refused(name: str, _: Answer) -> UpstreamDown:
    return UpstreamDown(
        f"{name} refuses to answer this server, perhaps because of where it stands. Choose another exchange.",
        retry_after_s=RETRY_LATER_S,
    )


def _closed(name: str, _: Answer) -> UpstreamDown:
    return UpstreamDown(f"{name} is closed for maintenance. Try again later.", retry_after_s=RETRY_LATER_S)


def _away(name: str, _: Answer) -> UpstreamDown:
    return UpstreamDown(f"{name} cannot be reached. Try again in a moment.", retry_after_s=RETRY_SOON_S)


def _faulty(name: str, _: Answer) -> UpstreamDown:
    return UpstreamDown(
        f"{name} answered with an error of its own. Try again later.", retry_after_s=RETRY_LATER_S
    )


def _unknown_symbol(name: str, _: Answer) -> NotFound:
    return NotFound(f"{name} has no prices for this. Choose another symbol.", code="unknown_symbol")


# The first rule that names a kind of the error, or a base of it, decides.
RULES: tuple[tuple[frozenset[str], Callable[[str, Answer], AppError]], ...] = (
    (frozenset({"DDoSProtection", "RateLimitExceeded"}), _limited),
    (frozenset({"RestrictedLocation"}), _refused),
    (frozenset({"BadSymbol", "NotSupported"}), _unknown_symbol),
    (frozenset({"RequestTimeout", "TimeoutError"}), timed_out),
    (frozenset({"OnMaintenance"}), _closed),
    (frozenset({"NetworkError", "ClientError", "OSError"}), _away),
    (frozenset({"ExchangeError"}), _faulty),
)
