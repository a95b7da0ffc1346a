"""What deciding about one update costs, for each client that listens: ``python benchmarks/announce.py``.

One topic, as many listenings as said, a random walk. The topic is read once for all; each then decides
for itself. Words are made only for what is said, and once for all who say the same. The target is at most 50
microseconds a client at 1,000 clients.
"""

import argparse
import asyncio
import random
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from services.announcing.listening import Listening
from services.announcing.preferences import Mode, MoveThreshold, MoveUnit, Preferences
from services.announcing.tape import TopicTape
from services.announcing.wording import Steps
from utils.clock import Clock
from utils.domain import Bar, BarState, Instrument, Timeframe, Topic

TOPIC = Topic(Instrument("crypto", "x", "BTC/USD"), Timeframe.parse("1m"))
START_MS = 1_795_262_400_000
STEPS = Steps.of(0.01, 0.0001)
TARGET_US = 50.0


def listenings(count: int, clock: Clock, *, same: bool) -> tuple[list[Listening], list[int]]:
    """Return that many listenings, all alike or each with its own threshold, and the counter of messages."""
    rng, said, made = random.Random(7), [0], []

    def post(_: object) -> None:
        said[0] += 1

    for _ in range(count):
        amount = 0.5 if same else rng.uniform(0.1, 2.0)
        preferences = Preferences(mode=Mode.ALL, move=MoveThreshold(MoveUnit.PERCENT, amount))
        listening = Listening(preferences, clock=clock, post=post, steps_of=lambda _: STEPS)
        listening.begin(TOPIC, None)
        listening.confirm(TOPIC)
        made.append(listening)
    return made, said


async def measure(clients: int, updates: int, per_s: int, *, same: bool) -> tuple[list[float], int]:
    """Return the microseconds that each update took a client, and how many messages there were."""
    rng, now = random.Random(1), [START_MS]
    clock = Clock(now_ms=lambda: now[0])
    made, said = listenings(clients, clock, same=same)
    tape, price, bar, costs = TopicTape(TOPIC), 60_000.0, None, []
    for number in range(updates):
        now[0] = START_MS + number * 1_000 // per_s
        price = round(price * (1 + rng.gauss(0, 0.0006) / per_s**0.5), 2)
        open_ms = TOPIC.timeframe.floor(now[0])
        events = []
        if bar is not None and bar.open_time_ms == open_ms:
            high, low = max(bar.high, price), min(bar.low, price)
            bar = replace(bar, high=high, low=low, close=price, volume=bar.volume + 1)
        else:
            events += [bar.closed()] if bar is not None else []
            bar = Bar(open_ms, price, price, price, price, 1.0, BarState.FORMING)
        events.append(bar)
        began = time.perf_counter()
        for event in events:
            news = tape.observe(event, now[0])
            for listening in made:
                listening.hear(news)
        if number % per_s == 0:
            for listening in made:
                listening.due()
        costs.append((time.perf_counter() - began) / clients * 1e6)
        await asyncio.sleep(0)
    for listening in made:
        listening.close()
    return costs, said[0]


def main() -> None:
    """Print the cost of an update for each client: median, 99th percentile and mean."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=1_000)
    parser.add_argument("--updates", type=int, default=3_000)
    parser.add_argument("--per-second", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    for same in (True, False):
        rounds = []
        for _ in range(arguments.rounds):
            costs, _ = asyncio.run(
                measure(arguments.clients, arguments.updates, arguments.per_second, same=same)
            )
            ordered = sorted(costs)
            p99 = ordered[int(len(ordered) * 0.99)]
            rounds.append((statistics.median(ordered), p99, statistics.fmean(ordered)))
        median, p99, mean = (statistics.median(values) for values in zip(*rounds, strict=True))
        who = "all alike" if same else "each with a threshold of its own"
        verdict = "within" if mean <= TARGET_US else "above"
        print(
            f"{arguments.clients} clients, {who}: median {median:.1f}, p99 {p99:.1f}, mean {mean:.1f} "
            f"microseconds an update and client; {verdict} {TARGET_US:g}"
        )


if __name__ == "__main__":
    main()
