"""What every benchmark needs: servers that start and end with it, load, medians, and the document."""

import contextlib
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.plots import redraw

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "performance.md"
SERVER_CORE = "0"
LOAD_CORE = "1"
START_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 20.0


def free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def server(command: Sequence[str], environment: Mapping[str, str], probe_url: str) -> Iterator[int]:
    """Run a server on the core for servers, and yield its process id when it answers."""
    pinned = ["taskset", "-c", SERVER_CORE, *command]
    process = subprocess.Popen(
        pinned,
        cwd=ROOT,
        env=os.environ | dict(environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(probe_url, process)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    ends_s = time.monotonic() + START_TIMEOUT_S
    while True:
        if process.poll() is not None:
            raise SystemExit(f"The server for {url} ended with exit code {process.returncode}.")
        try:
            fetch(url)
        except OSError:
            if time.monotonic() > ends_s:
                raise
            time.sleep(0.1)
        else:
            return


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return bytes(answer.read())


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process and its children have used."""
    total = 0.0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if int(path.parent.name) == pid or int(fields[1]) == pid:
                total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


@dataclass(frozen=True)
class Load:
    """What a server did in one run."""

    per_second: float
    per_cpu_second: float


def put_load(url: str, pid: int, *, seconds: int, connections: int) -> Load:
    """Return what wrk on the other core gets out of a server; every answer must be a good one."""
    before_s = cpu_seconds(pid)
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not there: install it with your system's packages (benchmarks/README.md).")
    done = subprocess.run(
        ["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", url],
        check=True,
        capture_output=True,
        text=True,
    )
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise SystemExit(f"{url} answered badly under load:\n{done.stdout}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    count = re.search(r"(\d+) requests in", done.stdout)
    if rate is None or count is None:
        raise SystemExit(f"wrk said something unexpected:\n{done.stdout}")
    used_s = cpu_seconds(pid) - before_s
    return Load(float(rate[1]), int(count[1]) / max(used_s, 0.01))


def spread(values: Sequence[float]) -> str:
    """Return the median and the range: ``2,777 (2,610 to 2,840)``."""
    return f"{statistics.median(values):,.0f} ({min(values):,.0f} to {max(values):,.0f})"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write_section(name: str, text: str, path: Path = DOCUMENT) -> None:
    """Replace what stands between the markers of a section of docs/performance.md, or of another page."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    document = path.read_text()
    before, found, rest = document.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise SystemExit(f"docs/{path.name} has no place for {name}.")
    path.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}")
    redraw(path)
