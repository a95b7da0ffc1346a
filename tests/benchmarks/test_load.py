"""The people of the load ask for what there is, and what they are made of is no part of the product."""

import re
import tomllib
from pathlib import Path

from app import create_app
from config import load_config
from tests.docs.reading import ROOT

FOLDER = ROOT / "benchmarks/load"
PEOPLE = (FOLDER / "locustfile.py").read_text()
# What follows a slash at the beginning of a text, up to its parameters.
PATHS = re.compile(r"[\"'}](/[a-z0-9_/-]*)")
OPTIONAL = ("locust", "websocket-client")


def test_every_path_that_people_ask_for_is_a_route(tmp_path: Path) -> None:
    settings = {"ENV": "test", "SECRET_KEY": "x" * 40, "VAR_DIR": str(tmp_path)}
    routes = {rule.rule for rule in create_app(load_config(settings, dotenv=None)).url_map.iter_rules()}
    asked = {path for path in PATHS.findall(PEOPLE) if path not in ("/", "/web/")}
    assert len(asked) > 8
    assert asked <= routes, asked - routes


def test_locust_is_pinned_for_itself_and_no_part_of_the_product() -> None:
    pinned = [line for line in (FOLDER / "requirements.in").read_text().splitlines() if "==" in line]
    assert [line.partition("==")[0] for line in pinned] == list(OPTIONAL)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    declared = str(project["project"]) + str(project["dependency-groups"])
    locks = "".join(path.read_text() for path in ROOT.glob("requirements*.txt"))
    for name in (*OPTIONAL, "gevent"):
        assert f"'{name}" not in declared, name
        assert f"\n{name}==" not in locks, name
