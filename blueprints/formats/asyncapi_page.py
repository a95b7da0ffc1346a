"""The AsyncAPI document as a plain HTML page: headings to jump by, and a table for each message; pure."""

import html
import re
from collections.abc import Iterable, Mapping
from typing import Any

from blueprints.formats.markdown_page import html_page

TITLE = "WebSockets of AccessibleTrader"
CODE = re.compile(r"`([^`]+)`")

Document = Mapping[str, Any]


def asyncapi_page(document: Document) -> str:
    """Return the page."""
    schemas = document["components"]["schemas"]
    used = dict.fromkeys(
        name for channel in document["channels"] for name in _shapes_of(document, channel, schemas)
    )
    body = [
        f"<h1>{TITLE}</h1>",
        f"<p>{_text(document['info']['description'])}</p>",
        '<p>The same for programs: <a href="/asyncapi.json">asyncapi.json</a>.</p>',
        *(part for name in document["channels"] for part in _channel(document, name)),
        "<h2>Parts of messages</h2>",
        *(part for name in used for part in _shape(3, name, schemas[name])),
    ]
    return html_page(TITLE, "\n".join(body))


def _channel(document: Document, name: str) -> Iterable[str]:
    channel = document["channels"][name]
    query = channel["bindings"]["ws"]["query"]
    yield f'<h2 id="{name}">{_text(channel["title"])}: <code>{_text(channel["address"])}</code></h2>'
    yield f"<p>{_text(channel['description'])}</p>"
    yield f"<h3>Parameters of {_text(channel['address'])}</h3>"
    yield _table(query)
    for way, heading in (("sent", "The service sends"), ("read", "You send")):
        yield f"<h3>{heading} at {_text(channel['address'])}</h3>"
        for message in _messages(document, name, way):
            schema = _payload(document, message)
            yield from _shape(4, message["name"], schema)


def _shapes_of(document: Document, name: str, schemas: Document) -> Iterable[str]:
    """Yield the names of what the messages of a channel hold, however deep."""
    waiting = [
        reference
        for way in ("sent", "read")
        for message in _messages(document, name, way)
        for reference in _references(_payload(document, message))
    ]
    seen: set[str] = set()
    while waiting:
        reference = waiting.pop(0)
        if reference not in seen:
            seen.add(reference)
            yield reference
            waiting += _references(schemas[reference])


def _messages(document: Document, name: str, way: str) -> list[Document]:
    prefix = f"{name}.{way}."
    return [each for key, each in document["components"]["messages"].items() if key.startswith(prefix)]


def _payload(document: Document, message: Document) -> Document:
    schema: Document = document["components"]["schemas"][_name(message["payload"])]
    return schema


def _shape(level: int, name: str, schema: Document) -> Iterable[str]:
    yield f"<h{level}><code>{_text(name)}</code></h{level}>"
    if schema.get("description"):
        yield f"<p>{_text(schema['description'])}</p>"
    if "properties" in schema:
        yield _table(schema)
    else:
        yield f"<p>{_text(_kind(schema))}</p>"


def _table(schema: Document) -> str:
    required = schema.get("required", ())
    rows = "\n".join(
        f'<tr><th scope="row"><code>{_text(name)}</code></th><td>{_text(_kind(shape))}</td>'
        f"<td>{'always' if name in required else 'may be left out'}</td>"
        f"<td>{_text(shape.get('description', ''))}</td></tr>"
        for name, shape in schema.get("properties", {}).items()
    )
    head = "".join(f'<th scope="col">{word}</th>' for word in ("Member", "Type", "There", "Meaning"))
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"


def _kind(shape: Document) -> str:
    if "$ref" in shape:
        return _name(shape)
    if "const" in shape:
        return f'always "{shape["const"]}"'
    if "enum" in shape:
        return " or ".join(f'"{value}"' for value in shape["enum"])
    for word in ("anyOf", "oneOf"):
        if word in shape:
            return " or ".join(_kind(each) for each in shape[word])
    if shape.get("type") == "array":
        return f"a list of {_kind(shape.get('items', {}))}"
    words = {"integer": "whole number", "string": "text", "boolean": "true or false"}
    kind = str(shape.get("type", "anything"))
    return words.get(kind, kind)


def _references(schema: Any) -> Iterable[str]:
    if isinstance(schema, list):
        for each in schema:
            yield from _references(each)
    if isinstance(schema, Mapping):
        if "$ref" in schema:
            yield _name(schema)
        for each in schema.values():
            yield from _references(each)


def _name(reference: Document) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def _text(text: str) -> str:
    return CODE.sub(r"<code>\1</code>", html.escape(" ".join(text.split()), quote=False))
