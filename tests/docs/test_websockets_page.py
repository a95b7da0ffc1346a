"""docs/websockets.md shows messages that fit their models, and numbers that the code has."""

import json
import typing

import pytest

from app_extensions.worker import WEBSOCKET_MESSAGE_BYTES_MAX
from blueprints import websocket
from blueprints.formats import ws_native_models
from blueprints.formats.ws_frame import WireMessage
from blueprints.formats.ws_native_models import OUTGOING, parse_command
from middleware import live_commands, live_connection
from services.live import broadcaster, log, mailbox, snapshot
from services.live.limits import LiveLimits
from tests.docs.reading import ROOT, Block, blocks, code_words, headings, section, table

PAGE = (ROOT / "docs/websockets.md").read_text()
SHOWN = [block for block in blocks(PAGE) if block.language == "json"]
COMMANDS = {"subscribe", "resume", "unsubscribe", "authenticate", "preferences", "ping"}
CLOSE_CODES_OF_SERVERS = {"1009"}

ALLOWED = LiveLimits()
LIMITS = {
    "Symbols in the address": websocket.SYMBOLS_MAX,
    "Topics of a connection": ALLOWED.topics_max,
    "Topics of a connection without a user": ALLOWED.anonymous_topics_max,
    "Connections of an address, on each worker": "`WS_MAX_PER_ADDRESS`",
    "Connections of a user, on each worker": "`WS_MAX_PER_USER`",
    "Length of a command, in kilobytes": WEBSOCKET_MESSAGE_BYTES_MAX // 1024,
    "Commands that cannot be read before the socket is closed": ALLOWED.mistakes_max,
    "Commands at once": ALLOWED.commands_burst,
    "Commands a second, for ever": ALLOWED.commands_per_s,
    "Refused commands before the socket is closed": ALLOWED.refusals_max,
    "Seconds for the first topic of a connection without one": ALLOWED.first_topic_s,
    "Closed bars, corrections and answers that may wait for a reader": mailbox.MESSAGES_MAX,
    "Seconds that sending one frame may take": ALLOWED.write_timeout_s,
    "Seconds between heartbeats": ALLOWED.heartbeat_s,
    "Entries of a log": log.ENTRIES_KEPT,
    "Hours that a log is kept after its last entry": log.KEPT_MS // 3_600_000,
    "Milliseconds between two frames with `batch=true`": ALLOWED.batch_s * 1_000,
    "Milliseconds between two versions of a forming bar": broadcaster.FORMING_EVERY_MS,
    "Bars of a snapshot": snapshot.SNAPSHOT_BARS,
}


def models() -> dict[str, type[WireMessage]]:
    """Return every model of an outgoing message by its type."""
    found = {}
    for model in vars(ws_native_models).values():
        if isinstance(model, type) and issubclass(model, WireMessage) and "type" in model.model_fields:
            (name,) = typing.get_args(model.model_fields["type"].annotation)
            found[name] = model
    return found


def subsections(above: str) -> list[str]:
    """Return the headings of the third level below one of the second."""
    found, inside = [], False
    for heading in headings(PAGE):
        if heading.level == 2:
            inside = heading.text == above
        elif inside:
            found.append(heading.text)
    return found


@pytest.mark.parametrize(
    "block", SHOWN, ids=[f"{index}-{block.heading}" for index, block in enumerate(SHOWN)]
)
def test_an_example_fits_its_model(block: Block) -> None:
    shown = json.loads(block.text)
    for message in shown if isinstance(shown, list) else [shown]:
        if message["type"] in COMMANDS:
            assert parse_command(json.dumps(message)).type == message["type"]
        else:
            OUTGOING.validate_python(message, strict=True)
            # Members come in the order in which they are sent, but for the sequence, which is put in.
            order = [name for name in models()[message["type"]].model_fields if name != "sequence"]
            assert [name for name in message if name != "sequence"] == order
        if block.heading in models() or block.heading in COMMANDS:
            assert message["type"] == block.heading


def test_every_message_has_a_section_with_an_example() -> None:
    assert subsections("Messages") == [name for name in subsections("Messages") if name in models()]
    assert set(subsections("Messages")) == set(models())
    assert set(models()) <= {block.heading for block in SHOWN}


def test_every_command_has_a_section_with_an_example() -> None:
    assert set(subsections("Commands")) == COMMANDS
    assert {block.heading for block in SHOWN} >= COMMANDS
    members = [word for row in table(PAGE, "subscribe", "Member") for word in code_words(row[0])]
    fields = ws_native_models.SubscribeCommand.model_fields.keys() - {"id", "type"}
    assert set(members) == fields


def test_every_close_code_is_in_the_table() -> None:
    names = vars(live_connection) | vars(live_commands)
    used = {str(value) for name, value in names.items() if name.startswith("CLOSE_")}
    assert len(used) >= 5
    listed = {row[0] for row in table(PAGE, "Close codes", "Code")}
    assert listed == used | CLOSE_CODES_OF_SERVERS


def test_the_limits_are_those_of_the_code() -> None:
    listed = {row[0]: row[1] for row in table(PAGE, "Limits", "Limit")}
    numbers = {name: value if isinstance(value, str) else f"{value:g}" for name, value in LIMITS.items()}
    assert listed == numbers


def test_the_states_of_a_feed_are_those_of_the_model() -> None:
    states = typing.get_args(ws_native_models.StatusMessage.model_fields["state"].annotation)
    assert set(states) <= set(code_words(section(PAGE, "status")))
    states = typing.get_args(ws_native_models.BarShape.model_fields["state"].annotation)
    sources = typing.get_args(ws_native_models.BarShape.model_fields["source"].annotation)
    assert {*states, *sources} <= set(code_words(section(PAGE, "bar")))
