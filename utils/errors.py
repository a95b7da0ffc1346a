"""What can go wrong, as one tree.

AppError                  anything a caller may be told; a status, a code, one sentence
|-- MalformedRequest 400  the body cannot be read
|-- PayloadTooLarge  413  the body is longer than we read
|-- UnsupportedMedia 415  the body is no JSON
|-- InvalidRequest  422   the request's fields do not fit; ``errors`` names each
|-- Unauthorized    401   who are you?
|-- Forbidden       403   known, but not allowed
|-- NotFound        404   no such market, exchange, symbol, page
|-- Conflict        409   the state of things forbids it
|-- TooManyRequests 429   wait ``retry_after_s``
`-- Unavailable     503   a part we need is away; wait ``retry_after_s``
    `-- UpstreamError     the exchange is the part; its children say what we will do
        |-- UpstreamLimited    asked to wait: nobody calls until ``retry_after_s`` is over
        |   `-- UpstreamBusy   it did not ask: we hold ourselves to what it allows
        |-- UpstreamDown       away or not reachable: retry with backoff
        |-- UpstreamGarbage    answered with something that is no market data: store nothing
        `-- UpstreamTimeout    504: did not answer in time

``detail`` is one plain sentence for a person who listens: what is wrong, then what to do.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Self

# With so many names one that nobody knows is compared.
COMPARED_MAX = 200


@dataclass(frozen=True, slots=True)
class FieldError:
    """Name one wrong field: ``{"field": "limit", "code": "less_than_equal", "detail": "…"}``."""

    field: str
    code: str
    detail: str


class AppError(Exception):
    """Carry a status, a code and a sentence to whoever asked."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something went wrong"

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        errors: tuple[FieldError, ...] = (),
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.error_code = code or self.code
        self.errors = errors
        self.retry_after_s = retry_after_s

    def anew(self) -> Self:
        """Return the same error as if it had never been raised, to be kept or raised again.

        One that was raised holds the frames it went through and what caused it: answers, headers, keys.
        """
        anew = type(self).__new__(type(self), *self.args)
        anew.__dict__.update(self.__dict__)
        return anew


class MalformedRequest(AppError):
    """Refuse a body that cannot be read."""

    status = 400
    code = "malformed_request"
    title = "The request cannot be read"


class PayloadTooLarge(AppError):
    """Refuse a body longer than we read."""

    status = 413
    code = "payload_too_large"
    title = "The request is too large"


class UnsupportedMedia(AppError):
    """Refuse a body that says it is something other than JSON."""

    status = 415
    code = "unsupported_media_type"
    title = "The body must be JSON"


class InvalidRequest(AppError):
    """Refuse a request whose fields do not fit."""

    status = 422
    code = "invalid_request"
    title = "The request does not fit"


class Unauthorized(AppError):
    """Refuse a caller who has not shown who they are."""

    status = 401
    code = "unauthorized"
    title = "Please sign in"


class Forbidden(AppError):
    """Refuse a known caller who may not do this."""

    status = 403
    code = "forbidden"
    title = "Not allowed"


class NotFound(AppError):
    """Say that the thing asked for does not exist here."""

    status = 404
    code = "not_found"
    title = "Not found"


class Conflict(AppError):
    """Refuse what the present state forbids."""

    status = 409
    code = "conflict"
    title = "Conflict"


class TooManyRequests(AppError):
    """Ask the caller to wait."""

    status = 429
    code = "rate_limited"
    title = "Too many requests"


class Unavailable(AppError):
    """Say that a part of the service is away for now."""

    status = 503
    code = "unavailable"
    title = "Not available now"


class UpstreamError(Unavailable):
    """Say that an exchange could not answer."""

    code = "exchange_unavailable"
    title = "The exchange did not answer"


class UpstreamLimited(UpstreamError):
    """Say that the exchange asked us to wait; nobody calls it until then."""

    code = "exchange_rate_limited"


class UpstreamBusy(UpstreamLimited):
    """Say that as much is being asked of the exchange already as we may; it was not troubled with this."""

    code = "exchange_busy"


class UpstreamDown(UpstreamError):
    """Say that the exchange is away or cannot be reached."""


class UpstreamGarbage(UpstreamError):
    """Say that the exchange answered with something that is no market data; nothing was stored."""

    code = "exchange_bad_answer"


class UpstreamTimeout(UpstreamError):
    """Say that the exchange did not answer in time."""

    status = 504
    code = "exchange_timeout"


def unknown(kind: str, given: str, known: Iterable[str], *, advice: str) -> NotFound:
    """Return a NotFound that names the near misses: what was probably meant, then what to do."""
    near = near_misses(given, known)
    hint = f"Did you mean {' or '.join(near)}? " if near else ""
    return NotFound(f"There is no {kind} {shorten(given)}. {hint}{advice}", code=f"unknown_{kind}")


def near_misses(given: str, known: Iterable[str]) -> list[str]:
    """Return at most three known names close to the given one, best first; case does not matter.

    Of a long list only names that begin alike are compared.
    """
    folded, by_folded = given.casefold(), {name.casefold(): name for name in known}
    if folded in by_folded:
        return [by_folded[folded]]
    compared, alike = list(by_folded), 0
    # Whoever asks for many made-up names would hold up everybody else: 15 ms each, of 2,500 symbols.
    while len(compared) > COMPARED_MAX and alike < len(folded):
        alike += 1
        compared = [name for name in compared if name.startswith(folded[:alike])]
    matches = difflib.get_close_matches(folded, compared[:COMPARED_MAX], n=3, cutoff=0.6)
    return [by_folded[match] for match in matches]


def shorten(text: str, length: int = 40) -> str:
    """Return the text fit to be said in a sentence: printable, at most ``length`` characters."""
    printable = "".join(character if character.isprintable() else "?" for character in text)
    return printable if len(printable) <= length else printable[: length - 1] + "…"
