"""What one connection was told of each of its topics, and the bytes of what it is told next."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from middleware.live_frames import SendNow, text_frames
from services.announcing.messages import AnnouncementsDue
from services.live.dialect import Told
from services.live.messages import (
    Answer,
    Failure,
    Goodbye,
    Hello,
    Message,
    Resync,
    Shutdown,
    Snapshot,
    Spoken,
    Subscribed,
    Unsubscribed,
    Update,
)
from services.live.session import LiveSession
from utils import figures
from utils.clock import Clock
from utils.domain import Bar, Topic

# What docs/websockets.md calls those whose name is another.
KINDS = {Failure: "error", Shutdown: "server_shutdown"}


def _kind_of(message: Message) -> str:
    if isinstance(message, Update):
        return "bar" if isinstance(message.entry.event, Bar) else "status"
    return KINDS.get(type(message)) or type(message).__name__.lower()


@dataclass(slots=True)
class _Heard:
    name: str
    sequence: int = 0
    newest_open_ms: int = 0

    def move_on(self, update: Update) -> None:
        self.sequence += 1
        event = update.entry.event
        if isinstance(event, Bar) and event.open_time_ms > self.newest_open_ms:
            self.newest_open_ms = event.open_time_ms


@dataclass(slots=True)
class _Texts:
    texts: list[bytes] = field(default_factory=list)
    kinds: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, kind: str, text: bytes | None) -> None:
        # Not every dialect has words for everything.
        if text is not None:
            self.texts.append(text)
            self.kinds[kind] += 1

    def counted(self) -> list[bytes]:
        for kind, count in self.kinds.items():
            figures.MESSAGES.add(count, kind)
        return self.texts


@dataclass(slots=True)
class Telling:
    """Put messages into the words of a connection's dialect, the updates of each topic numbered from 1."""

    session: LiveSession
    encode: Callable[[Message, Told], bytes | None]
    clock: Clock
    _heard: dict[Topic, _Heard] = field(default_factory=dict)

    async def texts(self, messages: Iterable[Message | Goodbye]) -> list[bytes]:
        """Return what the dialect says of these messages, in their order; the client counts as told."""
        now_ms = self.clock.now_ms()
        told = _Texts()
        topic = heard = None
        for message in messages:
            if isinstance(message, Update):
                # The updates of a topic come in runs.
                if heard is None or message.entry.topic is not topic:
                    topic, heard = message.entry.topic, self._heard[message.entry.topic]
                told.add(_kind_of(message), self._encode_next(message, heard, now_ms))
                heard.move_on(message)
                continue
            heard = None
            if isinstance(message, Resync):
                told.add("resync", self._encode_answer(message, now_ms))
                told.add("snapshot", self._encode_answer(await self.session.resynced(message), now_ms))
            elif isinstance(message, AnnouncementsDue):
                for announce in self.session.due_announcements():
                    told.add("announce", self._encode_answer(announce, now_ms))
            elif not isinstance(message, Goodbye):
                told.add(_kind_of(message), self._encode_answer(message, now_ms))
        return told.counted()

    def tell_straight(self, send_now: SendNow, message: Message | Goodbye) -> bool:
        """Write an update at once; False, and nothing was told, when it is none or cannot be written."""
        heard = self._heard.get(message.entry.topic) if isinstance(message, Update) else None
        if heard is None or not isinstance(message, Update):
            return False
        text = self._encode_next(message, heard, self.clock.now_ms())
        if text is not None and not send_now(text_frames((text,))):
            return False
        heard.move_on(message)
        return True

    def _encode_next(self, message: Update, heard: _Heard, now_ms: int) -> bytes | None:
        return self.encode(message, Told(now_ms, heard.name, heard.sequence + 1, heard.newest_open_ms))

    def _encode_answer(self, message: Hello | Answer | Spoken, now_ms: int) -> bytes | None:
        match message:
            case Subscribed():
                heard = self._heard[message.topic] = _Heard(message.name)
            case Snapshot():
                heard = self._heard[message.topic]
                heard.sequence = 0
                heard.newest_open_ms = max((bar.open_time_ms for bar in message.bars), default=0)
            case Resync():
                heard = self._heard[message.topic]
            case Unsubscribed():
                heard = self._heard.pop(message.topic)
            case _:
                return self.encode(message, Told(now_ms))
        told = Told(now_ms, heard.name, heard.sequence, heard.newest_open_ms)
        return self.encode(message, told)
