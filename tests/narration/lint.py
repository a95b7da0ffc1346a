"""What no spoken text may hold, whatever made it; and how its numbers are read back.

``faults_of(text, locale)`` returns a sentence for each fault, none for a text that is heard as it is meant.
"""

import re
import unicodedata
from decimal import Decimal

# What is between the digits of a number, and between its thousands.
DECIMAL_MARKS = {"en": ".", "de": ",", "fr": ",", "pl": ",", "ja": ".", "ar": "."}
GROUPED = {"en", "ja"}
# Synthesizers say these as words, or not at all, or stop at them; what they stand for is written in words.
UNSAID = set('/\\|_*#@&~^%{}[]<>=+`"()…—–−$€£¥•·')
# A break of a line that must not be seen here: espeak reads 60 120 with one of these as two numbers.
HARD_SPACES = "\u00a0\u2007\u2009\u202f\u2060\ufeff"
SYMBOL_CATEGORIES = {"So", "Sm", "Sc", "Sk", "Cf", "Cc", "Co", "Cs", "Cn"}
SIGNIFICANT_DIGITS_MAX = 15

NUMBER = re.compile(r"\d(?:[\d.,]*\d)?")
CLOCK = re.compile(r"(?<![\d:])\d{1,2}:\d{2}(?::\d{2})?(?![\d:])")
PATTERNS = {
    "an exponent": re.compile(r"\d[eE][+-]?\d"),
    "a timeframe in letters": re.compile(r"(?<![\w.,])\d+[smhdwM](?!\w)"),
    "a ticker that is not spelled": re.compile(r"(?<![^\W_])(?=[A-Z0-9]*[A-Z])[A-Z0-9]{3,}(?![^\W\d_])"),
    "a sign instead of a word": re.compile(r"[-+]\d"),
    "two spaces": re.compile(r"\s\s"),
    "a space before a mark": re.compile(r"\s[,.;:?!،、。]"),
    "two marks in a row": re.compile(r"[,.;:?!،、。]{2}|[,;:،、] ?[.。]"),
    "a mark without a space": re.compile(r"[A-Za-z],[A-Za-z0-9]|[a-z]\.[A-Za-z]"),
}


def faults_of(text: str, locale: str) -> list[str]:
    """Return what is wrong with a text that is to be heard."""
    faults = [
        f"{name}: {found[0]!r}" for name, pattern in PATTERNS.items() if (found := pattern.search(text))
    ]
    faults += [f"the character {character!r}" for character in sorted(set(text)) if _is_unsaid(character)]
    if not text or text != text.strip():
        faults.append("nothing, or a space around it")
    for number in _number_texts(text):
        if not _is_written_right(number, locale):
            faults.append(f"a number of another language: {number!r}")
        elif len(number.replace(".", "").replace(",", "").strip("0")) > SIGNIFICANT_DIGITS_MAX:
            faults.append(f"the digits of a raw float: {number!r}")
    return [f"{fault} in {text!r}" for fault in faults]


def numbers_in(text: str, locale: str) -> list[Decimal]:
    """Return every number of a text but times of day, in its order; digits in words are not numbers."""
    return [parse_number(number, locale) for number in _number_texts(text)]


def parse_number(text: str, locale: str) -> Decimal:
    """Read a number as somebody of this language does.

    Raises: ValueError when nobody would.
    """
    if not _is_written_right(text, locale):
        raise ValueError(f"{text!r} is no number in {locale}")
    whole, _, fraction = text.partition(DECIMAL_MARKS[locale])
    return (
        Decimal(f"{whole.replace(',', '')}.{fraction or '0'}")
        if fraction
        else Decimal(whole.replace(",", ""))
    )


def _is_written_right(text: str, locale: str) -> bool:
    mark = re.escape(DECIMAL_MARKS[locale])
    whole = r"(?:\d+|\d{1,3}(?:,\d{3})+)" if locale in GROUPED else r"\d+"
    return re.fullmatch(rf"{whole}(?:{mark}\d+)?", text, re.ASCII) is not None


def _number_texts(text: str) -> list[str]:
    return NUMBER.findall(CLOCK.sub(" ", text))


def _is_unsaid(character: str) -> bool:
    return (
        character in UNSAID
        or character in HARD_SPACES
        or unicodedata.category(character) in SYMBOL_CATEGORIES
        or (character.isdecimal() and not character.isascii())
    )
