"""The lines of one live connection can be found by what its client was told; others are nobody's."""

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from app_extensions.logging_setup import LineHandler, LineWriter, setup_logging
from services.worker_name import worker_name
from tests.live.talk import Talk

WS = "/ws/subscribe?market=simulated&symbols=BTC/USD&timeframe=1s"
GIVEN = "request-of-a-listener"


@pytest.fixture
def written(tmp_path: Path) -> Iterator[tuple[Path, LineWriter]]:
    path = tmp_path / "log"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    root = logging.getLogger()
    level, before = root.level, list(root.handlers)
    yield path, setup_logging("DEBUG", json=True, descriptor=descriptor)
    for handler in [each for each in root.handlers if isinstance(each, LineHandler) and each not in before]:
        root.removeHandler(handler)
    root.setLevel(level)
    os.close(descriptor)


async def test_every_line_is_json_and_names_worker_request_and_connection(app, written):
    path, writer = written
    async with app.test_client().websocket(WS, headers={"X-Request-ID": GIVEN}) as connection:
        talk = Talk(connection)
        connection_id = (await talk.until("hello"))["connection_id"]
        await talk.until("snapshot")
        logging.getLogger("nobody").info("between")
    writer.close()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert {line["worker"] for line in lines} == {worker_name()}
    (closed,) = (line for line in lines if line["event"] == "websocket closed")
    assert (closed["request_id"], closed["connection_id"]) == (GIVEN, connection_id)
    (between,) = (line for line in lines if line["event"] == "between")
    assert not {"request_id", "connection_id"} & between.keys()
