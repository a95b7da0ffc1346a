"""A language that nobody speaks: whatever reaches a listener in English went around the catalogs.

``PSEUDO`` is a voice whose templates and names are in Georgian letters; ``leaks_of(text)`` finds what is not.
"""

import re
from dataclasses import replace

from services.narration.catalog import CONTEXT_MARK, Catalog
from services.narration.locales import LOCALES
from services.narration.voice import Voice
from tests.narration.templates import marked_templates, named_assets

PLACE = re.compile(r"(\{\w+\})")
FOREIGN = {ord(latin): chr(ord("ა") + place) for place, latin in enumerate("abcdefghijklmnopqrstuvwxyz")}
# Letters said one by one are the same in every language here.
LATIN_WORD = re.compile(r"[A-Za-z]{2,}|[a-z]")


def foreign(template: str) -> str:
    """Return the template in letters of another script; its places stay."""
    parts = PLACE.split(template)
    return "".join(part if PLACE.fullmatch(part) else part.lower().translate(FOREIGN) for part in parts)


def leaks_of(text: str) -> list[str]:
    """Return the words of our alphabet in a text that the pseudo voice has said."""
    return LATIN_WORD.findall(text)


def _catalog() -> Catalog:
    templates = marked_templates()
    single = {template.one: foreign(template.one) for template in templates if not template.counted}
    single |= {f"{context}{CONTEXT_MARK}{name}": foreign(name) for context, name in named_assets()}
    counted = {template.one: (foreign(template.many),) for template in templates if template.counted}
    return Catalog(single, counted)


# Japanese dates have no words, so the patterns of the CLDR leak nothing.
PSEUDO = Voice(replace(LOCALES["ja"], catalog=_catalog()))
