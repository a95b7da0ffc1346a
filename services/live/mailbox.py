"""What waits to be sent to one connection: bounded, forming bars conflated, closes never dropped."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from utils import figures

Message = TypeVar("Message")

MESSAGES_MAX = 256


class MailboxOverflow(Exception):
    """Say that the reader cannot keep up with messages that may not be dropped."""


@dataclass(slots=True)
class Mailbox(Generic[Message]):
    """Hold messages in the order in which they became due.

    A message with a key ends an older one with the same key: the reader gets only the newest, at the newest
    one's turn, so what is sent stays in the order of the log. Messages without a key are all kept, at most
    ``limit`` of them. What is replayed may all wait at once, for no reader is slow for that; whoever replays
    bounds it by what ``replayed`` tells of those that wait.
    """

    limit: int = MESSAGES_MAX
    overflowed: bool = False
    replayed: int = 0
    # Takes a message for the reader at once, or says that it cannot.
    straight: Callable[[Message], bool] | None = None
    _slots: dict[object, Message] = field(default_factory=dict)
    _kept: int = 0
    # Whether anything was taken since ``rested`` was asked last.
    _taken: bool = True
    # Whom news would wake; an Event would cost each connection a kilobyte.
    _waiter: "asyncio.Future[None] | None" = None
    # Who rests, and is woken when the mailbox is half full.
    _resting: "asyncio.Future[None] | None" = None

    def put(self, message: Message, *, replaces: object | None = None) -> None:
        """Add a message; with ``replaces`` it may be conflated. Never waits.

        When too many messages wait, the mailbox is marked as overflowed and ``take`` raises.
        """
        if replaces is not None:
            # Taken out first, so that it comes back as the last.
            if self._slots.pop(replaces, None) is not None:
                figures.CONFLATED.add()
            self._slots[replaces] = message
        elif self._kept >= self.limit:
            self.overflowed = True
        else:
            # A key that nobody else can have.
            self._slots[object()] = message
            self._kept += 1
            if self._resting is not None and self._is_half_full and not self._resting.done():
                self._resting.set_result(None)
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def replay(self, message: Message) -> None:
        """Add a message that was missed; it is kept, and counts by itself. Never waits."""
        self.replayed += 1
        self.put(message, replaces=object())

    def pass_on(self, message: Message) -> bool:
        """Give a message to a reader who waits for it and for nothing else; False when it must be put.

        It saves waking the reader, which for a thousand of them is most of what telling them costs.
        """
        waiter = self._waiter
        if self.straight is None or waiter is None or waiter.done():
            return False
        passed = self.straight(message)
        self._taken = self._taken or passed
        return passed

    def drop(self, key: object) -> None:
        """Forget the conflated message with this key: something final has overtaken it."""
        self._slots.pop(key, None)

    def rested(self) -> bool:
        """Tell whether nothing was taken since this was asked last."""
        taken, self._taken = self._taken, False
        return not taken

    async def rest(self, rest_s: float) -> None:
        """Wait so long, or until the mailbox is half full: to rest is not to be slow."""
        if self._is_half_full:
            return
        self._resting = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(rest_s):
                await self._resting
        except TimeoutError:
            pass
        finally:
            self._resting = None

    @property
    def _is_half_full(self) -> bool:
        return self._kept >= self.limit // 2

    async def take(self) -> list[Message]:
        """Wait for messages and return all that are due, oldest first. Raises: MailboxOverflow."""
        while not self._slots and not self.overflowed:
            # Again and again: news may have been dropped before the reader got here.
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self.overflowed:
            raise MailboxOverflow
        messages = list(self._slots.values())
        self._slots.clear()
        self._kept = self.replayed = 0
        self._taken = True
        return messages
