"""The prices dialect, by golden examples."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blueprints.formats.ws_prices import OUTGOING, encode, parse
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
    DAYS,
    FORMING,
    NOW_MS,
    OPEN_MS,
    POSITION,
    STATUS,
    told,
    update,
)
from utils.domain import DAY_MS
from utils.errors import MalformedRequest

NAME = "BTC/USD"
PRICE = {
    "type": "price_update",
    "symbol": NAME,
    "price": 76984.01,
    "change": 84.01,
    "change_percent": 0.1092,
    "timestamp": 1_795_267_990_100,
    "volume": 12.5,
}
GOLDEN = [
    (update(FORMING, DAYS), PRICE),
    (Snapshot(DAYS, POSITION, (CLOSED, FORMING)), PRICE | {"timestamp": NOW_MS}),
    (
        update(STATUS, DAYS),
        {
            "type": "status",
            "symbol": NAME,
            "state": "stale",
            "since_ms": NOW_MS,
            "text": "The live feed was lost. It is being opened again.",
        },
    ),
    (
        Subscribed(DAYS, POSITION, recovered=False, name=NAME),
        {"type": "subscribed", "symbols": [NAME], "market": "crypto", "exchange": "bitstamp"},
    ),
    (Unsubscribed(DAYS), {"type": "unsubscribed", "symbols": [NAME]}),
    (
        Failure("unknown_symbol", "There is no symbol BTC.", None, "BTC"),
        {
            "type": "error",
            "id": None,
            "symbol": "BTC",
            "code": "unknown_symbol",
            "detail": "There is no symbol BTC.",
        },
    ),
    (Heartbeat(), {"type": "heartbeat", "server_time_ms": NOW_MS}),
    (Pong(None), {"type": "pong", "id": None, "server_time_ms": NOW_MS}),
    (
        Shutdown(1000),
        {
            "type": "server_shutdown",
            "retry_ms": 1000,
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


@pytest.mark.parametrize(
    "message", [Hello("a", 15_000, 100), Resync(DAYS, POSITION), Snapshot(DAYS, POSITION, ())]
)
def test_what_a_ticker_does_not_need_is_not_said(message):
    assert encode(message, told(NAME)) is None


def test_a_correction_of_an_earlier_day_is_no_price():
    yesterday = replace(CLOSED, open_time_ms=OPEN_MS - DAY_MS)
    assert encode(update(yesterday, DAYS), told(NAME, newest_open_ms=OPEN_MS)) is None
    assert encode(update(CLOSED, DAYS), told(NAME, newest_open_ms=OPEN_MS)) is not None


cents = st.integers(1, 10**9).map(lambda number: number / 100)


@given(opened=cents, price=cents)
def test_price_and_change_give_back_the_open_of_the_day(opened, price):
    bar = replace(FORMING, open=opened, close=price)
    written = json.loads(encode(update(bar, DAYS), told(NAME)), parse_float=Decimal, parse_int=Decimal)
    assert Decimal(written["price"]) - Decimal(written["change"]) == Decimal(repr(opened))
    assert (written["change_percent"] > 0) <= (price > opened)


def test_commands_name_symbols():
    wanted = tuple(Wanted(symbol, timeframe="1d", name=symbol) for symbol in ("BTC/USD", "ETH/USD"))
    subscribing = '{"type":"subscribe","symbols":["BTC/USD","ETH/USD","BTC/USD"],"id":"a"}'
    assert parse(subscribing) == Subscribe(wanted, "a")
    assert parse('{"type":"unsubscribe","symbols":["BTC/USD"]}') == Unsubscribe(("BTC/USD",), None)
    assert parse('{"type":"ping"}') == Ping(None)


@pytest.mark.parametrize(
    ("command", "word"),
    [
        ("7", "subscribe, unsubscribe, authenticate or ping"),
        ('{"type":"subscribe"}', "symbols"),
        ('{"type":"subscribe","symbols":[]}', "symbols"),
        ('{"type":"subscribe","symbols":"BTC/USD"}', "symbols"),
        (json.dumps({"type": "subscribe", "symbols": [f"A{n}" for n in range(51)]}), "symbols"),
    ],
)
def test_what_is_no_command_is_refused_with_a_sentence(command, word):
    with pytest.raises(MalformedRequest, match=word) as refusal:
        parse(command)
    assert refusal.value.detail.endswith(".")
