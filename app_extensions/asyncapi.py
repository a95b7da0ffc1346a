"""The AsyncAPI document of the WebSockets, made of the models that their messages are checked by."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter
from quart import Quart
from werkzeug.routing.rules import Rule

from app_extensions.openapi_words import LIVE_PARAMETERS
from app_extensions.schemas import Schemas
from blueprints.formats import ws_native_models, ws_prices, ws_topics_models
from middleware.declarations import declared
from utils.version import VERSION

Document = dict[str, Any]

DESCRIPTION = """\
Live bars, in three dialects over one log. Each frame is one JSON object with a `type`; with `batch=true`
in the address, a frame is an array of all that is waiting. The connection is described, with its close
codes and how to resume, in docs/websockets.md.
"""


@dataclass(frozen=True, slots=True)
class Channel:
    """One dialect: its name, its path, what the service sends and what it reads."""

    name: str
    path: str
    title: str
    sent: TypeAdapter[Any]
    read: TypeAdapter[Any]


CHANNELS = (
    Channel(
        "native", "/ws/subscribe", "Bars, positions and announcements",
        ws_native_models.OUTGOING, ws_native_models.COMMANDS,
    ),
    Channel("prices", "/ws", "Newest prices for tickers", ws_prices.OUTGOING, ws_prices.COMMANDS),
    Channel(
        "topics", "/api/v1/ws", "Bars by topic for charts",
        ws_topics_models.OUTGOING, ws_topics_models.COMMANDS,
    ),
)  # fmt: skip
# What a command is answered with when it can be done; one that cannot is answered with an error.
ANSWERS = {
    "subscribe": "subscribed",
    "resume": "subscribed",
    "unsubscribe": "unsubscribed",
    "preferences": "preferred",
    "authenticate": "authenticated",
    "ping": "pong",
    "bars.subscribe": "bars.subscribed",
    "bars.unsubscribe": "bars.unsubscribed",
}


def build_asyncapi(app: Quart) -> Document:
    """Return the AsyncAPI 3.0 document of an app whose routes are all there."""
    builder = _Builder({rule.rule: rule for rule in app.url_map.iter_rules() if rule.websocket}, app)
    for channel in CHANNELS:
        builder.add(channel)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "AccessibleTrader, live",
            "version": VERSION,
            "description": DESCRIPTION,
            "license": {"name": "MIT", "url": "https://opensource.org/license/mit"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "here": {
                "host": "{host}",
                "protocol": "ws",
                "description": "This service.",
                "variables": {"host": {"default": "127.0.0.1:5000", "description": "Host and port."}},
            }
        },
        "channels": builder.channels,
        "operations": builder.operations,
        "components": {
            "messages": builder.messages,
            "schemas": dict(sorted(builder.schemas.by_name.items())),
        },
    }


class _Builder:
    """Collect channels, operations and messages."""

    def __init__(self, rules: dict[str, Rule], app: Quart) -> None:
        self._rules = rules
        self._app = app
        self.schemas = Schemas()
        self.channels: Document = {}
        self.operations: Document = {}
        self.messages: Document = {}

    def add(self, channel: Channel) -> None:
        """Add one dialect."""
        view = self._app.view_functions[self._rules[channel.path].endpoint]
        sent = dict(self._messages(channel, self.schemas.sent(channel.sent), "sent"))
        read = dict(self._messages(channel, self.schemas.read(channel.read), "read"))
        self.channels[channel.name] = {
            "address": channel.path,
            "title": channel.title,
            "description": (view.__doc__ or "").strip(),
            "messages": sent | read,
            "bindings": {"ws": {"method": "GET", "query": self._query(view)}},
        }
        self.operations[f"{channel.name}.send"] = self._operation(channel, "send", sent)
        for name in read:
            self.operations[f"{channel.name}.receive.{name}"] = self._command(channel, name, sent)

    def _messages(self, channel: Channel, kinds: dict[str, str], way: str) -> Iterator[tuple[str, Document]]:
        for kind, schema in kinds.items():
            name = f"{channel.name}.{way}.{kind}"
            self.messages[name] = {
                "name": kind,
                "title": kind,
                "summary": self.schemas.by_name[schema].get("description", ""),
                "contentType": "application/json",
                "payload": {"$ref": f"#/components/schemas/{schema}"},
            }
            yield kind, {"$ref": f"#/components/messages/{name}"}

    def _query(self, view: Any) -> Document:
        schema = self.schemas.parameters(declared(view, "query_model"))  # type: ignore[arg-type]
        for name, shape in schema["properties"].items():
            shape["description"] = LIVE_PARAMETERS.get(name, "")
        return {key: schema[key] for key in ("type", "properties", "required") if key in schema}

    @staticmethod
    def _operation(channel: Channel, action: str, names: Document) -> Document:
        place = f"#/channels/{channel.name}"
        return {
            "action": action,
            "channel": {"$ref": place},
            "messages": [{"$ref": f"{place}/messages/{name}"} for name in names],
        }

    def _command(self, channel: Channel, name: str, sent: Document) -> Document:
        answers = [answer for answer in (ANSWERS[name], "error") if answer in sent]
        reply = self._operation(channel, "", dict.fromkeys(answers))
        del reply["action"]
        return self._operation(channel, "receive", {name: None}) | {"reply": reply}
