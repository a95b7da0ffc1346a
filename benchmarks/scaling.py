"""What breaks first at a thousand, a hundred thousand and ten million listeners, and what each costs.

``python benchmarks/scaling.py [--listeners 1000,100000,10000000] [--core 1 --gib 1 --gbit 1] [--write]``
``python benchmarks/scaling.py --measure [--seconds 3] [--keep] [--write]``

Without ``--measure`` it calculates and simulates from the figures in ``scaling_figures.json``. With it, one
worker of this machine is measured by its own figures: what was predicted stands beside what was seen.
``--write`` puts the tables between the markers of docs/scaling.md. The formulae are in that document and in
``scaling_model.py``; prices are yours to give, per core, GiB and Gbit/s and month.
"""

import argparse
import contextlib
import math
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from app_extensions.embedded import embedded_servers  # noqa: E402 - the product is found by its path
from app_extensions.migrations import migrate_blocking  # noqa: E402
from benchmarks.fanout import Bench  # noqa: E402
from benchmarks.harness import LOAD_CORE, table, write_section  # noqa: E402
from benchmarks.scaling_measure import (  # noqa: E402
    KEPT,
    Checked,
    keep,
    kept,
    measure_checks,
    measure_figures,
    measure_knee,
)
from benchmarks.scaling_model import (  # noqa: E402
    BUSY,
    READING,
    Basis,
    Deployment,
    Figures,
    Need,
    Prices,
    breaks_at,
    crowd_of,
    deploy,
    needs_of,
    web_workers,
    without_rest,
)
from benchmarks.scaling_simulation import simulate  # noqa: E402

DOCUMENT = ROOT / "docs" / "scaling.md"
LISTENERS = (1_000, 100_000, 10_000_000)
SIMULATED_MAX = 1_000_000
UNITS = {"_core": "of a core", "_kib": "KiB", "_mib": "MiB", "_bytes": "bytes"}


def shown(seconds: float) -> str:
    return f"{seconds * 1e6:,.1f} microseconds" if seconds < 1e-3 else f"{seconds * 1e3:,.2f} ms"


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def report_figures(figures: Figures) -> str:
    rows = []
    for name, value in asdict(figures).items():
        unit = next((unit for part, unit in UNITS.items() if part in name), "")
        rows.append([f"`{name}`", f"{number(value)} {unit}" if unit else shown(value)])
    return table(["figure", "measured"], rows)


def report_limits(basis: Basis) -> str:
    """Return what there is one of, and from how many listeners on that is not enough."""
    _, known = needs_of(crowd_of(1_000, basis.habits), basis)
    known.append(Need(READING, 0.0, BUSY, "cores"))
    found = [(breaks_at(need.name, basis), need) for need in known]
    rows = [
        [
            need.name,
            f"{number(need.has)} {need.unit}",
            "beyond those above" if math.isinf(at) else f"{significant(at):,}",
        ]
        for at, need in sorted(found, key=lambda each: each[0])
    ]
    return table(["what there is one of", "it has at most", "too little from about, listeners"], rows)


def significant(value: float) -> int:
    """Return a number with two digits that mean something: more would be a lie."""
    digits = 1 - math.floor(math.log10(value)) if value >= 1 else 0
    return round(round(value, digits))


def report_path(basis: Basis, sizes: Sequence[int]) -> str:
    """Return the simulated live path of one deployment, with the rest of readers and without it."""
    rows = []
    for listeners in (each for each in sizes if each <= SIMULATED_MAX):
        crowd = crowd_of(listeners, basis.habits)
        workers = web_workers(crowd, basis)
        for rests, tried in (("yes", basis), ("no", without_rest(basis))):
            heard = simulate(crowd, workers, tried)
            row = [f"{listeners:,}", f"{crowd.topics:,}", f"{workers:,}", rests]
            row += [f"{heard.p50_ms:,.0f}", f"{heard.p99_ms:,.0f}", f"{heard.reads_per_s:,.0f}"]
            rows.append([*row, *(f"{min(1.0, busy):.2f}" for busy in (heard.valkey_busy, heard.worker_busy))])
    header = ["listeners", "topics", "web workers", "readers rest", "p50 ms", "p99 ms", "reads/s"]
    return table([*header, "Valkey busy", "worker busy"], rows)


def report_deployments(deployments: Sequence[Deployment], prices: Prices) -> str:
    rows = []
    for each in deployments:
        machines = ", ".join(f"{count} {kind}" for kind, count in each.machines.items())
        row = [f"{each.listeners:,.0f}", f"{each.cells:,}", f"{each.web_workers:,}", f"{each.cores:,}"]
        row += [f"{each.gib:,.1f}", f"{each.gbit_per_s:,.2f}", each.fullest.name, machines]
        rows.append([*row, f"{prices.month(each):,.0f}"])
    header = ["listeners", "cells", "web workers", "cores", "GiB", "Gbit/s", "fullest", "machines"]
    return table([*header, "a month"], rows)


def report_checks(checks: Sequence[Checked]) -> str:
    rows = []
    for each in checks:
        latencies = zip(each.predicted_ms, each.measured_ms, strict=True)
        row = [f"{each.listeners:,}", f"{each.rate:g}"]
        row += [f"{each.predicted_core:.2f}", f"{each.measured_core:.2f}"]
        row.append(f"{each.predicted_core / each.measured_core - 1:+.0%}")
        rows.append([*row, *(f"{value:.0f}" for pair in latencies for value in pair)])
    header = ["listeners", "updates/s", "core, predicted", "core, measured", "off by"]
    header += ["p50 ms, predicted", "p50 ms, measured", "p99 ms, predicted", "p99 ms, measured"]
    return table(header, rows)


def measured(seconds: float, *, keeps: bool) -> tuple[Figures, str]:
    """Measure the figures, then what they predict; loopback only, and nothing stays."""
    os.sched_setaffinity(0, {int(LOAD_CORE)})
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench")))
        addresses = stack.enter_context(embedded_servers(scratch, postgres=True, valkey=True, durable=False))
        dsn, redis_url = addresses.db_connection_string or "", addresses.redis_url or ""
        migrate_blocking(dsn)
        contender, _ = Bench(stack, dsn, redis_url, scratch, sys.executable).ours("hypercorn")
        figures = measure_figures(contender, redis_url, seconds)
        if keeps:
            keep(figures)
        steady = measure_checks(contender.plan, figures, seconds)
        knee = measure_knee(contender.plan, figures, seconds)
    text = f"One topic, evenly paced:\n\n{report_checks(steady)}\n\n"
    text += f"Growing rates, until deliveries are late:\n\n{report_checks(knee)}"
    print(text, flush=True)
    return figures, text


def calculated(basis: Basis, sizes: Sequence[int], prices: Prices) -> str:
    deployments = [deploy(listeners, basis) for listeners in sizes]
    between = sorted({*sizes, 10_000, SIMULATED_MAX})
    return "\n\n".join(
        (
            "One deployment, and nothing done about it:",
            report_limits(basis),
            "The live path of one deployment, simulated:",
            report_path(basis, between),
            "What carries them, each thing busy to 60 percent at most:",
            report_deployments(deployments, prices),
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--listeners", default=",".join(map(str, LISTENERS)), help="how many, with commas")
    parser.add_argument("--core", type=float, default=1.0, help="what a core costs a month")
    parser.add_argument("--gib", type=float, default=0.0, help="what a GiB of memory costs a month")
    parser.add_argument("--gbit", type=float, default=0.0, help="what a Gbit/s costs a month")
    parser.add_argument("--measure", action="store_true", help="measure this machine, and compare")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measured run")
    parser.add_argument("--keep", action="store_true", help=f"write what was measured into {KEPT.name}")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/scaling.md")
    options = parser.parse_args()
    if options.measure:
        figures, text = measured(options.seconds, keeps=options.keep)
        sections = {"scaling checks": f"`python benchmarks/scaling.py --measure`\n\n{text}"}
    else:
        figures, sections = kept(), {}
    if not options.measure or options.keep:
        prices = Prices(options.core, options.gib, options.gbit)
        sizes = [int(each) for each in options.listeners.split(",")]
        sections["scaling figures"] = report_figures(figures)
        sections["scaling"] = f"`python benchmarks/scaling.py`\n\n{calculated(Basis(figures), sizes, prices)}"
    for name, text in sections.items():
        print(text, end="\n\n")
        if options.write:
            write_section(name, text, DOCUMENT)


if __name__ == "__main__":
    main()
