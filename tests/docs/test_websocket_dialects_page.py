"""docs/websocket-dialects.md shows every message and command of two dialects as the code has them."""

import json
import typing
from types import ModuleType

import pytest

from blueprints.formats import ws_prices, ws_topics, ws_topics_models
from blueprints.formats.ws_frame import WireMessage
from tests.docs.reading import ROOT, Block, blocks, code_words, table

PAGE = (ROOT / "docs/websocket-dialects.md").read_text()
SHOWN = [block for block in blocks(PAGE) if block.language == "json"]
COMMANDS = {
    "Charts": (ws_topics.parse, {"bars.subscribe", "bars.unsubscribe"}),
    "Tickers": (ws_prices.parse, {"subscribe", "unsubscribe"}),
}
MODELS = {"Charts": ws_topics_models, "Tickers": ws_prices}
COMMON = "WebSockets for charts and tickers"


def types_of(module: ModuleType) -> set[str]:
    """Return the types of the messages that a dialect sends."""
    return {
        typing.get_args(model.model_fields["type"].annotation)[0]
        for model in vars(module).values()
        if isinstance(model, type) and issubclass(model, WireMessage) and "type" in model.model_fields
    }


def dialects_of(block: Block) -> list[str]:
    return list(MODELS) if block.heading == COMMON else [block.heading]


@pytest.mark.parametrize("block", SHOWN, ids=[f"{n}-{block.heading}" for n, block in enumerate(SHOWN)])
def test_an_example_fits_its_dialect(block: Block) -> None:
    shown = json.loads(block.text)
    for dialect in dialects_of(block):
        parse, commands = COMMANDS[dialect]
        if shown["type"] in commands:
            assert parse(block.text).command_id is None
        else:
            MODELS[dialect].OUTGOING.validate_python(shown, strict=True)


@pytest.mark.parametrize("dialect", MODELS)
def test_every_message_and_command_is_shown(dialect: str) -> None:
    shown = {json.loads(block.text)["type"] for block in SHOWN if dialect in dialects_of(block)}
    assert shown == types_of(MODELS[dialect]) | COMMANDS[dialect][1]


def test_the_members_of_a_price_are_explained() -> None:
    members = [word for row in table(PAGE, "Tickers", "Member") for word in code_words(row[0])]
    assert set(members) == set(ws_prices.PriceUpdateMessage.model_fields) - {"type", "symbol"}


def test_the_number_of_topics_in_a_command_is_that_of_the_code() -> None:
    assert f"up to {ws_topics_models.TOPICS_MAX} with `topics`" in PAGE
    assert f"Up to {ws_prices.SYMBOLS_MAX} symbols" in PAGE
