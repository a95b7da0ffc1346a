"""The watch over live messages watches: what is not in the document is found."""

import pytest

from tests.live_contract import faults_of

PONG = {"type": "pong", "id": None, "server_time_ms": 1}
HEARTBEAT = {"type": "heartbeat", "server_time_ms": 1}


@pytest.mark.parametrize("path", ["/ws/subscribe", "/ws", "/api/v1/ws"])
def test_what_the_document_says_is_let_through(path: str) -> None:
    assert faults_of(path, PONG) == []
    assert faults_of(path, [PONG, HEARTBEAT]) == []


@pytest.mark.parametrize(
    "message",
    [
        {"type": "gossip"},
        {"type": "heartbeat"},
        HEARTBEAT | {"server_time_ms": "1"},
        HEARTBEAT | {"more": 1},
    ],
)
def test_what_it_does_not_say_is_found(message: dict[str, object]) -> None:
    assert len(faults_of("/ws/subscribe", [PONG, message])) == 1


def test_messages_of_one_dialect_are_none_of_another() -> None:
    resync = {"type": "resync", "topic": "bars:simulated:simex:BTC/USD:1m", "epoch": "1", "offset": "1-1"}
    assert faults_of("/ws/subscribe", resync) == []
    assert len(faults_of("/ws", resync)) == 1
