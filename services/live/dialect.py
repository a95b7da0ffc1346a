"""What every WebSocket dialect is made of: commands of one kind in, messages of one kind out; pure values.

A dialect is two functions. What they need to know of a connection they are given: nothing is kept in them,
so that a message may be encoded once and sent to every connection that knows its topic by the same name.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from services.announcing.preferences import PreferencesChange
from services.live.log import Position
from services.live.messages import Message


@dataclass(frozen=True, slots=True)
class Wanted:
    """Name bars that a client wants; what is None is as in the address of its connection.

    ``name`` is what the client calls the topic, None when it uses the topic's own text.
    """

    symbol: str
    market: str | None = None
    exchange: str | None = None
    timeframe: str | None = None
    since: Position | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Ask for topics, each answered by itself."""

    wanted: tuple[Wanted, ...]
    command_id: str | None = None


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """End topics, named as the client named them."""

    names: tuple[str, ...]
    command_id: str | None = None


@dataclass(frozen=True, slots=True)
class Ping:
    """Ask for a pong."""

    command_id: str | None = None


@dataclass(frozen=True, slots=True)
class Authenticate:
    """Say who holds the connection, by an access token."""

    token: str = field(repr=False)
    command_id: str | None = None


@dataclass(frozen=True, slots=True)
class Prefer:
    """Say what is to be announced, and how; ``away_since_ms`` asks what happened since then."""

    change: PreferencesChange
    since_sequence: int | None = None
    away_since_ms: int | None = None
    command_id: str | None = None


Command = Subscribe | Unsubscribe | Ping | Authenticate | Prefer


class Told(NamedTuple):
    """Say what is known of the connection when a message goes out, and of the message's topic there.

    ``newest_open_ms`` is the open of the newest bar of the topic that the connection was told. A tuple,
    because one is made for each message to each connection.
    """

    now_ms: int
    name: str = ""
    sequence: int = 0
    newest_open_ms: int = 0


@dataclass(frozen=True, slots=True)
class Dialect:
    """Speak and understand one dialect.

    ``parse`` raises MalformedRequest with a sentence. ``encode`` returns None for what the dialect does not
    say.
    """

    parse: Callable[[str], Command]
    encode: Callable[[Message, Told], bytes | None]
