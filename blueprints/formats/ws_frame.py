"""What all WebSocket dialects share: reading a command, and the messages that are the same in each; pure."""

from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from services.live.log import FeedStatus
from services.live.messages import SHUTDOWN_TEXT, Authenticated, Heartbeat, Pong, Shutdown
from utils.errors import MalformedRequest
from utils.json_codec import JsonError, decode_json

# What is news is encoded once for all who listen, and a moment later it is not wanted any more. Each takes a
# kilobyte and a half.
NEWS_ENCODED = 512

Read = TypeVar("Read")


class WireMessage(BaseModel):
    """Base of every message that goes out: nothing may be added in silence."""

    model_config = ConfigDict(extra="forbid")


class WireCommand(BaseModel):
    """Base of every command; ``id`` comes back in its answer."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_max_length=128)
    id: str | None = None


class HeartbeatMessage(WireMessage):
    """Shows that the line is alive."""

    type: Literal["heartbeat"]
    server_time_ms: int


class PongMessage(WireMessage):
    """Answers a ping."""

    type: Literal["pong"]
    id: str | None
    server_time_ms: int


class AuthenticatedMessage(WireMessage):
    """Confirms who holds the connection."""

    type: Literal["authenticated"]
    id: str | None
    username: str
    topics_max: int


class ServerShutdownMessage(WireMessage):
    """Says that the server stops; the socket is then closed with 1012."""

    type: Literal["server_shutdown"]
    retry_ms: int
    text: str


class PingCommand(WireCommand):
    """Asks for a pong."""

    type: Literal["ping"]


class AuthenticateCommand(WireCommand):
    """Says who holds the connection, by an access token."""

    type: Literal["authenticate"]
    token: Annotated[str, Field(max_length=4096, repr=False)]


def read_command(adapter: TypeAdapter[Read], text: str, types: str) -> Read:
    """Read one command of a union by ``type``; ``types`` names them for people.

    Raises: MalformedRequest with a sentence.
    """
    try:
        return adapter.validate_python(decode_json(text.encode()))
    except (JsonError, UnicodeEncodeError) as error:
        raise MalformedRequest("A command must be a JSON object.", code="malformed_json") from error
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        if problem["type"].startswith("union_tag") or problem["type"] == "model_attributes_type":
            detail = f"The type of a command must be {types}."
        else:
            place = ".".join(str(part) for part in problem["loc"][1:]) or "the command"
            detail = f"This command does not fit at {place}: {problem['msg']}."
        raise MalformedRequest(detail, code="invalid_command") from error


def typed(name: str, **fields: object) -> dict[str, object]:
    """Return a message; its type comes first, so that who reads or hears it knows at once what it is."""
    return {"type": name, **fields}


def common(message: Pong | Authenticated | Heartbeat | Shutdown, now_ms: int) -> dict[str, object]:
    """Return a message that all dialects say in the same way."""
    match message:
        case Pong():
            return typed("pong", id=message.command_id, server_time_ms=now_ms)
        case Authenticated():
            return typed(
                "authenticated",
                id=message.command_id,
                username=message.username,
                topics_max=message.topics_max,
            )
        case Heartbeat():
            return typed("heartbeat", server_time_ms=now_ms)
        case Shutdown():
            return typed("server_shutdown", retry_ms=message.retry_ms, text=SHUTDOWN_TEXT)


def status_fields(status: FeedStatus) -> dict[str, object]:
    """Return how a feed is, since when, and in words."""
    return {"state": status.state, "since_ms": status.since_ms, "text": status.text}
