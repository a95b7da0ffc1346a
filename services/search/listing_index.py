"""The instruments of one exchange, ready to be searched; pure, and made anew when the list is."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest

from services.search.found import Found, InstrumentKind, Match
from services.search.names import Names, exchange_names, names_of
from services.search.terms import Terms
from services.search.text import TEXT_LENGTH_MAX, count_slips, fold, slips_allowed, words_of
from utils.domain import InstrumentSpec

# By the number of an instrument: how well it fits, and with how many slips.
Fits = dict[int, Match]
Slips = dict[int, int]
# Shorter beginnings of an exchange's name are more likely to be something else's.
PLACE_LENGTH_MIN = 3
# Where nothing is known of their trade, pairs that are paid in these come first.
USUAL_QUOTES = ("USD", "USDT", "USDC", "EUR")


@dataclass(frozen=True, slots=True)
class Listed:
    """Hold one instrument of the index; ``turnover``, ``delisted`` and ``sentence`` are as in ``Found``."""

    spec: InstrumentSpec
    turnover: float | None = None
    delisted: bool = False
    sentence: str | None = None


class ListingIndex:
    """Find the instruments of one exchange."""

    def __init__(self, market: str, exchange: str, listed: Iterable[Listed]) -> None:
        places = (market, *exchange_names(exchange))
        self._places = {word for name in places for word in (fold(name), *words_of(name))}
        named = [(each, names_of(each.spec)) for each in listed]
        # In the order in which equally good ones are shown: their number is their rank.
        named.sort(key=lambda pair: _rank(*pair))
        self._listed = tuple(each for each, _ in named)
        self._names = tuple(names for _, names in named)
        self._symbols = self._terms(lambda number: (fold(self._listed[number].spec.instrument.symbol),))
        self._own = self._terms(lambda number: _own_names(self._names[number]))
        self._inner = self._terms(lambda number: _inner_words(self._names[number]))
        self._quotes = self._terms(lambda number: _quote_names(self._names[number]))
        self._by_symbol = {each.spec.instrument.symbol: each for each in self._listed}

    def __len__(self) -> int:
        return len(self._listed)

    def get(self, symbol: str) -> Listed | None:
        """Return the instrument of exactly this symbol."""
        return self._by_symbol.get(symbol)

    def named(self, text: str) -> Listed | None:
        """Return the instrument whose symbol has these letters: ``btc-usd`` is ``BTC/USD``."""
        # A text is folded up to there, and one address more would stand for the same instrument.
        numbers = self._symbols.whole(fold(text)) if len(text) <= TEXT_LENGTH_MAX else None
        return self._listed[min(numbers)] if numbers else None

    def search(self, text: str, *, kind: InstrumentKind | None, limit: int) -> list[Found]:
        """Return at most ``limit`` instruments, the best first; any where nothing is asked for."""
        words = words_of(text)
        if not words and text.strip():
            return []
        # What names this exchange fits every instrument of it.
        others = tuple(word for word in words if not self._is_place(word))
        fits = self._all() if not others else self._fitting(others)
        if words != others:
            fits = _better(fits, self._fitting(words))
        slips: Slips = {}
        if sum(self._is_kind(number, kind) for number in fits) < limit:
            near = self._misspelled(others)
            # What fits without a slip is none the worse for fitting with one.
            slips = {number: count for number, count in near.items() if number not in fits}
            fits |= dict.fromkeys(slips, Match.TYPO)
        numbers = (number for number in fits if self._is_kind(number, kind))
        # Whoever types a symbol as it is written means that one.
        best = nsmallest(
            limit,
            numbers,
            key=lambda number: (
                fits[number],
                self._listed[number].spec.instrument.symbol != text,
                slips.get(number, 0),
                number,
            ),
        )
        return [self._show(number, fits[number]) for number in best]

    def _terms(self, words: Callable[[int], Iterable[str]]) -> Terms:
        return Terms((word, number) for number in range(len(self._listed)) for word in set(words(number)))

    def _all(self) -> Fits:
        return dict.fromkeys(range(len(self._listed)), Match.WORD)

    def _is_kind(self, number: int, kind: InstrumentKind | None) -> bool:
        return kind is None or self._names[number].kind is kind

    def _is_place(self, word: str) -> bool:
        return word in self._places or (
            len(word) >= PLACE_LENGTH_MIN and any(place.startswith(word) for place in self._places)
        )

    def _fitting(self, words: tuple[str, ...]) -> Fits:
        whole = "".join(words)
        fits = self._by_name(whole)
        if len(words) > 1:
            fits = _better(self._by_every_word(words), fits)
        else:
            # What is paid in, by itself, says little.
            paid_in = (*self._quotes.whole(whole), *self._quotes.beginning(whole))
            fits = dict.fromkeys(paid_in, Match.WORD) | fits
        return fits | dict.fromkeys(self._symbols.whole(whole), Match.SYMBOL)

    def _by_name(self, name: str) -> Fits:
        fits = dict.fromkeys(self._inner.beginning(name), Match.WORD)
        fits |= dict.fromkeys(self._inner.whole(name), Match.WORD)
        fits |= dict.fromkeys(self._symbols.beginning(name), Match.PREFIX)
        fits |= dict.fromkeys(self._own.beginning(name), Match.PREFIX)
        fits |= dict.fromkeys(self._own.whole(name), Match.EXACT)
        return fits

    def _by_every_word(self, words: tuple[str, ...]) -> Fits:
        """Return what fits every word, as well as the worst of them does."""
        own = [self._by_name(word) for word in words]
        merged = [_better(self._by_quote(word), fits) for word, fits in zip(words, own, strict=True)]
        fits = {}
        for number in _in_all(merged):
            worst = max(each[number] for each in merged)
            named = any(number in each for each in own)
            fits[number] = worst if named else Match.WORD
        return fits

    def _by_quote(self, word: str) -> Fits:
        fits = dict.fromkeys(self._quotes.beginning(word), Match.PREFIX)
        return fits | dict.fromkeys(self._quotes.whole(word), Match.EXACT)

    def _misspelled(self, words: tuple[str, ...]) -> Slips:
        """Return what the words may be misspellings of, and with how many slips."""
        slips = _fewer(self._near("".join(words)))
        if len(words) > 1:
            slips = _fewer((*slips.items(), *self._near_every_word(words)))
            for place, count in self._near_places(words):
                fitting = self._fitting(tuple(word for word in words if word != place))
                slips = _fewer((*slips.items(), *((number, count) for number in fitting)))
        elif any(self._near_places(words)):
            slips = dict.fromkeys(range(len(self._listed)), slips_allowed(words[0])) | slips
        return slips

    def _near(self, name: str) -> Iterator[tuple[int, int]]:
        allowed = slips_allowed(name)
        # Two slips make too many other symbols of one.
        yield from self._symbols.misspelled(name, min(allowed, 1))
        for terms in (self._own, self._inner, self._quotes):
            yield from terms.misspelled(name, allowed)

    def _near_every_word(self, words: tuple[str, ...]) -> Iterator[tuple[int, int]]:
        near = []
        for word in words:
            fitting = (*self._by_name(word), *self._by_quote(word))
            near.append(
                dict.fromkeys(fitting, 0) | _fewer((*((number, 0) for number in fitting), *self._near(word)))
            )
        for number in _in_all(near):
            yield number, sum(each[number] for each in near)

    def _near_places(self, words: tuple[str, ...]) -> Iterator[tuple[str, int]]:
        for word in words:
            counts = [count_slips(word, place, slips_allowed(word)) for place in self._places]
            yield from ((word, count) for count in counts if count)

    def _show(self, number: int, match: Match) -> Found:
        listed, names = self._listed[number], self._names[number]
        return Found(
            spec=listed.spec,
            kind=names.kind,
            base=names.base,
            quote=names.quote,
            name=names.name,
            match=match,
            turnover=listed.turnover,
            delisted=listed.delisted,
            sentence=listed.sentence,
        )


def rank_of(found: Found) -> tuple[object, ...]:
    """Return what equally good finds of several exchanges are sorted by."""
    listed = Listed(found.spec, found.turnover, found.delisted)
    return _rank(listed, names_of(found.spec))


def _rank(listed: Listed, names: Names) -> tuple[object, ...]:
    usual = USUAL_QUOTES.index(names.quote) if names.quote in USUAL_QUOTES else len(USUAL_QUOTES)
    symbol = listed.spec.instrument.symbol
    contract = names.kind is not InstrumentKind.SPOT
    return (listed.delisted, -(listed.turnover or 0.0), contract, usual, len(symbol), symbol)


def _better(left: Fits, right: Fits) -> Fits:
    merged = dict(left)
    for number, match in right.items():
        merged[number] = min(match, merged.get(number, match))
    return merged


def _fewer(counted: Iterable[tuple[int, int]]) -> Slips:
    slips: Slips = {}
    for number, count in counted:
        slips[number] = min(count, slips.get(number, count))
    return slips


def _in_all(of_words: Sequence[Mapping[int, object]]) -> Iterator[int]:
    smallest = min(of_words, key=len)
    return (number for number in smallest if all(number in each for each in of_words))


def _own_names(names: Names) -> Iterable[str]:
    return (fold(names.base), fold(names.name), *(fold(other) for other in names.also))


def _inner_words(names: Names) -> Iterable[str]:
    # The words of Bitcoin Cash after the first, and PEPE in 1000PEPE.
    inner = {word for name in (names.name, *names.also) for word in words_of(name)[1:] if len(word) > 1}
    return (*inner, fold(names.base).lstrip("0123456789"))


def _quote_names(names: Names) -> Iterable[str]:
    return (fold(names.quote), fold(names.quote_name), *words_of(names.quote_name)[1:])
