"""What was typed, made comparable: its letters and digits, and the slips between two words; pure."""

import re
import unicodedata

# Longer than any symbol or name; the rest of a longer text is not looked at.
TEXT_LENGTH_MAX = 64
WORDS_MAX = 6
WORD = re.compile(r"[^\W_]+")


def fold(text: str) -> str:
    """Return the letters and digits of a text in one form: ``BTC/USD`` and ``btc-usd`` are ``btcusd``."""
    return "".join(words_of(text))


def words_of(text: str) -> tuple[str, ...]:
    """Return the folded words of a text, at most ``WORDS_MAX``: ``("btc", "usd")``."""
    plain = unicodedata.normalize("NFKC", text[:TEXT_LENGTH_MAX]).casefold()
    return tuple(WORD.findall(plain)[:WORDS_MAX])


def slips_allowed(word: str) -> int:
    """Return how many slips are forgiven: none where every word would fit, two where words are long."""
    if len(word) < 3:
        return 0
    return 1 if len(word) < 7 else 2


def count_slips(left: str, right: str, most: int) -> int | None:
    """Return how many slips lead from one word to the other, None when it takes more than ``most``.

    A slip is a letter too many, too few, another one, or two neighbours swapped.
    Source: optimal string alignment, https://en.wikipedia.org/wiki/Damerau-Levenshtein_distance (2026-11-21).
    """
    if abs(len(left) - len(right)) > most:
        return None
    left, right = _differing(left, right)
    if not left or not right:
        return len(left) + len(right)
    if most <= 1:
        replaced, swapped = len(left) == len(right) == 1, len(left) == 2 and left == right[::-1]
        return 1 if most and (replaced or swapped) else None
    return _count(left, right, most)


def _differing(left: str, right: str) -> tuple[str, str]:
    """Return the words without what they begin and end with alike."""
    shorter = min(len(left), len(right))
    start = 0
    while start < shorter and left[start] == right[start]:
        start += 1
    end = 0
    while end < shorter - start and left[-1 - end] == right[-1 - end]:
        end += 1
    return left[start : len(left) - end], right[start : len(right) - end]


def _count(left: str, right: str, most: int) -> int | None:
    before: list[int] = []
    previous = list(range(len(right) + 1))
    for row, letter in enumerate(left, 1):
        current = [row]
        for column, other in enumerate(right, 1):
            cost = min(
                previous[column] + 1, current[column - 1] + 1, previous[column - 1] + (letter != other)
            )
            swapped = row > 1 and column > 1 and letter == right[column - 2] and left[row - 2] == other
            current.append(min(cost, before[column - 2] + 1) if swapped else cost)
        if min(current) > most:
            return None
        before, previous = previous, current
    return previous[-1] if previous[-1] <= most else None
