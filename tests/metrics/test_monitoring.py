"""Dashboard, rules and documents speak of nothing that is not measured, and of all that is."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs.reading import ROOT, code_words, headings, tables
from utils import figures
from utils.metrics import Count, Level, Times, declared

DEPLOY = ROOT / "deploy"
DASHBOARD = json.loads((DEPLOY / "grafana/dashboards/accessibletrader.json").read_text())
RULES = yaml.safe_load((DEPLOY / "prometheus/rules.yml").read_text())
PROMETHEUS = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
KINDS = {Count: "counter", Level: "gauge", Times: "histogram"}
ALL = {figure.name: figure for figure in declared(figures)}
PROMTOOL = shutil.which("promtool")
# What Prometheus says itself.
OF_PROMETHEUS = {"up"}
# Words of the language that are followed by neither a bracket nor a brace.
WORDS = {"and", "or", "unless", "by", "without", "on", "ignoring"}
QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
GROUPED = re.compile(r"\b(by|without|on|ignoring)\s*\(([^)]*)\)")
NAME = re.compile(r"(?<![\w:.$])([a-zA-Z_:][\w:]*)(?![\w:]|\s*\()")
MATCHERS = re.compile(r"([a-z_][a-z0-9_]*)\{([^}]*)\}")


def rules() -> list[dict[str, Any]]:
    return [rule for group in RULES["groups"] for rule in group["rules"]]


ALERTS = [rule for rule in rules() if "alert" in rule]
RECORDED = {rule["record"] for rule in rules() if "record" in rule}


def panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[str]:
    for panel in panels():
        yield from (target["expr"] for target in panel["targets"])
    yield from (rule["expr"] for rule in rules())


def samples_of() -> set[str]:
    """Return every name under which something measured is scraped."""
    parts = ("_bucket", "_sum", "_count")
    times = {name + part for name, figure in ALL.items() if isinstance(figure, Times) for part in parts}
    return times | {name for name, figure in ALL.items() if not isinstance(figure, Times)}


def names_in(expression: str) -> set[str]:
    plain = GROUPED.sub("", re.sub(r"\{[^}]*\}", "", QUOTED.sub('""', expression)))
    plain = re.sub(r"\[[^\]]*\]|\b\d[\w.]*", "", plain)
    return set(NAME.findall(plain)) - WORDS


def labels_in(expression: str) -> Iterator[tuple[str, str]]:
    plain = QUOTED.sub('""', expression)
    for name, matchers in MATCHERS.findall(plain):
        yield from ((name, label) for label in re.findall(r"(\w+)\s*[=!]", matchers))


def test_names_are_found_in_expressions() -> None:
    expression = 'sum by (a, b) (rate(x_total{c="d", e!~"f"}[5m])) / (y > 0.5) and time() - z_seconds > 1e9'
    assert names_in(expression) == {"x_total", "y", "z_seconds"}
    assert list(labels_in(expression)) == [("x_total", "c"), ("x_total", "e")]


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_an_expression_asks_for_what_is_measured(expression: str) -> None:
    unknown = names_in(expression) - samples_of() - RECORDED - OF_PROMETHEUS
    assert names_in(expression)
    assert not unknown, unknown
    for name, label in labels_in(expression):
        if name not in OF_PROMETHEUS:
            figure = ALL[name if name in ALL else name.rpartition("_")[0]]
            assert label in {*figure.labels, "job", "instance", "le"}, f"{name} has no label {label}"


def test_everything_that_is_measured_is_on_the_dashboard() -> None:
    shown = {name for panel in panels() for target in panel["targets"] for name in names_in(target["expr"])}
    missing = {
        name
        for name, figure in ALL.items()
        if not shown & ({name} if not isinstance(figure, Times) else {f"{name}_bucket", f"{name}_count"})
    }
    assert not missing, missing


def test_each_panel_is_told_apart_by_words_and_says_what_it_shows() -> None:
    titles = [panel["title"] for panel in panels()]
    assert len(set(titles)) == len(titles) > 30
    for panel in panels():
        assert panel["description"].endswith("."), panel["title"]
        assert all(target["datasource"]["uid"] == "${DS_PROMETHEUS}" for target in panel["targets"])
        several = len(panel["targets"]) > 1 or " by " in panel["targets"][0]["expr"]
        assert all(target["legendFormat"] for target in panel["targets"]) or not several, panel["title"]
    assert (DASHBOARD["uid"], DASHBOARD["title"]) == ("accessibletrader", "AccessibleTrader")
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_panels_do_not_lie_over_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        across, down = range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
        cells = {(x, y) for x in across for y in down}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_is_wrong_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("page", "ticket")
    said = rule["annotations"]
    for sentence in (said["summary"], said["description"]):
        assert sentence.endswith(".")
        assert len(sentence) < 200
    path, _, anchor = said["runbook"].partition("#")
    anchors = {heading.anchor for heading in headings((ROOT / path).read_text())}
    assert anchor in anchors, said["runbook"]


def test_every_metric_has_its_row_and_every_row_its_metric() -> None:
    rows = [
        row
        for table in tables((ROOT / "docs/metrics.md").read_text())
        if table[0] == ["Name", "Kind", "Labels", "What it says"]
        for row in table[1:]
    ]
    found = {code_words(row[0])[0]: (row[1], tuple(re.findall(r"`(\w+)`", row[2])), row[3]) for row in rows}
    assert len(found) == len(rows)
    assert found == {
        name: (KINDS[type(figure)], tuple(figure.labels), figure.sentence) for name, figure in ALL.items()
    }


def test_what_prometheus_scrapes_is_what_the_launcher_serves() -> None:
    (scraped,) = PROMETHEUS["scrape_configs"]
    assert scraped["static_configs"] == [{"targets": ["127.0.0.1:9464"]}]
    assert PROMETHEUS["rule_files"] == ["rules.yml"]
    datasources = (DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text()
    assert yaml.safe_load(datasources)["datasources"][0]["type"] == "prometheus"


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed: the rules are only read by us")
def test_promtool_finds_no_fault_in_rules_and_settings(tmp_path: Path) -> None:
    assert PROMTOOL is not None
    # Settings name the rules; and an expression of a panel is right where it is right in a rule.
    shown = [
        {"record": f"panel:{number}", "expr": target["expr"].replace("$job", ".*").replace("$instance", ".*")}
        for number, target in enumerate(target for panel in panels() for target in panel["targets"])
    ]
    of_dashboard = tmp_path / "dashboard.yml"
    of_dashboard.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": shown}]}))
    for asked in (
        ("check", "config", str(DEPLOY / "prometheus/prometheus.yml")),
        ("check", "rules", str(of_dashboard)),
        ("test", "rules", str(Path(__file__).with_name("rules_test.yml"))),
    ):
        done = subprocess.run([PROMTOOL, *asked], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
