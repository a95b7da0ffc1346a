"""How a coin is called: as people call it where its name is well known, else by the name its provider gives.

Names of coins are anybody's: tickers, addresses, pictures. What is heard of one is its letters and digits.
"""

import re
import unicodedata
from functools import lru_cache

from services.narration.assets import ASSETS
from services.narration.locales import SpokenLocale
from services.narration.names import asset_name, spell

NAMES_KEPT = 8_192
WORDS_MAX = 5
# A word longer than this is an address or a joke, and is heard up to here.
WORD_LETTERS_MAX = 24
# Capitals, or digits and capitals, which synthesizers read as a word that nobody knows.
TICKER = re.compile(r"(?=[A-Z0-9]*[A-Z])[A-Z0-9]{2,}", re.ASCII)
# Nobody hears what so long a number is: its first digits are said one by one.
LONG_NUMBER = re.compile(r"\d{13,}", re.ASCII)
PARTS = re.compile(r"\d+|[^\W\d_]+")


@lru_cache(maxsize=NAMES_KEPT)
def coin_name(locale: SpokenLocale, name: str, symbol: str) -> str:
    """Return what a coin is called in a language: ``Bitcoin``, ``Wrapped Bitcoin``, ``U S D T``."""
    asset = ASSETS.get(symbol.upper())
    # Anybody may take a symbol; the name has to be that of the asset as well.
    if asset is not None and asset.name.casefold() == name.strip().casefold():
        return asset_name(locale, symbol)
    words = [heard for word in _words(name) if (heard := _heard(word))]
    return " ".join(words[:WORDS_MAX]) or spoken_symbol(symbol) or "0"


def spoken_symbol(symbol: str) -> str:
    """Return a symbol letter by letter; empty where it has neither letters nor digits."""
    letters = " ".join(_words(symbol))
    return " ".join(PARTS.findall(spell(letters)))[: 2 * WORD_LETTERS_MAX].strip() if letters else ""


def _words(name: str) -> list[str]:
    # NFKC makes letters of the look-alikes that people dress names up with.
    plain = unicodedata.normalize("NFKC", name)
    kept = "".join(_character(character) for character in plain)
    return kept.split()


def _character(character: str) -> str:
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    category = unicodedata.category(character)
    return character if category[0] in "LM" else " "


def _heard(word: str) -> str:
    if TICKER.fullmatch(word) and not word.isdigit():
        return _in_groups(spell(word))
    if word.isupper() and word.isalpha() and len(word) > 1:
        # Capitals of another alphabet, or with marks.
        return " ".join(word[:WORD_LETTERS_MAX])
    parts = PARTS.findall(word)
    if len(parts) > 1:
        return " ".join(_heard(part) for part in parts)
    return _in_groups(word[:WORD_LETTERS_MAX])


def _in_groups(text: str) -> str:
    return LONG_NUMBER.sub(lambda found: " ".join(found[0][:12]), text)
