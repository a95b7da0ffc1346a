"""docs/configuration.md has a row for every setting, in order, as config.py declares it."""

import dataclasses
import re

import pytest

from config import Config, declared_settings
from plugins.simulated_faults import SimulatedFaults
from tests.docs.reading import ROOT, code_words, table

PAGE = (ROOT / "docs/configuration.md").read_text()
README = (ROOT / "README.md").read_text()

# What some settings take, where others take any text.
READABLE = {
    "BAR_BROADCASTER_RESOLUTIONS": "60,1D",
    "BACKFILL": "crypto:bitstamp:BTC/USD:1h:2018-01-01",
    "DB_CONNECTION_STRING": "postgresql://x",
    "REDIS_URL": "redis://x",
}

ROWS = table(PAGE, "Configuration", "Setting")
FIELDS = {field.metadata["name"]: field for field in declared_settings()}


def default_of(name: str) -> str:
    default = FIELDS[name].default
    if isinstance(default, bool):
        return str(default).lower()
    return ",".join(default) if isinstance(default, tuple) else str(default)


def test_the_table_holds_every_setting_in_order() -> None:
    assert [code_words(row[0]) for row in ROWS] == [[name] for name in FIELDS]


@pytest.mark.parametrize("row", ROWS, ids=[row[0].strip("`") for row in ROWS])
def test_a_row_says_what_the_declaration_says(row: list[str]) -> None:
    name = code_words(row[0])[0]
    assert row[3] == (f"`{default_of(name)}`" if default_of(name) else "")
    assert row[4] == FIELDS[name].metadata["sentence"]


@pytest.mark.parametrize("row", ROWS, ids=[row[0].strip("`") for row in ROWS])
def test_the_values_of_a_row_are_those_that_can_be_read(row: list[str]) -> None:
    name, values = code_words(row[0])[0], row[1]
    read = FIELDS[name].metadata["read"]
    if bounds := re.fullmatch(r"(\d+) to (\d+)", values):
        low, high = int(bounds[1]), int(bounds[2])
        assert (read(str(low)), read(str(high))) == (low, high)
        for outside in (low - 1, high + 1):
            with pytest.raises(ValueError, match=f"from {low} to {high}"):
                read(str(outside))
    elif values.startswith("`"):
        assert [read(word) for word in code_words(values)] == code_words(values)
        with pytest.raises(ValueError, match="one of " + ", ".join(code_words(values))):
            read("something else")
    elif values == "true or false":
        assert (read("true"), read("false")) == (True, False)
    else:
        assert values in ("address", "text", "file", "directory", "list", "list or `*`")
        assert read(READABLE.get(name, "http://x"))


def test_the_readme_names_only_settings_that_exist() -> None:
    named = [word for row in table(README, "Configure it", "Setting") for word in code_words(row[0])]
    assert set(named) <= set(FIELDS)
    assert re.search(r"PORT` +\|? ?.*5000|5000", README)
    assert Config().port == 5000


def test_every_fault_of_the_simulation_is_named() -> None:
    named = [code_words(row[0])[0] for row in table(PAGE, "The simulated market", "Fault")]
    assert named == [field.name for field in dataclasses.fields(SimulatedFaults)]
