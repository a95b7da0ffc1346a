"""Whether an answer, or the time it takes, tells somebody who guesses that a name exists.

``python benchmarks/same_answer.py [--tries 400] [--write]``

A name that exists with a wrong password, the name of a disabled user and a name that nobody has are tried in
turn, in an order made anew each time. The bodies must be the same but for the id of the request. Of the times
the table gives the difference of the medians, and how often an answer for a name that exists took longer than
one for a name that does not: 0.50 tells nothing.
"""

import argparse
import asyncio
import random
import statistics
import sys
import time
from bisect import bisect_left, bisect_right
from pathlib import Path

import aiohttp
import asyncpg

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.harness import table, write_section  # noqa: E402 - the product is found by its path
from benchmarks.service import client, services  # noqa: E402

PASSWORD, WRONG = "seven herons over a quiet weir", "eight herons over a quiet weir"
KNOWN, DISABLED, UNKNOWN = "ada", "gone", "nemo"
SERVER = "hypercorn"


async def guess(http: aiohttp.ClientSession, name: str) -> tuple[float, tuple[object, ...]]:
    """Return how long a refused sign-in took in milliseconds, and all that can be read from it."""
    began_s = time.perf_counter()
    async with http.post("/auth/login", json={"username": name, "password": WRONG}) as answer:
        body = await answer.json(content_type=None)
    took_ms = (time.perf_counter() - began_s) * 1_000
    body.pop("request_id", None)
    instance = body.pop("instance", "")
    headers = sorted(name for name in answer.headers if name.lower() not in ("date", "x-request-id"))
    shown = {key: str(value) for key, value in body.items()}
    return took_ms, (answer.status, tuple(sorted(shown.items())), len(instance), tuple(headers))


def longer(some: list[float], others: list[float]) -> float:
    """Return how often one of some is above one of the others; half of the equal ones counts."""
    ranked = sorted(others)
    above = sum(bisect_left(ranked, each) + bisect_right(ranked, each) for each in some)
    return above / 2 / len(some) / len(others)


async def measure(port: int, dsn: str, tries: int) -> str:
    took: dict[str, list[float]] = {KNOWN: [], DISABLED: [], UNKNOWN: []}
    bodies = set()
    database = await asyncpg.connect(dsn)
    async with client(port) as http:
        for name in (KNOWN, DISABLED):
            async with http.post("/auth/register", json={"username": name, "password": PASSWORD}) as answer:
                assert answer.status == 201, await answer.text()
    await database.execute("UPDATE app_user SET disabled_at = now() WHERE username = $1", DISABLED)
    for number in range(tries + 3):
        # An address may sign in five times a minute.
        async with client(port) as http, http.get("/live"):
            for name in random.sample(sorted(took), len(took)):
                # Nobody is to wait: that the throttle treats all names alike has tests of its own.
                await database.execute("DELETE FROM sign_in_throttle")
                took_ms, body = await guess(http, name)
                bodies.add(body)
                # The first few find nothing warm.
                took[name] += [took_ms] if number >= 3 else []
    await database.close()
    base = statistics.median(took[UNKNOWN])
    rows = []
    for name, what in ((KNOWN, "exists, wrong password"), (DISABLED, "is disabled")):
        median = statistics.median(took[name])
        rows.append(
            [
                what,
                f"{median:.1f}",
                f"{base:.1f}",
                f"{100 * (median - base) / base:+.1f} %",
                f"{longer(took[name], took[UNKNOWN]):.3f}",
            ]
        )
    header = ["the name", "median ms", "median ms, unknown name", "difference", "took longer"]
    said = "the same" if len(bodies) == 1 else f"of {len(bodies)} kinds"
    return f"{tries} tries of each, status, body and names of headers {said}:\n\n{table(header, rows)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tries", type=int, default=400)
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    arguments = parser.parse_args()
    with services([SERVER]) as running:
        text = asyncio.run(measure(running.ports[SERVER], running.dsn, arguments.tries))
    print(text)
    if arguments.write:
        write_section("same answer", text)


if __name__ == "__main__":
    main()
