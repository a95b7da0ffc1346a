"""The topics dialect, by golden examples."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blueprints.formats.ws_topics import encode, parse, parse_topic
from blueprints.formats.ws_topics_models import OUTGOING
from services.live.dialect import Ping, Subscribe, Unsubscribe, Wanted
from services.live.messages import (
    Failure,
    Heartbeat,
    Hello,
    Pong,
    Resync,
    Shutdown,
    Snapshot,
    Subscribed,
    Unsubscribed,
)
from tests.blueprints.formats.ws_samples import (
    CLOSED,
    CORRECTED,
    FORMING,
    NOW_MS,
    OPEN_MS,
    POSITION,
    STATUS,
    TOPIC,
    told,
    update,
)
from utils.errors import MalformedRequest

NAME = "BITSTAMP:BTC/USD:60"
BAR = {
    "time": OPEN_MS,
    "open": 76900.0,
    "high": 77010.5,
    "low": 76850.25,
    "close": 76984.01,
    "volume": 12.5,
}
FORMING_NEWS = {"bar": BAR, "closed": False, "state": "forming", "revision": 0}
CLOSED_NEWS = {"bar": BAR, "closed": True, "state": "closed", "revision": 0}
CORRECTED_NEWS = {"bar": BAR | {"close": 76900.5}, "closed": True, "state": "corrected", "revision": 2}
GOLDEN = [
    (update(FORMING), {"type": "bars.update", "sequence": 3, "topic": NAME, **FORMING_NEWS}),
    (update(CLOSED), {"type": "bars.update", "sequence": 3, "topic": NAME, **CLOSED_NEWS}),
    (update(CORRECTED), {"type": "bars.update", "sequence": 3, "topic": NAME, **CORRECTED_NEWS}),
    (
        update(STATUS),
        {
            "type": "status",
            "sequence": 3,
            "topic": NAME,
            "state": "stale",
            "since_ms": NOW_MS,
            "text": "The live feed was lost. It is being opened again.",
        },
    ),
    (
        Subscribed(TOPIC, POSITION, recovered=False, name=NAME),
        {
            "type": "bars.subscribed",
            "topic": NAME,
            "market": "crypto",
            "exchange": "bitstamp",
            "symbol": "BTC/USD",
            "timeframe": "1h",
        },
    ),
    (Unsubscribed(TOPIC), {"type": "bars.unsubscribed", "topic": NAME}),
    (
        Snapshot(TOPIC, POSITION, (CLOSED, FORMING)),
        {"type": "bars.snapshot", "topic": NAME, "bars": [CLOSED_NEWS, FORMING_NEWS]},
    ),
    (Snapshot(TOPIC, POSITION, ()), {"type": "bars.snapshot", "topic": NAME, "bars": []}),
    (Resync(TOPIC, POSITION), {"type": "bars.resync", "topic": NAME}),
    (
        Failure("unknown_symbol", "There is no symbol BTC.", "x", NAME),
        {
            "type": "error",
            "id": "x",
            "topic": NAME,
            "code": "unknown_symbol",
            "detail": "There is no symbol BTC.",
        },
    ),
    (Heartbeat(), {"type": "heartbeat", "server_time_ms": NOW_MS}),
    (Pong("p"), {"type": "pong", "id": "p", "server_time_ms": NOW_MS}),
    (
        Shutdown(2736),
        {
            "type": "server_shutdown",
            "retry_ms": 2736,
            "text": "The server restarts. Connect again in a few seconds.",
        },
    ),
]


@pytest.mark.parametrize(("message", "golden"), GOLDEN, ids=[golden["type"] for _, golden in GOLDEN])
def test_a_message_is_written_as_the_example_says(message, golden):
    written = json.loads(encode(message, told(NAME)))
    assert written == golden
    assert next(iter(written)) == "type"
    OUTGOING.validate_python(written, strict=True)


def test_this_dialect_greets_nobody():
    assert encode(Hello("a", 15_000, 100), told("")) is None


def test_the_same_bar_keeps_the_name_that_each_client_gave_it():
    own, theirs = (json.loads(encode(update(FORMING), told(name)))["topic"] for name in (TOPIC.text, NAME))
    assert (own, theirs) == (TOPIC.text, NAME)


@pytest.mark.parametrize(
    ("topic", "wanted"),
    [
        (NAME, Wanted("BTC/USD", None, "bitstamp", "60", name=NAME)),
        (
            "BINANCE:BTC/USDT:USDT:1D",
            Wanted("BTC/USDT:USDT", None, "binance", "1D", name="BINANCE:BTC/USDT:USDT:1D"),
        ),
        (TOPIC.text, Wanted("BTC/USD", "crypto", "bitstamp", "1h", name=TOPIC.text)),
    ],
)
def test_a_topic_is_read_in_both_forms(topic, wanted):
    assert parse_topic(topic) == wanted


@pytest.mark.parametrize(
    "topic", ["", ":", "::", "BTC/USD", "BTC/USD:60", ":BTC/USD:60", "X:BTC/USD:", "bars::x:y:1h"]
)
def test_what_is_no_topic_is_refused_with_an_example(topic):
    with pytest.raises(MalformedRequest, match="BITSTAMP:BTC/USD:60"):
        parse_topic(topic)


@given(st.text(max_size=40))
def test_any_text_is_a_topic_or_is_refused(text):
    try:
        wanted = parse_topic(text)
    except MalformedRequest:
        assert text.count(":") < 2 or "" in text.split(":")
    else:
        assert wanted.symbol in text
        assert wanted.name == text


def test_commands_name_one_topic_or_several():
    one = parse(json.dumps({"type": "bars.subscribe", "topic": NAME, "id": "a"}))
    assert one == Subscribe((parse_topic(NAME),), "a")
    several = parse(json.dumps({"type": "bars.subscribe", "topics": [NAME, TOPIC.text, NAME]}))
    assert several == Subscribe((parse_topic(NAME), parse_topic(TOPIC.text)), None)
    ending = parse(json.dumps({"type": "bars.unsubscribe", "topics": [NAME, "anything"]}))
    assert ending == Unsubscribe((NAME, "anything"), None)
    assert parse('{"type":"ping","id":"p"}') == Ping("p")


@pytest.mark.parametrize(
    ("command", "word"),
    [
        ("{", "JSON object"),
        ("[]", "bars.subscribe"),
        ('{"type":"subscribe","topic":"X:Y:1"}', "bars.subscribe"),
        ('{"type":"bars.subscribe"}', "topic or topics"),
        ('{"type":"bars.subscribe","topic":"X:Y:1","topics":["X:Y:1"]}', "topic or topics"),
        ('{"type":"bars.subscribe","topics":[]}', "topics"),
        ('{"type":"bars.subscribe","topic":"BTC"}', "BITSTAMP"),
        ('{"type":"bars.subscribe","topic":"X:Y:1","color":"red"}', "color"),
        (json.dumps({"type": "bars.subscribe", "topics": [f"X:Y{n}:1" for n in range(51)]}), "topics"),
    ],
)
def test_what_is_no_command_is_refused_with_a_sentence(command, word):
    with pytest.raises(MalformedRequest, match=word) as refusal:
        parse(command)
    assert refusal.value.detail.endswith(".")
