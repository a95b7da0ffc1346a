"""What one connection was told of each of its topics, and the bytes of what it is told next."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from middleware.live_frames import SendNow, text_frames
from services.announcing.messages import AnnouncementsDue
from services.live.dialect import Told
from services.live.messages import (
    Answer,
    Goodbye,
    Hello,
    Message,
    Resync,
    Snapshot,
    Spoken,
    Subscribed,
    Unsubscribed,
    Update,
)
from services.live.session import LiveSession
from utils.clock import Clock
from utils.domain import Bar, Topic


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
class Telling:
    """Put messages into the words of a connection's dialect, the updates of each topic numbered from 1."""

    session: LiveSession
    encode: Callable[[Message, Told], bytes | None]
    clock: Clock
    _heard: dict[Topic, _Heard] = field(default_factory=dict)

    async def texts(self, messages: Iterable[Message | Goodbye]) -> list[bytes]:
        """Return what the dialect says of these messages, in their order; the client counts as told."""
        now_ms = self.clock.now_ms()
        texts: list[bytes | None] = []
        topic = heard = None
        for message in messages:
            if isinstance(message, Update):
                # The updates of a topic come in runs.
                if heard is None or message.entry.topic is not topic:
                    topic, heard = message.entry.topic, self._heard[message.entry.topic]
                texts.append(self._encode_next(message, heard, now_ms))
                heard.move_on(message)
                continue
            heard = None
            if isinstance(message, Resync):
                texts.append(self._encode_answer(message, now_ms))
                texts.append(self._encode_answer(await self.session.resynced(message), now_ms))
            elif isinstance(message, AnnouncementsDue):
                due = self.session.due_announcements()
                texts += [self._encode_answer(announce, now_ms) for announce in due]
            elif not isinstance(message, Goodbye):
                texts.append(self._encode_answer(message, now_ms))
        return [text for text in texts if text is not None]

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
