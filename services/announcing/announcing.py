"""Everything of one worker that makes announcements, as one thing to open and close."""

from dataclasses import dataclass

from services.announcing.alert_book import AlertBook
from services.announcing.alert_feeds import AlertFeeds
from services.announcing.desk import Desk
from services.announcing.digest import Digest
from services.announcing.earphone import Earphone, EarphoneParts
from services.announcing.record import FiringRecord
from services.live.mailbox import Mailbox
from services.live.messages import Goodbye, Message
from utils.accounts import Principal


@dataclass(frozen=True, slots=True)
class Announcing:
    """Give connections their earphones, and users their alerts."""

    desk: Desk
    record: FiringRecord
    alerts: AlertBook
    digest: Digest
    feeds: AlertFeeds
    parts: EarphoneParts

    def earphone(
        self,
        mailbox: "Mailbox[Message | Goodbye]",
        principal: Principal | None = None,
        accept_language: str | None = None,
    ) -> Earphone:
        """Return what a connection needs to hear announcements; it is not plugged in."""
        return Earphone(self.parts, mailbox, principal, accept_language)

    def start(self) -> None:
        """Begin to see to the feeds of alerts, on a worker that feeds."""
        self.feeds.start()

    async def close(self) -> None:
        """End everything that runs by itself; the feeds themselves are ended by others, after this."""
        await self.feeds.close()
        await self.desk.close()
        await self.record.close()
