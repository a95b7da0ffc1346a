"""Recorded trades of Bitstamp and Binance: the same bars, however they are cut, doubled or resumed."""

import random
from collections.abc import Sequence

import pytest

from services.live.folding import TradeFolder
from tests.exchange import HeldTrade, fold_floats
from tests.exchange.recordings import binance_trades, bitstamp_hour
from utils.domain import MINUTE_MS, BarState, Timeframe, Trade

MINUTE = Timeframe.parse("1m")


def read(held: Sequence[HeldTrade]) -> list[Trade]:
    return [Trade(str(each.id), each.time_ms, float(each.price), float(each.amount)) for each in held]


def folded(folder: TradeFolder, batches: Sequence[Sequence[Trade]]) -> list[tuple[float, ...]]:
    """Fold batch by batch, keeping each bar as it stood when it was last touched."""
    bars = {}
    for batch in batches:
        for open_ms in folder.add(batch):
            bar = folder.bar(open_ms, BarState.CLOSED)
            assert bar is not None
            bars[open_ms] = (open_ms, *bar.values)
    return [bars[open_ms] for open_ms in sorted(bars)]


def cut(trades: Sequence[Trade], rng: random.Random) -> list[list[Trade]]:
    batches, start = [], 0
    while start < len(trades):
        length = rng.choice((1, 2, 5, 40, 300))
        batches.append(list(trades[start : start + length]))
        start += length
    return batches


@pytest.fixture(params=["bitstamp", "binance"])
def held(request: pytest.FixtureRequest) -> Sequence[HeldTrade]:
    return bitstamp_hour() if request.param == "bitstamp" else binance_trades()


@pytest.mark.parametrize("seed", range(5))
def test_batches_of_any_size_give_the_same_bars(held, seed):
    batches = cut(read(held), random.Random(seed))
    assert folded(TradeFolder(MINUTE), batches) == fold_floats(held, MINUTE_MS)


@pytest.mark.parametrize("seed", range(5))
def test_repeated_batches_and_shuffled_ones_give_the_same_bars(held, seed):
    rng = random.Random(seed)
    batches = cut(read(held), rng)
    doubled = []
    for batch in batches:
        rng.shuffle(batch)
        doubled.append(batch)
        if rng.random() < 0.3:
            doubled.append(rng.choice(batches[max(0, len(doubled) - 3) : len(doubled)] or [batch]))
    bars = folded(TradeFolder(MINUTE), doubled)
    expected = fold_floats(held, MINUTE_MS)
    assert [row[:1] + row[2:4] + row[5:] for row in bars] == [
        row[:1] + row[2:4] + row[5:] for row in expected
    ]
    assert bars == expected


@pytest.mark.parametrize("seed", range(5))
def test_a_stream_that_breaks_and_is_resumed_with_an_overlap_gives_the_same_bars(held, seed):
    rng, trades = random.Random(seed), read(held)
    folder, batches, at = TradeFolder(MINUTE), [], 0
    while at < len(trades):
        length = rng.randrange(1, 400)
        batches.append(trades[at : at + length])
        # The exchange sends the last stretch again after a reconnect.
        at = max(0, at + length - rng.randrange(0, min(length, 100)))
    assert folded(folder, batches) == fold_floats(held, MINUTE_MS)
