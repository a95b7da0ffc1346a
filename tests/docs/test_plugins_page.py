"""docs/plugins.md holds a whole plugin, and it works."""

import dataclasses
import inspect
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from quart import Quart
from quart.testing import QuartClient
from quart.testing.app import TestApp as AppUnderTest

from app import create_app
from config import Config
from plugins.base import MarketPlugin, VenueProfile
from plugins.venues import VenueRow
from tests.docs.examples import differences, examples
from tests.docs.reading import ROOT, blocks, code_words, section, table
from utils import errors
from utils.domain import InstrumentSpec

PAGE = (ROOT / "docs/plugins.md").read_text()
MODULE = "village_market"


@pytest.fixture
async def village(config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Quart]:
    """The service with the plugin of the page, loaded as the page says."""
    (code,) = [block.text for block in blocks(PAGE) if block.language == "python"]
    (rows,) = [block.text for block in blocks(PAGE) if block.language == "text"]
    (tmp_path / f"{MODULE}.py").write_text(code)
    prices = tmp_path / "village.csv"
    prices.write_text(rows)
    monkeypatch.syspath_prepend(tmp_path)
    app = create_app(dataclasses.replace(config, plugins=(MODULE,), outside={"VILLAGE_FILE": str(prices)}))
    async with AppUnderTest(app):
        yield app


@pytest.fixture
def visitor(village: Quart) -> QuartClient:
    return village.test_client()


async def test_the_plugin_of_the_page_serves_its_bars(visitor: QuartClient) -> None:
    (example,) = examples(PAGE)
    answer = await example.ask(visitor)
    body = await answer.get_data(as_text=True)
    assert answer.status_code == 200, body
    assert not differences(example.answer, json.loads(body)), body


async def test_the_plugin_of_the_page_is_listed(visitor: QuartClient) -> None:
    exchanges = await visitor.get("/market/get_exchanges?market=village")
    assert await exchanges.get_json() == ["square"]
    symbols = await visitor.get("/market/get_symbols?market=village&exchange=square")
    assert await symbols.get_json() == ["EGGS/EUR"]


async def test_the_plugin_of_the_page_fails_as_the_page_says(visitor: QuartClient, tmp_path: Path) -> None:
    (tmp_path / "village.csv").unlink()
    (example,) = examples(PAGE)
    answer = await example.ask(visitor)
    assert (answer.status_code, (await answer.get_json())["code"]) == (503, "exchange_unavailable")


async def test_the_plugin_of_the_page_has_listeners(visitor: QuartClient) -> None:
    address = "/ws/subscribe?market=village&symbols=EGGS/EUR&timeframe=1h"
    async with visitor.websocket(address) as connection:
        said = [json.loads(await connection.receive())["type"] for _ in range(3)]
    assert said == ["hello", "subscribed", "snapshot"]


def test_the_page_shows_how_to_load_it() -> None:
    (start,) = [block.text for block in blocks(PAGE) if "./start.sh" in block.text]
    assert start.startswith(f"PLUGINS={MODULE} ")
    assert f"`{MODULE}.py`" in PAGE


def test_every_method_of_the_contract_is_on_the_page() -> None:
    listed = {}
    for row in table(PAGE, "What a plugin does", "Method"):
        name, _, arguments = code_words(row[0])[0].rstrip(")").partition("(")
        listed[name] = [argument for argument in arguments.split(", ") if argument]
    methods = inspect.getmembers(MarketPlugin, inspect.isfunction)
    there = {name: [*inspect.signature(method).parameters][1:] for name, method in methods}
    assert listed == there


def test_what_the_page_calls_optional_may_be_left_out_and_nothing_else() -> None:
    optional = {name for name, _ in inspect.getmembers(MarketPlugin, inspect.isfunction)}
    optional -= MarketPlugin.__abstractmethods__
    (sentence,) = re.findall(r"may be left out: (.*?) do\s", PAGE, re.DOTALL)
    assert set(code_words(sentence)) == optional


def test_every_field_of_an_instrument_a_profile_and_a_row_is_on_the_page() -> None:
    shapes = {
        "An instrument": InstrumentSpec,
        "The profile of an exchange": VenueProfile,
        "An exchange of ccxt": VenueRow,
    }
    for heading, shape in shapes.items():
        listed = [code_words(row[0])[0] for row in table(PAGE, heading, "Field")]
        assert sorted(listed) == sorted(field.name for field in dataclasses.fields(shape)), heading


def test_every_way_to_fail_is_on_the_page() -> None:
    listed = {code_words(row[0])[0] for row in table(PAGE, "How to fail", "Error")}
    upstream = {
        name
        for name, found in vars(errors).items()
        if inspect.isclass(found) and issubclass(found, errors.UpstreamError)
    }
    assert listed == upstream - {"UpstreamError"} | {"NotFound"}
    assert "five seconds" in section(PAGE, "How to fail")
