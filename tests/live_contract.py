"""Every message that an app sends on a WebSocket, held to the published AsyncAPI document."""

import functools
import json
from collections.abc import Callable
from typing import Any

import jsonschema_rs
from quart import Quart

from tests.contract.documents import closed
from tests.docs.reading import ROOT

PUBLISHED = ROOT / "docs/asyncapi.json"
FAULTS_MAX = 20


def hold_to_contract(app: Quart, faults: list[str]) -> None:
    """Put a ring around the app that compares what it sends; what does not fit is added to the faults."""
    inner = app.asgi_app

    async def ringed(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "websocket":
            await inner(scope, receive, send)
            return

        async def watched(message: Any) -> None:
            text = message.get("text") or message.get("bytes")
            if message["type"] == "websocket.send" and text and len(faults) < FAULTS_MAX:
                faults.extend(faults_in(scope["path"], text))
            await send(message)

        await inner(scope, receive, watched)

    app.asgi_app = ringed  # type: ignore[method-assign]


def faults_in(path: str, text: str | bytes) -> list[str]:
    """Return what the document does not know of a frame as sent; a path of a test's own is let be."""
    return faults_of(path, json.loads(text)) if path in _validators() else []


def faults_of(path: str, frame: Any) -> list[str]:
    """Return what the document does not know of a frame, which is a message or an array of them."""
    by_type = _validators().get(path)
    if by_type is None:
        return []
    found = []
    for message in frame if isinstance(frame, list) else [frame]:
        validator = by_type.get(message.get("type"))
        if validator is None:
            found.append(f"{path} sends a message that is not in the document: {message.get('type')}")
        elif not validator(message):
            found.append(f"{path} sends what the document does not say: {json.dumps(message)[:300]}")
    return found


@functools.cache
def _validators() -> dict[str, dict[str, Callable[[Any], bool]]]:
    document = json.loads(PUBLISHED.read_text())
    schemas = {"components": {"schemas": closed(document["components"]["schemas"])}}
    found: dict[str, dict[str, Callable[[Any], bool]]] = {}
    for name, channel in document["channels"].items():
        messages = {
            key.removeprefix(f"{name}.sent."): each["payload"]
            for key, each in document["components"]["messages"].items()
            if key.startswith(f"{name}.sent.")
        }
        found[channel["address"]] = {
            kind: jsonschema_rs.validator_for(schemas | payload).is_valid
            for kind, payload in messages.items()
        }
    return found
