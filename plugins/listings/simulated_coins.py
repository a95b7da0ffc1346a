"""The simulated coins and what they are worth, as a pure function of seed, coin and second.

Coins that trade in the simulated market have its prices. The others are made up, names and all, so that
nobody takes them for real ones; some share a symbol, as real ones do. Seconds count from the epoch.
"""

from dataclasses import dataclass
from functools import cache, lru_cache

from plugins.simulated_instruments import INSTRUMENTS
from plugins.simulated_path import ORIGIN_MS, SimulatedPath, key_of
from utils.domain import SECOND_MS

COINS = 1_000
ORIGIN_S = ORIGIN_MS // SECOND_MS
# Prices that are made up wander about the base, in waves of 17 minutes to half a year; each is four times
# as long as the one before it and twice as high, so that all of them together stay below a half.
WAVE_SHORTEST_BITS, WAVE_LONGEST_BITS, WAVE_STEP_BITS = 10, 24, 2
WAVE_HIGHEST = 0.25
# Before anybody can look: nothing that is simulated ever comes near them.
HIGH_FACTOR, LOW_FACTOR = 4.0, 0.05
HIGH_MS, LOW_MS = 1_636_502_400_000, 1_584_057_600_000
# The traded coins are the largest; of the others each is worth a little less than the one before it.
LARGEST_CAP, CAP_RATIO = 8e9, 0.985
DIGITS = 10

ONSETS = (
    "Al",
    "Bre",
    "Cor",
    "Dun",
    "El",
    "Fa",
    "Gri",
    "Hal",
    "Ist",
    "Jo",
    "Kel",
    "Lum",
    "Mar",
    "Nor",
    "Or",
    "Pel",
)
MIDDLES = ("a", "ova", "ide", "ume", "ora", "ili", "ena", "ogo")
ENDS = ("x", "dor", "mint", "ra", "tis", "vane", "zel", "coin")


@dataclass(frozen=True, slots=True)
class SimulatedCoin:
    """Describe one coin; ``traded_as`` is its symbol in the simulated market, "" for none."""

    coin_id: str
    symbol: str
    name: str
    base_price: float
    supply: float
    max_supply: float | None = None
    traded_as: str = ""


TRADED = (
    SimulatedCoin("bitcoin", "BTC", "Bitcoin", 67_000.0, 19_700_000.0, 21_000_000.0, "BTC/USD"),
    SimulatedCoin("ethereum", "ETH", "Ethereum", 3_450.0, 120_000_000.0, None, "ETH/USD"),
    SimulatedCoin("solana", "SOL", "Solana", 175.0, 460_000_000.0, None, "SOL/USD"),
    SimulatedCoin("dogecoin", "DOGE", "Dogecoin", 0.1625, 144_000_000_000.0, None, "DOGE/USD"),
)


@cache
def coins() -> tuple[SimulatedCoin, ...]:
    """Return every coin, each id once."""
    made = tuple(_made_up(number) for number in range(COINS - len(TRADED)))
    return TRADED + made


class SimulatedPrices:
    """Tell what coins are worth under one seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        rows = {row.symbol: row for row in INSTRUMENTS}
        self._paths = {coin.traded_as: SimulatedPath(seed, rows[coin.traded_as]) for coin in TRADED}
        # A list of all coins, each with five prices, is asked for again and again within its minute.
        self.price = lru_cache(5 * COINS)(self._price)

    def _price(self, coin: SimulatedCoin, time_s: int) -> float:
        path = self._paths.get(coin.traded_as)
        if path is not None:
            second = max(time_s - ORIGIN_S, 0)
            ticks = path.trades(second, second).close[-1]
            return float(ticks) / path.instrument.ticks_per_unit
        factor, height = 1.0, WAVE_HIGHEST
        for bits in range(WAVE_LONGEST_BITS, WAVE_SHORTEST_BITS - 1, -WAVE_STEP_BITS):
            factor += height * self._wave(coin.coin_id, bits, time_s)
            height *= 0.5
        return _rounded(coin.base_price * factor)

    def volume_24h(self, coin: SimulatedCoin, time_s: int) -> float:
        """Return a turnover of 1 to 11 percent of all there is, another one each hour."""
        share = 0.01 + 0.1 * _unit(key_of(self._seed, coin.coin_id, "volume", time_s // 3_600))
        return _rounded(self.price(coin, time_s) * coin.supply * share)

    def _wave(self, coin_id: str, bits: int, time_s: int) -> float:
        # From -1 to 1, straight from one corner to the next.
        corner, rest = time_s >> bits, time_s & ((1 << bits) - 1)
        begin, end = (
            2.0 * _unit(key_of(self._seed, coin_id, bits, number)) - 1.0 for number in (corner, corner + 1)
        )
        return begin + (end - begin) * (rest * 2.0**-bits)


def _made_up(number: int) -> SimulatedCoin:
    # Every combination of the three parts comes once.
    rest, onset = divmod(number * 7, len(ONSETS))
    key = key_of("coin", number)
    name = ONSETS[onset] + MIDDLES[rest % len(MIDDLES)] + ENDS[rest // len(MIDDLES) % len(ENDS)]
    cap = LARGEST_CAP * CAP_RATIO**number * (0.9 + 0.2 * _unit(key))
    base_price = _rounded(10.0 ** (key % 7 - 4) * (1.0 + 8.0 * _unit(key >> 8)))
    supply = _rounded(cap / base_price)
    most = _rounded(supply * 1.5) if key & 1 else None
    return SimulatedCoin(f"{name.lower()}-{number}", name[:3].upper(), name, base_price, supply, most)


def _unit(key: int) -> float:
    return (key & 0xFFFFFFFF) * 2.0**-32


def _rounded(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")
