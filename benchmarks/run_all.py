"""Run every comparison one after another, write the documents, and draw their plots.

``python benchmarks/run_all.py --peers-python PATH --locust PATH [--only NAMES] [--small]``

Each is a process of its own, and ends before the next one begins. ``--small`` asks for little, writes
nothing, and is for seeing that everything runs; its figures mean nothing. A comparison that fails is named at
the end, and what stood in the document stays. The long form takes about an hour.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.plots import DOCS, PLOTS, redraw  # noqa: E402 - the benchmarks are found by their path

PEERS, LOCUST = "--peers-python", "--locust"
TIMEOUT_S = 3_600


@dataclass(frozen=True)
class Comparison:
    """One script: what it is asked for, also when only tried, what it needs, and a setting it cannot lack."""

    name: str
    options: tuple[str, ...] = ()
    small: tuple[str, ...] = ()
    needs: str = ""
    writes: bool = True
    setting: str = ""


COMPARISONS = (
    Comparison("history", ("--repeats", "5"), ("--repeats", "1", "--seconds", "1"), PEERS),
    Comparison("derived", ("--repeats", "7"), ("--repeats", "1")),
    Comparison("ingest", ("--repeats", "7"), ("--repeats", "1", "--rows", "200000")),
    Comparison(
        "fanout",
        ("--repeats", "5"),
        ("--repeats", "1", "--seconds", "0.5", "--servers", "hypercorn", "--parts", "stalled"),
        PEERS,
    ),
    Comparison("timescale", (), ("--repeats", "1", "--days", "2"), setting="TIMESCALE_TEST_DSN"),
    Comparison("describe", (), ("--repeats", "2")),
    Comparison("bystanders", (), ("--repeats", "1", "--seconds", "2")),
    Comparison("same_answer", (), ("--tries", "5")),
    Comparison("search", (), ("--instruments", "100", "--repeats", "1")),
    Comparison("coins", (), ("--coins", "200", "--repeats", "1")),
    Comparison("announce", (), ("--clients", "50", "--updates", "100", "--rounds", "1"), writes=False),
    Comparison("speech_latency", (), ("--crossings", "2"), writes=False),
    Comparison("use", ("--users", "50", "--seconds", "60"), ("--users", "3", "--seconds", "8"), LOCUST),
    Comparison("scaling", ("--measure", "--keep"), ("--listeners", "1000")),
)
NAMES = tuple(each.name for each in COMPARISONS)


def command(comparison: Comparison, paths: dict[str, str], *, small: bool) -> list[str]:
    """Return how the comparison is started."""
    options = comparison.small if small else comparison.options
    needed = (comparison.needs, paths[comparison.needs]) if comparison.needs else ()
    writing = ("--write",) if comparison.writes and not small else ()
    return [sys.executable, f"benchmarks/{comparison.name}.py", *options, *needed, *writing]


def run(chosen: Sequence[Comparison], paths: dict[str, str], *, small: bool) -> list[str]:
    """Run them in order, and return a line for each that did not end well."""
    failed = []
    for comparison in chosen:
        if comparison.setting and not os.environ.get(comparison.setting):
            print(f"\n{comparison.name} is left out, because {comparison.setting} is not set.", flush=True)
            continue
        asked = command(comparison, paths, small=small)
        print(f"\n{comparison.name}: {' '.join(asked[1:])}", flush=True)
        began_s = time.monotonic()
        try:
            code = subprocess.run(asked, cwd=ROOT, check=False, timeout=TIMEOUT_S).returncode
        except subprocess.TimeoutExpired:
            code = -1
        print(f"{comparison.name} took {time.monotonic() - began_s:.0f} seconds.", flush=True)
        if code:
            failed.append(f"{comparison.name} ended with {code}")
    return failed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(PEERS, help="Python of an environment with the peers")
    parser.add_argument(LOCUST, help="the program locust of an environment of its own")
    parser.add_argument("--only", default=",".join(NAMES), help="which, with commas between them")
    parser.add_argument("--small", action="store_true", help="only see that everything runs")
    options = parser.parse_args()
    unknown = {*options.only.split(",")} - {*NAMES}
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    chosen = [each for each in COMPARISONS if each.name in options.only.split(",")]
    paths = {PEERS: options.peers_python, LOCUST: options.locust}
    lacking = {each.needs for each in chosen if each.needs and not paths[each.needs]}
    if lacking:
        parser.error(f"{', '.join(sorted(lacking))} must be given, or leave out what needs it with --only")
    failed = run(chosen, paths, small=options.small)
    if not options.small:
        for page in dict.fromkeys(plot.page for plot in PLOTS):
            redraw(DOCS / page)
    if failed:
        raise SystemExit("\n".join(failed))


if __name__ == "__main__":
    main()
