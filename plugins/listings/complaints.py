"""What a provider says went wrong: for our errors and our log, never with the key."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from plugins.listings import failures
from plugins.listings.json_client import JsonAnswer
from plugins.listings.reading import UnreadableField
from utils.errors import AppError, shorten

SAID_LENGTH_MAX = 200
TIMED_OUT, LIMITED = 408, 429
# 1020 is the firewall that stands before many a provider.
SHUT_OUT_CODES = frozenset({403, 451, 1020})

log = logging.getLogger(__name__)

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class Complaint:
    """Hold the code that the body of an answer gives, else its status; ``said`` is for the log."""

    code: int
    said: str


def usual_failure(
    problem: Complaint, answer: JsonAnswer, *, title: str, key_setting: str, key_codes: frozenset[int]
) -> AppError:
    """Return the error of ours for a code of HTTP, or one of the ``key_codes``."""
    code = problem.code
    if LIMITED in (code, answer.status):
        return failures.limited(title, answer.retry_after_s)
    if code in key_codes:
        return failures.key_refused(title, key_setting)
    if code in SHUT_OUT_CODES:
        return failures.shut_out(title)
    if code == TIMED_OUT:
        return failures.timed_out(title)
    return failures.not_understood(title) if 400 <= code < 500 else failures.faulty(title)


def log_complaint(provider: str, answer: JsonAnswer, problem: Complaint, key: str) -> None:
    """Log what a provider said; a provider may quote the key it refuses."""
    said = problem.said.replace(key, "…") if key else problem.said
    log.warning(
        "listings provider complained",
        extra={
            "provider": provider,
            "status": answer.status,
            "code": problem.code,
            "said": shorten(said, SAID_LENGTH_MAX),
        },
    )


def read_whole(title: str, read: Callable[[], Read]) -> Read:
    """Return what is read of an answer about one coin. Raises: UpstreamGarbage."""
    try:
        return read()
    except UnreadableField as error:
        log.warning("listings answer could not be read", extra={"provider": title, "reason": str(error)})
        raise failures.garbage(title) from error
