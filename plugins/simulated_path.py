"""The trades of the simulated market, as a pure function of seed, symbol and second.

Nothing is kept and nothing is drawn from a random stream: any second of any year is computed alone, and
gives the same trade whoever asks, in whatever stretch. Only additions and multiplications are used on
floats, so every machine computes the same digits. Seconds (``_s``) count from ``ORIGIN_MS``.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

ORIGIN_MS = 1_704_067_200_000  # 2024-01-01T00:00Z, when the simulated market opened
YEAR_S = 31_557_600

# Prices are fixed by hash every 2**25 s (about 388 days); between them midpoints are displaced, again and
# again down to the second, which is how a Brownian path is built without walking it.
COARSEST_LEVEL = 25
# Runs of about three days, each some 500 bytes.
REMEMBERED_LEVEL, REMEMBERED_RUN, REMEMBERED_RUNS = 12, 64, 256
# Long swings are held back, so that a price stays recognisable over the years.
LARGEST_DISPLACEMENT = 0.08
ANCHOR_SPREAD = 0.2
UNIFORM_DEVIATION = 12**-0.5

# A block of about 18 hours holds one jump or none: about three and a half a week.
JUMP_BLOCK_BITS = 16
JUMP_CHANCE_OF_256 = 97
JUMP_SMALLEST, JUMP_RANGE = 0.015, 0.025
JUMP_RISE_S = 8
USUAL_VOLATILITY = 0.6
# Amounts swell after a jump, and differ from one quarter of an hour to the next; in sixteenths.
BURST_S = 900
BURST_SIXTEENTHS = 144
ACTIVITY_BLOCK_BITS = 10
# A thin instrument is silent for whole blocks of 2.3 hours, and seldom trades in the others.
SILENT_BLOCK_BITS = 13
SILENT_CHANCE_OF_256 = 90

STIR_1, STIR_2, STIR_3 = (
    np.uint64(word) for word in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
)


@dataclass(frozen=True, slots=True)
class SimulatedInstrument:
    """Describe one instrument: prices are whole ticks, amounts whole lots.

    ``amount_step`` is a power of two or a whole number, so that sums of amounts are exact in floats.
    ``trade_every_s`` is 1 for an instrument that trades each second, more for a thin one.
    """

    symbol: str
    description: str
    spoken_name: str
    typical_ticks: int
    ticks_per_unit: int
    amount_step: float
    largest_lots: int
    volatility: float = USUAL_VOLATILITY
    trade_every_s: int = 1


@dataclass(frozen=True, slots=True)
class Columns:
    """Hold trades or bars column by column: opens in seconds, prices in ticks, volumes in lots."""

    open_s: Whole
    open: Whole
    high: Whole
    low: Whole
    close: Whole
    lots: Whole


@dataclass(frozen=True, slots=True)
class _Jump:
    onset_s: int
    end_s: int
    size: float

    @property
    def wearing(self) -> float:
        return self.size / (self.end_s - self.onset_s)


def key_of(*parts: object) -> int:
    """Return 64 bits that depend on every part, the same on every machine."""
    text = ":".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


class SimulatedPath:
    """Compute the trades of one instrument under one seed."""

    def __init__(self, seed: int, instrument: SimulatedInstrument) -> None:
        self.instrument = instrument
        self._keys = {
            purpose: np.uint64(key_of(seed, instrument.symbol, purpose))
            for purpose in ("anchor", "path", "jump", "trade", "activity", "silence")
        }
        # Neighbouring seconds lie under the same coarse nodes, so those are worth remembering.
        self._remembered_nodes = lru_cache(REMEMBERED_RUNS)(self._nodes)

    def trades(self, first_s: int, last_s: int) -> Columns:
        """Return every trade from the first to the last second, both included, oldest first."""
        first_s = max(first_s, 0)
        seconds = np.arange(first_s, max(last_s + 1, first_s), dtype=np.int64)
        if not len(seconds):
            return Columns(*[seconds] * 6)
        jumps = self._jumps(first_s, last_s)
        words = self._words("trade", seconds)
        ticks = self._ticks(first_s, last_s, jumps)
        lots = self._lots(seconds, words, jumps)
        if self.instrument.trade_every_s > 1:
            traded = self._traded(seconds, words)
            seconds, ticks, lots = seconds[traded], ticks[traded], lots[traded]
        return Columns(seconds, ticks, ticks, ticks, ticks, lots)

    def _words(self, purpose: str, numbers: Whole) -> Words:
        # splitmix64: well-mixed words from consecutive numbers.
        words = numbers.astype(np.uint64) * STIR_1
        words += self._keys[purpose]
        words ^= words >> np.uint64(30)
        words *= STIR_2
        words ^= words >> np.uint64(27)
        words *= STIR_3
        words ^= words >> np.uint64(31)
        return words

    def _centred(self, purpose: str, numbers: Whole) -> Floats:
        # Each word, read as a signed number, as a float from -0.5 to 0.5.
        signed = self._words(purpose, numbers).view(np.int64)
        return np.multiply(signed, 2.0**-64, dtype=np.float64)

    def _ticks(self, first_s: int, last_s: int, jumps: list[_Jump]) -> Whole:
        prices = self._nodes(0, first_s, last_s)
        for jump in jumps:
            begin = max(jump.onset_s, first_s)
            end = min(jump.end_s, last_s + 1)
            # The jump wears off slowly, so that its block can be computed without those before it.
            factors = np.arange(jump.end_s - begin, jump.end_s - end, -1) * jump.wearing
            rising = np.arange(begin, min(jump.onset_s + JUMP_RISE_S, end)) - jump.onset_s
            factors[: len(rising)] *= rising * (1 / JUMP_RISE_S)
            factors += 1.0
            prices[begin - first_s : end - first_s] *= factors
        np.rint(prices, out=prices)
        return np.maximum(prices, 1.0, out=prices).astype(np.int64)

    def _nodes(self, level: int, low: int, high: int) -> Floats:
        # The undisturbed prices, in ticks, at the multiples from low to high of 2**level seconds.
        if level == COARSEST_LEVEL:
            spread = 2 * ANCHOR_SPREAD * self._centred("anchor", np.arange(low, high + 1))
            return self.instrument.typical_ticks * (1.0 + spread)
        parent_low, parent_high = low >> 1, (high + 1) >> 1
        if level + 1 == REMEMBERED_LEVEL:
            parent_low = parent_low // REMEMBERED_RUN * REMEMBERED_RUN
            parent_high = -(-parent_high // REMEMBERED_RUN) * REMEMBERED_RUN
            parents = self._remembered_nodes(level + 1, parent_low, parent_high)
        else:
            parents = self._nodes(level + 1, parent_low, parent_high)
        middles = np.arange(2 * parent_low + 1, 2 * parent_high, 2) << level
        factors = self._centred("path", middles)
        factors *= 0.5 * self._displacement(level)
        factors += 0.5
        nodes = np.empty(2 * len(parents) - 1)
        nodes[::2] = parents
        nodes[1::2] = (parents[:-1] + parents[1:]) * factors
        return nodes[low - 2 * parent_low : high - 2 * parent_low + 1]

    def _displacement(self, level: int) -> float:
        # The midpoint of a Brownian bridge over 2**(level + 1) seconds deviates by half its root.
        deviation = 0.5 * self.instrument.volatility * (2.0 ** (level + 1) / YEAR_S) ** 0.5
        return float(min(deviation, LARGEST_DISPLACEMENT) / UNIFORM_DEVIATION)

    def _jumps(self, first_s: int, last_s: int) -> list[_Jump]:
        blocks = np.arange(first_s >> JUMP_BLOCK_BITS, (last_s >> JUMP_BLOCK_BITS) + 1)
        jumps = []
        for block, word in zip(blocks.tolist(), self._words("jump", blocks).tolist(), strict=True):
            onset_s = (block << JUMP_BLOCK_BITS) + (word >> 8 & 0x3FFF)
            if word & 0xFF >= JUMP_CHANCE_OF_256 or onset_s > last_s:
                continue
            size = JUMP_SMALLEST + JUMP_RANGE * ((word >> 24 & 0xFFFF) / 65536)
            size *= self.instrument.volatility / USUAL_VOLATILITY * (1 if word >> 40 & 1 else -1)
            jumps.append(_Jump(onset_s, (block + 1) << JUMP_BLOCK_BITS, size))
        return [jump for jump in jumps if jump.end_s > first_s]

    def _lots(self, seconds: Whole, words: Words, jumps: list[_Jump]) -> Whole:
        activity = self._activity(int(seconds[0]), int(seconds[-1]))
        for jump in jumps:
            since = np.arange(max(jump.onset_s, seconds[0]), min(jump.onset_s + BURST_S, seconds[-1] + 1))
            burst = BURST_SIXTEENTHS * (BURST_S + jump.onset_s - since) // BURST_S
            activity[since - seconds[0]] += burst
        # A cube makes small trades common and large ones rare.
        draw = (words & np.uint64(0xFFFF)).view(np.int64)
        lots = draw * draw
        lots *= draw
        lots >>= 32
        lots *= activity
        lots *= self.instrument.largest_lots
        lots >>= 20
        lots += 1
        return lots

    def _activity(self, first_s: int, last_s: int) -> Whole:
        # How busy each second is, in sixteenths: from a half to three times the usual.
        blocks = np.arange(first_s >> ACTIVITY_BLOCK_BITS, (last_s >> ACTIVITY_BLOCK_BITS) + 1)
        levels = (self._words("activity", blocks) % np.uint64(41) + np.uint64(8)).view(np.int64)
        offset = first_s & ((1 << ACTIVITY_BLOCK_BITS) - 1)
        return np.repeat(levels, 1 << ACTIVITY_BLOCK_BITS)[offset : offset + last_s - first_s + 1]

    def _traded(self, seconds: Whole, words: Words) -> NDArray[np.bool_]:
        blocks = seconds >> SILENT_BLOCK_BITS
        silences = self._words("silence", np.arange(blocks[0], blocks[-1] + 1))
        awake = (silences & np.uint64(0xFF)) >= SILENT_CHANCE_OF_256
        drawn = (words >> np.uint64(32)) < 2**32 // self.instrument.trade_every_s
        both: NDArray[np.bool_] = drawn & awake[blocks - blocks[0]]
        return both
