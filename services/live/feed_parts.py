"""What the feed of one topic is made of."""

from dataclasses import dataclass

from plugins.base import MarketPlugin, VenueProfile
from services.history_filler import HistoryFiller
from services.live.broadcaster import Pace
from services.live.projector import Projector
from services.stores.series import Series
from utils.clock import Clock
from utils.domain import Topic


@dataclass(frozen=True, slots=True)
class FeedParts:
    """What a feed is made of."""

    topic: Topic
    series: Series
    plugin: MarketPlugin
    profile: VenueProfile
    filler: HistoryFiller
    projector: Projector
    clock: Clock
    pace: Pace
    # Up to when the session before this one saw everything, None when there was none here.
    fed_until_ms: int | None
