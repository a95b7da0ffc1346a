"""The words that lead to the instruments of one list: whole, begun, or with slips; pure."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator

from services.search.text import count_slips

# Sorts after every word that begins the same.
LAST = "\U0010ffff"
# Two slips turn too many short words into each other.
LONG = 6


class Terms:
    """Lead from words to the numbers of instruments."""

    def __init__(self, pairs: Iterable[tuple[str, int]]) -> None:
        postings: dict[str, list[int]] = defaultdict(list)
        for word, number in pairs:
            if word:
                postings[word].append(number)
        self._postings = {word: tuple(numbers) for word, numbers in postings.items()}
        self._sorted = sorted(self._postings)
        by_length: dict[int, list[str]] = defaultdict(list)
        for word in self._sorted:
            by_length[len(word)].append(word)
        self._by_length = dict(by_length)
        # Read from the end, words that share their end stand side by side.
        self._reversed = {length: sorted(word[::-1] for word in words) for length, words in by_length.items()}

    def whole(self, word: str) -> tuple[int, ...]:
        """Return the instruments that are called so."""
        return self._postings.get(word, ())

    def beginning(self, word: str) -> Iterator[int]:
        """Yield the instruments that are called by a longer word that begins so."""
        first = bisect_left(self._sorted, word)
        for place in range(first, bisect_left(self._sorted, word + LAST, first)):
            if self._sorted[place] != word:
                yield from self._postings[self._sorted[place]]

    def misspelled(self, word: str, allowed: int) -> Iterator[tuple[int, int]]:
        """Yield the instruments of which this is a misspelling, and by how many slips, as far as allowed."""
        if not allowed:
            return
        for length in range(len(word) - allowed, len(word) + allowed + 1):
            most = allowed if length >= LONG else 1
            for candidate in self._candidates(word, length, most):
                slips = count_slips(word, candidate, most)
                if slips:
                    for number in self._postings[candidate]:
                        yield number, slips

    def _candidates(self, word: str, length: int, slips: int) -> Iterable[str]:
        """Return the words of a length that share the beginning or the end with this one.

        One slip touches at most two neighbouring letters: where it begins in the first part the end is whole,
        else the first part is. Two slips leave one third of a word whole; of those, the beginning and the end
        are looked at, and people seldom miss both.
        """
        if length not in self._by_length:
            return ()
        shared = max(1, (len(word) - 1) // (slips + 1))
        rest = len(word) - 1 - shared if slips == 1 else shared
        found = set(_starting(self._by_length[length], word[:shared]))
        if rest:
            ends = _starting(self._reversed[length], word[::-1][:rest])
            found.update(each[::-1] for each in ends)
        return found


def _starting(words: list[str], part: str) -> list[str]:
    first = bisect_left(words, part)
    return words[first : bisect_left(words, part + LAST, first)]
