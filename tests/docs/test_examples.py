"""What the documents show in a terminal happens in a terminal."""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from pathlib import Path

from quart.testing import QuartClient

from blueprints.formats.ws_native_models import OUTGOING
from config import Config
from tests.docs.examples import ADDRESS, Example, differences, examples
from tests.docs.reading import ROOT, blocks, section
from tests.launcher.conftest import Service

README = (ROOT / "README.md").read_text()
API = (ROOT / "docs/api.md").read_text()
DATAFEED = (ROOT / "docs/datafeed.md").read_text()
EXAMPLES = [*examples(README), *examples(API), *examples(DATAFEED)]
DEADLINE_S = 20
REQUESTS_PROMISED = 5


async def test_every_request_is_answered_as_the_documents_say(client: QuartClient, admin_token: str) -> None:
    assert len(EXAMPLES) > REQUESTS_PROMISED
    wrong = [line for example in EXAMPLES for line in await unlike(example, client, admin_token)]
    assert not wrong, "\n".join(wrong)


def test_the_readme_has_five_requests_to_try() -> None:
    tried = examples("# Try it\n" + section(README, "Try it"))
    assert len(tried) == REQUESTS_PROMISED
    closed_past = [example for example in tried if "until=" in example.path]
    assert closed_past, "none has an answer that can be printed whole"


async def test_the_service_as_it_is_started_speaks_as_the_documents_say(served: Service) -> None:
    offered = re.findall(r"^  (http://\S+)$", served.said, re.MULTILINE)
    assert len(offered) == 3
    for address in offered:
        assert await asyncio.to_thread(served.get, address.removeprefix(served.url))
    scripts = {block.text for block in blocks(README) if "ws_connect" in block.text}
    live_page = (ROOT / "docs/websockets.md").read_text()
    scripts |= {block.text for block in blocks(live_page) if "ws_connect" in block.text}
    # Both pages show the same one.
    (script,) = scripts
    assert len(script.strip().splitlines()) == 5 + 2
    script = script.replace("127.0.0.1:5000", served.url.removeprefix("http://"))
    assert script.startswith(".venv/bin/python ")
    heard = await _first_messages(script.replace(".venv/bin/python", sys.executable, 1), count=5)
    for message in heard:
        OUTGOING.validate_python(message)
    assert [message["type"] for message in heard[:3]] == ["hello", "subscribed", "snapshot"]
    assert {message["type"] for message in heard[3:]} <= {"status", "bar"}


def test_differences_are_found() -> None:
    promised = {"a": 1, "b": [1.5, "…"], "c": None}
    assert not differences(promised, {"a": 1, "b": [1.5, 7], "c": None})
    for wrong in (
        {"a": "1", "b": [1.5, 7], "c": None},
        {"a": True, "b": [1.5, 7], "c": None},
        {"a": 1, "b": [1.5], "c": None},
        {"a": 1, "c": None, "b": [1.5, 7]},
        {"a": 1, "b": [1.5, 7], "c": None, "d": 0},
    ):
        assert differences(promised, wrong), wrong


def test_every_request_goes_to_an_address_that_something_of_ours_has() -> None:
    metrics = f"http://127.0.0.1:{Config().metrics_port}"
    published = re.findall(r'ports: \["(127\.0\.0\.1:\d+):', (ROOT / "compose.yaml").read_text())
    ours = {ADDRESS, metrics, *(f"http://{place}" for place in published)}
    for path in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        for address in re.findall(r"(?:http|ws)://127\.0\.0\.1:\d+", path.read_text()):
            assert address.replace("ws:", "http:") in ours, path


async def unlike(example: Example, client: QuartClient, token: str) -> list[str]:
    answer = await example.ask(client, token)
    body = await answer.get_data(as_text=True)
    if answer.status_code != example.status:
        return [f"{example} is answered with {answer.status_code}, not {example.status}: {body}"]
    return [f"{example}: {line}" for line in differences(example.answer, json.loads(body))]


async def _first_messages(script: str, count: int) -> list[dict[str, object]]:
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        script,
        cwd=ROOT,
        # A terminal shows each line at once; a pipe has to be told to.
        env={"PATH": os.environ["PATH"], "HOME": str(Path.home()), "PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout
    heard = []
    try:
        async with asyncio.timeout(DEADLINE_S):
            while len(heard) < count:
                line = (await process.stdout.readline()).decode()
                assert line, (await process.communicate())[1].decode()
                heard.append(json.loads(line))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        _, complaints = await asyncio.wait_for(process.communicate(), DEADLINE_S)
    assert not complaints.decode(), "Ctrl-C ends it in silence"
    return heard
