"""How an English sentence is taken apart, and whether a price, a time or a change in it is true."""

import functools
import itertools
import re
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Context, Decimal

from tests.narration.truth import Truth, percent

NUMBER = r"\d[\d,]*(?:\.\d+)?"
CHANGE = rf"(?:unchanged|(?:up|down) {NUMBER} percent)"
TIME = r"(?:week of )?(?:\d{1,2} )?[A-Z][a-z]+(?: \d{4})?(?:, \d\d:\d\d(?::\d\d)?)?"
Said = dict[str, str]
Checks = Iterator[tuple[str, bool]]


@functools.cache
def pattern(template: str) -> re.Pattern[str]:
    """Return the pattern of a sentence: ``{price}`` is a number, ``{at}`` a time, ``{change}`` a change."""
    parts = re.split(r"\{(\w+)\}", template)
    kinds = {
        "change": CHANGE,
        "name": ".+?",
        "what": ".+?",
        "rule": ".+",
        "timeframe": r"\d+ \w+",
        "newest": "The last pattern",
        "clock": rf"{TIME}|\d\d:\d\d",
    }
    texts = []
    for number, part in enumerate(parts):
        kind = kinds.get(part, TIME if part.startswith("at") else NUMBER)
        texts.append(rf"(?P<{part}>{kind})" if number % 2 else re.escape(part))
    return re.compile("".join(texts))


class Listener:
    """Hold each sentence about one history against the truth."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self.bars = truth.bars
        self.last = len(truth.bars) - 1
        self.turn, self.ends = self.truth.turn if len(self.bars) > 1 else (Decimal(0), [])
        self.legs = list(itertools.pairwise(self.ends))

    def says_price(self, said: str, field: str, number: int) -> bool:
        return said == self.truth.price_text(self.truth.prices[field][number])

    def says_time(self, said: str, number: int) -> bool:
        return said == self.truth.time(self.bars[number].open_time_ms)

    def says_change(self, said: str, first: Decimal, last: Decimal) -> bool:
        direction = "unchanged" if first == last else "up" if last > first else "down"
        return said.split(maxsplit=1)[0] == direction and (
            direction == "unchanged" or number(said) == abs(percent(first, last))
        )

    def says_volume(self, said: str, volume: Decimal) -> bool:
        return number(said) == significant_volume(volume) and said == f"{number(said):,f}"

    def says_leg(self, said: Said, leg: tuple[int, int]) -> Checks:
        first, last = leg
        closes = self.truth.closes
        yield "change", self.says_change(said["change"], closes[first], closes[last])
        for name, each in (("price_1", first), ("price_2", last)):
            if name in said:
                yield name, self.says_price(said[name], "close", each)
        for name, each in (("at_1", first), ("at_2", last)):
            if name in said:
                yield name, self.says_time(said[name], each)


def number(said: str) -> Decimal:
    """Return the one number of a text."""
    (found,) = re.findall(NUMBER, said)
    return Decimal(found.replace(",", ""))


def significant_volume(volume: Decimal) -> Decimal:
    """Return a volume as it is said: four digits."""
    return Context(prec=4, rounding=ROUND_HALF_EVEN).plus(volume)
