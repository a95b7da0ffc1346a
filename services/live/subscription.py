"""One topic on one connection: what is read of its log goes into the mailbox, in order and once."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from services.live.hub import Listener
from services.live.log import FeedStatus, LogEntry, Position, order_of
from services.live.mailbox import Mailbox
from services.live.messages import Goodbye, Message, Resync, Update
from utils.domain import Topic

# Of all topics of a connection together, so many closes that were missed may wait to be sent.
REPLAYED_MAX = 4_096


@dataclass(eq=False, slots=True)
class Subscription:
    """Hold where the client is in a topic; until ``begin`` says where, what comes waits here."""

    topic: Topic
    name: str
    mailbox: Mailbox[Message | Goodbye]
    listener: Listener = field(init=False)
    ended: bool = False
    _after: Position | None = None
    _waiting: list[Update] = field(default_factory=list)
    _told_first: asyncio.Event | None = None

    def __post_init__(self) -> None:
        # It calls the subscription itself: looking that up for each delivery would cost as much as the rest.
        self.listener = Listener(self.topic, deliver=self.deliver, broken=self._on_broken, told=self._tell)

    def begin(self, position: Position, status: FeedStatus | None) -> None:
        """Tell everything after a position, and how the feed is."""
        self._after = position
        if status is not None:
            self._tell(status)
        waiting, self._waiting = self._waiting, []
        # Nobody was slow to read what gathered here before it could be told.
        missed = self.may_replay(len(waiting))
        for update in waiting:
            self.deliver((update,), missed=missed)

    async def first_word(self, patience_s: float) -> Position | None:
        """Wait for something to be told; return the newest position, None when nothing comes in time."""
        self._told_first = asyncio.Event()
        try:
            async with asyncio.timeout(patience_s):
                await self._told_first.wait()
        except TimeoutError:
            return None
        finally:
            self._told_first = None
        return self._waiting[-1].entry.position

    def may_replay(self, count: int) -> bool:
        """Tell whether so many more that were missed may wait to be sent."""
        return self.mailbox.replayed + count <= REPLAYED_MAX

    def post_all(self, updates: Iterable[Update], *, missed: bool = False) -> None:
        """Put updates into the mailbox; those of a bar that still forms take each other's place."""
        mailbox = self.mailbox
        for update in updates:
            if update.final:
                # What was still forming in the mailbox has been overtaken by its own close.
                mailbox.drop(update.slot)
                if missed:
                    mailbox.replay(update)
                else:
                    mailbox.put(update)
            else:
                mailbox.put(update, replaces=update.slot)

    def deliver(self, updates: Sequence[Update], *, missed: bool = False) -> bool:
        """Tell what is new to the client; return whether the client has it already."""
        if self.ended:
            return False
        after = self._after
        if after is None:
            self._waiting += updates
            if self._told_first is not None:
                self._told_first.set()
            return False
        first, last = updates[0], updates[-1]
        if after.epoch != first.entry.position.epoch:
            # The log began anew while this subscription was being made.
            self._on_broken(first.entry.position)
            updates = updates[1:] if self._after == first.entry.position else ()
        elif first.order <= order_of(after.offset):
            updates = [update for update in updates if update.order > order_of(after.offset)]
        if updates:
            self._after = last.entry.position
            if len(updates) == 1 and self.mailbox.pass_on(updates[0]):
                return True
            self.post_all(updates, missed=missed)
        return False

    def _tell(self, status: FeedStatus) -> None:
        # Who is still subscribing is told at the end of that.
        if not self.ended and self._after is not None:
            # No entry of the log: it is said at the place where the client is.
            update = Update(LogEntry(self.topic, self._after, status))
            self.mailbox.put(update, replaces=update.slot)

    def _on_broken(self, position: Position) -> None:
        if self.ended or self._after is None:
            return
        if int(position.epoch) > int(self._after.epoch):
            # The snapshot that follows holds everything up to here.
            self._after = position
            self.mailbox.put(Resync(self.topic, position))
