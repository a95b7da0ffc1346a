"""The languages that are spoken, and the choice of one: by name, or by what a browser prefers."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from babel.core import Locale

from services.narration.catalog import ENGLISH, Catalog, read_catalog
from services.narration.dates import DatePatterns, read_date_patterns
from utils.errors import FieldError, InvalidRequest, shorten

Direction = Literal["ltr", "rtl"]

DEFAULT_CODE = "en"
HEADER_CHARACTERS_MAX = 1_000
HEADER_LANGUAGES_MAX = 32
COUNTS_KEPT = 4_096
QUALITY = re.compile(r"q=(?P<quality>0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Language:
    code: str
    # Where the CLDR looks up dates: British English puts the day first, as every other language here does.
    cldr_code: str
    decimal_mark: str
    # Thousands by a comma where every synthesizer reads it right, else not at all: decision 18.
    grouped: bool
    # The plural forms that gettext has in a catalog, in the order of the CLDR.
    forms: tuple[str, ...]


LANGUAGES = (
    _Language("en", "en_GB", ".", True, ("one", "other")),
    _Language("de", "de", ",", False, ("one", "other")),
    _Language("fr", "fr", ",", False, ("one", "other")),
    _Language("pl", "pl", ",", False, ("one", "few", "many")),
    _Language("ja", "ja", ".", True, ("other",)),
    _Language("ar", "ar", ".", False, ("zero", "one", "two", "few", "many", "other")),
)
CODES = tuple(language.code for language in LANGUAGES)


@dataclass(frozen=True, slots=True, eq=False)
class SpokenLocale:
    """Hold what one language needs to be spoken; there is one object for each language."""

    code: str
    direction: Direction
    decimal_mark: str
    grouped: bool
    catalog: Catalog
    dates: DatePatterns
    forms: tuple[str, ...]
    cldr: Locale

    def form(self, count: int) -> int:
        """Return which of a message's plural forms a count takes."""
        return _form(self, count)


# The rules of the CLDR take eight microseconds, and the same counts come again and again.
@lru_cache(maxsize=COUNTS_KEPT)
def _form(locale: SpokenLocale, count: int) -> int:
    tag = locale.cldr.plural_form(abs(count))
    # A form that gettext has not, "many" for a million in French, sounds like the last one.
    return locale.forms.index(tag) if tag in locale.forms else len(locale.forms) - 1


def _load(language: _Language) -> SpokenLocale:
    cldr = Locale.parse(language.cldr_code)
    return SpokenLocale(
        code=language.code,
        direction="rtl" if cldr.text_direction == "rtl" else "ltr",
        decimal_mark=language.decimal_mark,
        grouped=language.grouped,
        catalog=ENGLISH if language.code == DEFAULT_CODE else read_catalog(language.code),
        dates=read_date_patterns(cldr),
        forms=language.forms,
        cldr=cldr,
    )


# Read when the program starts: a quarter of a second that nobody who listens should wait for.
LOCALES = {language.code: _load(language) for language in LANGUAGES}


def choose_locale(locale: str | None, accept_language: str | None) -> SpokenLocale:
    """Return the language named (``de``, ``de-AT``), else the one the header likes best, else English.

    Raises: InvalidRequest when the language named is none of ours. The header is a wish and never fails.
    """
    if locale is None:
        return LOCALES[_preferred(accept_language or "")]
    code = _code(locale)
    if code in LOCALES:
        return LOCALES[code]
    detail = f"There is no language {shorten(locale)} here. Ask for one of {', '.join(CODES)}."
    raise InvalidRequest(detail, errors=(FieldError("locale", "unknown_locale", detail),))


def _code(tag: str) -> str:
    return tag.strip().replace("_", "-").partition("-")[0].lower()


# RFC 9110, 12.5.4; a language range matches by its first part, because no language here has two scripts.
def _preferred(header: str) -> str:
    wishes: dict[str, float] = {}
    for part in header[:HEADER_CHARACTERS_MAX].split(",")[:HEADER_LANGUAGES_MAX]:
        tag, *parameters = part.split(";")
        quality = _quality(parameters)
        code = _code(tag)
        if quality is not None and (code in LOCALES or code == "*"):
            wishes[code] = max(quality, wishes.get(code, 0.0))
    best = max(wishes, key=wishes.__getitem__, default=DEFAULT_CODE)
    if best == "*":
        return next((code for code in CODES if wishes.get(code) != 0.0), DEFAULT_CODE)
    return best if wishes.get(best) else DEFAULT_CODE


def _quality(parameters: list[str]) -> float | None:
    if not parameters:
        return 1.0
    match = QUALITY.fullmatch(parameters[0].strip().lower())
    return float(match["quality"]) if match else None
