"""What a connection is told of announcements; pure values."""

from dataclasses import dataclass

from services.announcing.announcement import Announcement
from services.announcing.preferences import Preferences
from services.announcing.wording import Steps, Words


@dataclass(frozen=True, slots=True)
class AnnouncementsDue:
    """Ask for what waits to be announced: the message is made when its turn to be sent comes."""


@dataclass(frozen=True, slots=True)
class Announce:
    """Announce something in words.

    ``sequence`` is how far the record of alerts has been told to this listener: its own place for an alert.
    """

    sequence: int
    announcement: Announcement
    steps: Steps
    words: Words
    speech_s: float
    language: str
    direction: str


@dataclass(frozen=True, slots=True)
class Preferred:
    """Confirm what the listener wants from now on.

    ``sequence`` is how far the record of alerts was told; None where nobody's alerts are told.
    """

    preferences: Preferences
    stored: bool
    command_id: str | None = None
    sequence: int | None = None
