"""schemathesis asks everything that the OpenAPI document promises, as anybody, as a user and as an admin."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.service import Served, desk
from tests.docs.reading import ROOT
from utils.accounts import Role

PROGRAM = Path(sys.executable).with_name("schemathesis")
TIMEOUT_S = 900
# The same views stand at both; the long form asks both.
TWINS = "_v1$"
EXAMPLES = 100
PEOPLE = ("anybody", "user", "admin")


@pytest.fixture(scope="module")
def people(served: Served) -> Served:
    served.make_user("user", Role.USER)
    served.make_user("admin", Role.ADMIN)
    # One who stays, whatever happens to the first.
    served.make_user("other-admin", Role.ADMIN)
    return served


def ask(served: Served, who: str, report: Path, *more: str) -> dict[str, int]:
    """Let schemathesis ask with every check it has, and return how much it asked of each operation."""
    with desk(served) as address:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "HOME": str(report.parent),
            "SCHEMATHESIS_HOOKS": "tests.contract.hooks",
            "CONTRACT_WHO": who,
            "CONTRACT_DESK": address,
        }
        done = subprocess.run(
            [
                *(PROGRAM, "run", f"{served.url}/openapi.json", "--checks", "all"),
                *("--no-color", "--no-shrink", "--warnings", "off", "--seed", "7"),
                *("--report", "ndjson", "--report-ndjson-path", report, *more),
            ],
            cwd=report.parent,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
        )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
    return asked(report)


def asked(report: Path) -> dict[str, int]:
    """Count the requests of each operation in a report."""
    counts: dict[str, int] = {}
    for line in report.read_text().splitlines():
        scenario = json.loads(line).get("ScenarioFinished")
        if scenario:
            label = scenario["recorder"]["label"]
            counts[label] = counts.get(label, 0) + len(scenario["recorder"]["interactions"])
    return counts


@pytest.mark.parametrize("who", PEOPLE)
def test_every_answer_is_a_documented_one(people: Served, tmp_path: Path, who: str) -> None:
    counts = ask(people, who, tmp_path / "report.ndjson", "-n", "15", "--exclude-operation-id-regex", TWINS)
    assert len(counts) > 35


@pytest.mark.long
@pytest.mark.parametrize("who", PEOPLE)
def test_every_answer_is_a_documented_one_a_hundred_times(people: Served, tmp_path: Path, who: str) -> None:
    counts = ask(people, who, tmp_path / "report.ndjson", "-n", str(EXAMPLES))
    assert len(counts) > 45
