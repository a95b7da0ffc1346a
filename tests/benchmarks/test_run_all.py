"""All comparisons can be started by one command, which leaves none out."""

from pathlib import Path

import pytest

from benchmarks.run_all import COMPARISONS, LOCUST, NAMES, PEERS, command, run
from tests.docs.reading import ROOT

FOLDER = ROOT / "benchmarks"
PATHS = {PEERS: "python-of-peers", LOCUST: "locust"}
# Parts of others, and what fits figures of ours rather than comparing.
NO_COMPARISONS = {"disturbances", "fanout_load", "harness", "plots", "run_all", "service", "speech"}


def test_every_comparison_is_among_them() -> None:
    scripts = {path.stem for path in FOLDER.glob("*.py")}
    parts = {name for name in scripts if name.startswith("scaling_")}
    assert {*NAMES} == scripts - parts - NO_COMPARISONS


@pytest.mark.parametrize("comparison", COMPARISONS, ids=NAMES)
def test_its_script_knows_every_option_it_is_given(comparison) -> None:
    source = (FOLDER / f"{comparison.name}.py").read_text()
    for small in (True, False):
        asked = command(comparison, PATHS, small=small)
        assert all(f'"{word}"' in source for word in asked if word.startswith("--")), asked
    assert ("--write" in asked) is comparison.writes
    assert "--write" not in command(comparison, PATHS, small=True)


def test_what_fails_is_named_and_the_others_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "benchmarks").mkdir()
    for comparison in COMPARISONS:
        fails = comparison.name == "derived"
        (tmp_path / "benchmarks" / f"{comparison.name}.py").write_text(
            "raise SystemExit(3)" if fails else f"print('ran {comparison.name}')"
        )
    monkeypatch.setattr("benchmarks.run_all.ROOT", tmp_path)
    assert run(COMPARISONS[:3], PATHS, small=True) == ["derived ended with 3"]
    said = capfd.readouterr().out
    assert "ran history" in said
    assert "ran ingest" in said
    assert "ran fanout" not in said


def test_what_lacks_its_server_is_left_out_and_named(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("TIMESCALE_TEST_DSN", raising=False)
    chosen = [each for each in COMPARISONS if each.setting]
    assert run(chosen, PATHS, small=True) == []
    assert "timescale is left out, because TIMESCALE_TEST_DSN is not set." in capfd.readouterr().out


def test_the_readme_of_benchmarks_names_every_comparison() -> None:
    text = (FOLDER / "README.md").read_text()
    assert [name for name in NAMES if f"`{name}.py`" not in text] == []
