"""Real use for a minute: pages, histories, live prices and accounts, by people made of locust.

``python benchmarks/use.py --locust PATH [--users 50] [--seconds 60] [--server hypercorn] [--report FILE]
[--write]``

``PATH`` is the ``locust`` of an environment made from ``benchmarks/load/requirements.in``. One worker has
one core; locust, PostgreSQL and Valkey share the other. Everything is on loopback, and ends with this script.
What the people do stands in ``benchmarks/load/locustfile.py``. ``--report`` keeps locust's report, as HTML.
"""

import argparse
import contextlib
import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from app_extensions.embedded import embedded_servers  # noqa: E402 - the product is found by its path
from app_extensions.migrations import migrate_blocking  # noqa: E402
from benchmarks.harness import LOAD_CORE, cpu_seconds, free_port, server, table, write_section  # noqa: E402

USERS_MAX, SECONDS_MAX = 500, 600
# Locust ends its people one by one; what takes longer than this hangs.
ENDING_S = 60
PEOPLE = Path("benchmarks/load/locustfile.py")


@dataclass(frozen=True)
class Asked:
    """How much load, and by whom."""

    locust: str
    users: int
    seconds: int
    server: str
    report: Path


@dataclass(frozen=True)
class Used:
    """What came of it: a row for each kind of request, what was heard live, and the server's core."""

    rows: list[dict[str, str]]
    heard: dict[str, float]
    core: float


def run(asked: Asked, scratch: Path, url: str, pid: int) -> Used:
    told, tally = scratch / "told", scratch / "heard.json"
    before_s = cpu_seconds(pid)
    command = [
        *("taskset", "-c", LOAD_CORE, asked.locust, "--headless", "--only-summary", "-f", str(PEOPLE)),
        *("--host", url, "--users", str(asked.users), "--spawn-rate", str(max(1, asked.users // 5))),
        *("--run-time", f"{asked.seconds}s", "--html", str(asked.report), "--csv", str(told)),
    ]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"LOAD_HEARD": str(tally)},
        capture_output=True,
        text=True,
        timeout=asked.seconds + ENDING_S,
        check=False,
    )
    used_s = cpu_seconds(pid) - before_s
    if not tally.exists():
        raise SystemExit(f"locust failed:\n{done.stdout}\n{done.stderr}")
    with Path(f"{told}_stats.csv").open() as file:
        rows = list(csv.DictReader(file))
    failures = Path(f"{told}_failures.csv").read_text().splitlines()[1:]
    if failures:
        print("\n".join(("Failures:", *failures)), file=sys.stderr)
    return Used(rows, json.loads(tally.read_text()), used_s / asked.seconds)


def report(asked: Asked, used: Used) -> str:
    rows = []
    for row in used.rows:
        name = "all of them" if row["Name"] == "Aggregated" else row["Name"]
        numbers = [
            f"{float(row[each]):,.0f}" for each in ("Request Count", "Failure Count", "50%", "95%", "99%")
        ]
        rows.append([name, *numbers])
    live = used.heard
    text = (
        f"{asked.users} people for {asked.seconds} seconds. The server used {used.core:.2f} of its core.\n"
        f"{live['sockets']:,.0f} sockets were open for {live['seconds']:,.0f} seconds in all, and told "
        f"{live['bars']:,.0f} bars in {live['messages']:,.0f} messages.\n\n"
    )
    return text + table(["what was asked", "times", "failed", "p50 ms", "p95 ms", "p99 ms"], rows)


def bounded(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        number = int(text)
        if not low <= number <= high:
            raise argparse.ArgumentTypeError(f"{number} is not from {low} to {high}")
        return number

    return read


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--locust", required=True, help="the program locust of an environment of its own")
    parser.add_argument("--users", type=bounded(1, USERS_MAX), default=50)
    parser.add_argument("--seconds", type=bounded(5, SECONDS_MAX), default=60)
    parser.add_argument("--server", default="hypercorn", choices=("hypercorn", "uvicorn"))
    parser.add_argument("--report", type=Path, help="where to keep locust's report")
    parser.add_argument("--write", action="store_true", help="write the table into docs/performance.md")
    options = parser.parse_args()
    os.sched_setaffinity(0, {int(LOAD_CORE)})
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench")))
        addresses = stack.enter_context(embedded_servers(scratch, postgres=True, valkey=True, durable=False))
        migrate_blocking(addresses.db_connection_string or "")
        port = free_port()
        environment = {
            "ENV": "development",
            "DB_CONNECTION_STRING": addresses.db_connection_string or "",
            "REDIS_URL": addresses.redis_url or "",
            "VAR_DIR": str(scratch),
            "SERVER": options.server,
            "PORT": str(port),
            # Every person has an address of their own, and more requests than one page needs are not refused.
            "TRUSTED_PROXY_HOPS": "1",
            "RATE_LIMIT_PER_MINUTE": "1000",
            "WS_MAX_PER_ADDRESS": "100",
            "LOG_LEVEL": "WARNING",
        }
        url = f"http://127.0.0.1:{port}"
        pid = stack.enter_context(server([sys.executable, "app.py"], environment, f"{url}/live"))
        kept = (options.report or scratch / "report.html").absolute()
        asked = Asked(options.locust, options.users, options.seconds, options.server, kept)
        text = report(asked, run(asked, scratch, url, pid))
    command = f"python benchmarks/use.py --locust PATH --users {asked.users} --seconds {asked.seconds}"
    text = f"`{command} --server {asked.server}`\n\n{text}"
    print(text)
    if options.write:
        write_section("use", text)


if __name__ == "__main__":
    main()
