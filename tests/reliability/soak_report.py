"""The log of a soak as tables: ``python -m tests.reliability.soak_report DIRECTORY`` condenses it.

The directory holds ``minutes.jsonl``, a line a minute, and the diaries of the workers. With a page named as
well, the tables are put between the marks of that page.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tests.reliability.soak_lives import MIB, Growth, growth_of, lives_in

MINUTES = "minutes.jsonl"
BEGINS, ENDS = "<!-- soak begins -->", "<!-- soak ends -->"
COLUMNS = (
    *("Minute", "Fault", "Questions", "Answered", "503 planned", "Other 5xx", "No answer", "Broken off"),
    *("Closes by code", "Resumed", "Begun anew", "Promises broken"),
    *("Memory MiB", "Clients", "Descriptors", "Tasks"),
)
LIFE_COLUMNS = (
    *("Minutes lived", "MiB after ten minutes", "MiB at the end"),
    *("MiB an hour", "The same with as many clients"),
    *("Files more or less", "Connections to servers, at most", "Own tasks more or less"),
    *("Tasks left over", "Threads more or less", "Unhandled", "Never retrieved"),
)
TEN = 10


def row(cells: Iterable[object]) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def head(columns: tuple[str, ...]) -> list[str]:
    return [row(columns), "|" + "---|" * len(columns)]


def spread(values: list[int]) -> str:
    return " and ".join(str(value) for value in values) or "none"


def codes_of(codes: dict[str, int]) -> str:
    return ", ".join(f"{count} of {code}" for code, count in sorted(codes.items())) or "none"


def row_of(minute: dict) -> str:
    workers = minute["workers"]
    cells = [
        minute["minute"],
        minute["fault"],
        *(minute[name] for name in ("questions", "answered", "planned", "unplanned", "unanswered", "broken")),
        codes_of(minute["codes"]),
        *(minute[name] for name in ("recovered", "anew", "promises")),
        spread([round(worker["rss"] / MIB) for worker in workers]),
        *(spread([worker[name] for worker in workers]) for name in ("clients", "descriptors", "tasks")),
    ]
    return row(cells)


def condensed(minutes: list[dict]) -> list[dict]:
    """Return a row for each ten minutes: counts are added, workers are as they were at the end."""
    rows = []
    for start in range(0, len(minutes), TEN):
        part = minutes[start : start + TEN]
        whole = dict(part[-1]) | {"minute": f"{part[0]['minute']} to {part[-1]['minute']}"}
        whole["fault"] = len([each for each in part if each["fault"]])
        for name in ("questions", "answered", "planned", "unplanned", "unanswered", "broken"):
            whole[name] = sum(each[name] for each in part)
        for name in ("recovered", "anew", "promises"):
            whole[name] = sum(each[name] for each in part)
        whole["codes"] = dict(sum((Counter(each["codes"]) for each in part), Counter()))
        rows.append(whole)
    return rows


def growths(directory: Path, minutes: list[dict]) -> list[Growth]:
    times = [minute["fault_at_s"] for minute in minutes]
    return [growth_of(life, times, minutes[-1]["at_s"]) for life in lives_in(directory)]


def life_row(growth: Growth) -> str:
    slopes = (growth.rss_mib_per_h, growth.rss_mib_per_h_at_one_load)
    told = [f"{slope:+.2f}" if growth.is_judged else "too short" for slope in slopes]
    drifts = (
        (f"{growth.files:+.1f}", growth.pooled, f"{growth.tasks:+.1f}", growth.left_over, growth.threads)
        if growth.is_judged
        else ("too short",) * 5
    )
    cells = (
        f"{growth.lived_s / 60:.0f}",
        f"{growth.rss_first:.0f}",
        f"{growth.rss_last:.0f}",
        *told,
        *drifts,
        growth.unhandled,
        growth.never_retrieved,
    )
    return row(cells)


def report(directory: Path) -> str:
    """Return the run in ten-minute rows, its workers' lives, and what was answered under which fault."""
    minutes = minutes_of(directory)
    totals = sum((Counter(minute["by_fault"]) for minute in minutes), Counter())
    lines = [
        f"A run of {len(minutes)} minutes. At the end of each ten minutes the two workers held:",
        "",
        *head(COLUMNS),
        *(row_of(each) for each in condensed(minutes)),
        "",
        "The lives of the workers, judged from their tenth minute on:",
        "",
        *head(LIFE_COLUMNS),
        *(life_row(growth) for growth in growths(directory, minutes)),
        "",
        "Answers by the fault that went on:",
        "",
        *head(("Fault", "Kind of answer", "Questions")),
        *(row((*key.split(": ", 1), count)) for key, count in sorted(totals.items())),
    ]
    return "\n".join(lines) + "\n"


def minutes_of(directory: Path) -> list[dict]:
    return [json.loads(line) for line in (directory / MINUTES).read_text().splitlines()]


def main(directory: Path, page: Path | None = None) -> None:
    """Print the report, or put it into a page."""
    text = report(directory)
    if page is None:
        surprises = [each for minute in minutes_of(directory) for each in minute["surprises"]]
        sys.stdout.write("\n".join([text, *(f"- {each}" for each in surprises), ""]))
        return
    before, _, rest = page.read_text().partition(BEGINS)
    _, _, after = rest.partition(ENDS)
    page.write_text(f"{before}{BEGINS}\n\n{text}\n{ENDS}{after}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
