"""The language of an answer: what a request wishes for, and what the answer says of it."""

from typing import Protocol

from quart import request
from werkzeug.datastructures import Headers

from services.answers import VARY_HEADER
from services.narration.sentences import Verbosity
from services.narration.voice import Voice, voice_for

# Said of an answer whose language nobody named.
BY_LANGUAGE = {VARY_HEADER: "Accept-Language"}
# Of an answer to everybody, whose address says more to who has signed in.
BY_LANGUAGE_AND_PERSON = {VARY_HEADER: "Accept-Language, Authorization"}
# Said of an answer to one person, in a language of theirs.
PRIVATE = {"Cache-Control": "no-store"} | BY_LANGUAGE_AND_PERSON


class HeardWishes(Protocol):
    """What a query asks to hear, and how."""

    @property
    def include(self) -> tuple[str, ...] | None:
        """What the answer holds beside itself; words are one such thing."""

    @property
    def locale(self) -> str | None:
        """The language that is named."""

    @property
    def time_zone(self) -> str | None:
        """The zone of the times that are said."""

    @property
    def verbosity(self) -> Verbosity:
        """How much is said."""


def refuse_unheard(query: HeardWishes) -> None:
    """Do nothing where something is to be heard, or where nobody says how.

    Raises: ValueError for wishes about words that the answer will not hold.
    """
    wished = (query.locale, query.time_zone) != (None, None) or query.verbosity is not Verbosity.NORMAL
    if wished and not query.include:
        raise ValueError("locale, time_zone and verbosity need include=accessibility.")


def accepted_languages(headers: Headers) -> str:
    """Return what all lines of Accept-Language say together."""
    return ", ".join(headers.getlist("Accept-Language"))


def asked_voice(locale: str | None = None, time_zone: str | None = None) -> Voice:
    """Return the voice that this request asks for: in the language named, else in one that it accepts.

    Raises: InvalidRequest for a language or a time zone that is named and not known.
    """
    return voice_for(locale, accepted_languages(request.headers), time_zone)


def language_headers(named: str | None, voice: Voice) -> dict[str, str]:
    """Return what an answer says of its language; one that is named is part of the address."""
    language = {"Content-Language": voice.locale.code}
    return language if named is not None else language | BY_LANGUAGE
