"""What a connection is told, whatever dialect it speaks; pure values."""

from dataclasses import dataclass, field

from services.announcing.messages import Announce, AnnouncementsDue, Preferred
from services.live.log import LogEntry, Position, order_of
from utils.domain import Bar, Topic

SHUTDOWN_TEXT = "The server restarts. Connect again in a few seconds."


@dataclass(frozen=True, slots=True)
class Hello:
    """Greet, first of all, with the longest silence to expect and how many topics are allowed."""

    connection_id: str
    heartbeat_ms: int
    topics_max: int


@dataclass(frozen=True, slots=True)
class Subscribed:
    """Confirm a topic and name the position the client now holds.

    ``recovered`` is True when what follows is exactly what was missed; else a snapshot follows. ``name`` is
    what the client calls the topic from now on.
    """

    topic: Topic
    position: Position
    recovered: bool
    name: str


@dataclass(frozen=True, slots=True)
class Unsubscribed:
    """Confirm that a topic has ended."""

    topic: Topic


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Give the newest bars of a topic, oldest first, as of a position."""

    topic: Topic
    position: Position
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Update:
    """Pass on one entry of the log, a bar or a status.

    One is made for all who listen; what each mailbox asks of it is worked out here, once. ``slot`` names the
    bar, ``order`` compares as the log is ordered.
    """

    entry: LogEntry
    final: bool = field(init=False, compare=False, repr=False)
    slot: str = field(init=False, compare=False, repr=False)
    order: tuple[int, int] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        event = self.entry.event
        final, what = (event.final, event.open_time_ms) if isinstance(event, Bar) else (False, "status")
        object.__setattr__(self, "final", final)
        object.__setattr__(self, "slot", f"{self.entry.topic.text} {what}")
        object.__setattr__(self, "order", order_of(self.entry.position.offset))


@dataclass(frozen=True, slots=True)
class Resync:
    """Say that what was missed cannot be known; a snapshot follows."""

    topic: Topic
    position: Position


@dataclass(frozen=True, slots=True)
class Failure:
    """Say that a command could not be done; the connection stays. ``name`` is the topic that it named."""

    code: str
    detail: str
    command_id: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Pong:
    """Answer a ping."""

    command_id: str | None = None


@dataclass(frozen=True, slots=True)
class Authenticated:
    """Confirm who holds the connection, and how many topics it may hold from now on."""

    username: str
    topics_max: int
    command_id: str | None = None


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Show that the line is alive while there is nothing to tell."""


@dataclass(frozen=True, slots=True)
class Shutdown:
    """Say that the server stops, and after how long it is worth coming back."""

    retry_ms: int


@dataclass(frozen=True, slots=True)
class Goodbye:
    """Close the connection with a code once all before it has been said; no message of any dialect."""

    code: int
    reason: str


# Everything but an update is an answer to one connection; an update is for all who listen.
Answer = (
    Hello
    | Subscribed
    | Unsubscribed
    | Snapshot
    | Resync
    | Failure
    | Pong
    | Authenticated
    | Heartbeat
    | Shutdown
)
# What is said aloud; and the request to make it when its turn comes, which is no message of any dialect.
Spoken = Announce | Preferred
Message = Answer | Spoken | AnnouncementsDue | Update
