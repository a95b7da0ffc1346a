"""Ready answers: bytes, what they say about how long they hold, and the tag they are known by. Pure."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from types import MappingProxyType

from services.history_query import History, HistoryText
from utils.domain import GapReason

RawHeaders = tuple[tuple[bytes, bytes], ...]

NO_HEADERS: Mapping[str, str] = MappingProxyType({})
# Written on every answer, and no part of what a tag stands for.
TIME_HEADER = "X-As-Of"
# What of a request, beside its address, an answer depends on.
VARY_HEADER = "Vary"
UNKNOWN = (GapReason.UNFETCHED, GapReason.OUTAGE)


class Lasting(StrEnum):
    """How long an answer holds: until a correction, until the next listing, for a moment, or not at all."""

    SETTLED = "settled"
    LISTED = "listed"
    MOVING = "moving"
    NEVER = "never"


# Never "immutable": a closed bar may still be corrected, see docs/decisions/0014-cached-answers.md.
CACHE_CONTROL = {
    Lasting.SETTLED: "public, max-age=300, stale-while-revalidate=86400",
    Lasting.LISTED: "public, max-age=30",
    Lasting.MOVING: "public, max-age=1",
    Lasting.NEVER: "no-store",
}


@dataclass(frozen=True, slots=True)
class AnswerKey:
    """Name an answer: the topic whose changes end it, and the whole question in one canonical text.

    ``may_settle`` is False where the newest bar always belongs to the answer.
    """

    topic: str
    question: str
    may_settle: bool = True

    def __hash__(self) -> int:
        # Asked for at every request: a text knows its hash already.
        return hash(self.question)


@dataclass(frozen=True)
class Answer:
    """Hold an encoded answer; ``etag`` is None when it is for nobody else.

    It keeps its encoded headers, so that they live as long as it does; hence no slots.
    """

    body: bytes
    content_type: str
    lasting: Lasting
    etag: str | None
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def cache_headers(self) -> dict[str, str]:
        """Return what a 304 says as well: ``{"ETag": …, "Cache-Control": "public, max-age=1"}``."""
        tag = {} if self.etag is None else {"ETag": self.etag}
        vary = {name: text for name, text in self.headers if name == VARY_HEADER}
        return tag | {"Cache-Control": CACHE_CONTROL[self.lasting]} | vary

    @cached_property
    def raw_headers(self) -> RawHeaders:
        """Return all its headers as they are sent: ``((b"etag", b'W/"r1-…"'), …)``.

        Source: ASGI 3.0, response start: byte strings, names in lower case.
        """
        content = (("Content-Type", self.content_type), ("Content-Length", str(len(self.body))))
        return (*encode_headers(self.headers), *self.raw_cache_headers, *encode_headers(content))

    @cached_property
    def raw_cache_headers(self) -> RawHeaders:
        """Return what a 304 says as well, as it is sent."""
        return encode_headers(self.cache_headers.items())


def encode_headers(pairs: Iterable[tuple[str, str]]) -> RawHeaders:
    """Return headers as they are sent: names in lower case, which are few, and texts in Latin-1."""
    return tuple((_lower(name), text.encode("latin1")) for name, text in pairs)


@lru_cache(64)
def _lower(name: str) -> bytes:
    return name.lower().encode()


def make_answer(
    history: History | HistoryText, body: bytes, content_type: str, headers: Mapping[str, str] = NO_HEADERS
) -> Answer:
    """Return the answer that an encoded history makes.

    The tag stands for all that the answer says but for the time at which it was true.
    """
    lasting = _lasting(history)
    etag = None if lasting is Lasting.NEVER else _etag(history, body, headers)
    return Answer(body, content_type, lasting, etag, tuple(headers.items()))


def make_listed_answer(body: bytes, content_type: str, headers: Mapping[str, str] = NO_HEADERS) -> Answer:
    """Return the answer that holds until somebody lists anew; the tag stands for all of it."""
    digest = hashlib.blake2b(body, digest_size=16)
    for name, text in headers.items():
        digest.update(f"\n{name}:{text}".encode())
    return Answer(body, content_type, Lasting.LISTED, f'W/"l-{digest.hexdigest()}"', tuple(headers.items()))


def tag_matches(if_none_match: str, etag: str) -> bool:
    """Tell whether an If-None-Match header names the tag; ``*`` names every one.

    Source: RFC 9110 13.1.2 asks for the weak comparison, read 2026-11-21.
    """
    if if_none_match == etag:
        return True
    given = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag.removeprefix("W/") in given or given == ["*"]


def _lasting(history: History | HistoryText) -> Lasting:
    empty = history.last_bar_state is None
    # Nothing there because nobody could be asked: that may be different in a moment.
    if history.stale or (empty and any(gap.reason in UNKNOWN for gap in history.gaps)):
        return Lasting.NEVER
    return Lasting.SETTLED if history.settled else Lasting.MOVING


def _etag(history: History | HistoryText, body: bytes, headers: Mapping[str, str]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    # A description inside of an answer says the time as well.
    for part in body.split(b'"as_of_ms":%d' % history.as_of_ms):
        digest.update(part)
    for name, text in headers.items():
        if name != TIME_HEADER:
            digest.update(f"\n{name}:{text}".encode())
    # Weak, since two answers under one tag may differ in when they were true.
    return f'W/"r{history.revision}-{digest.hexdigest()}"'
