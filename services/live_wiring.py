"""The wiring of what is live: feeds, logs, listeners, announcements. A part of that of the whole house."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from services.announcing.alert_book import AlertBook
from services.announcing.alert_feeds import AlertFeeds
from services.announcing.alert_follower import AlertFollower
from services.announcing.announcing import Announcing
from services.announcing.desk import Desk, DeskParts, ReadPast
from services.announcing.digest import Digest
from services.announcing.earphone import EarphoneParts
from services.announcing.news import Past
from services.announcing.record import FiringRecord
from services.announcing.steps_book import StepsBook
from services.backends import Backends
from services.bar_writer import Announce
from services.catalog import Catalog
from services.history_filler import HistoryFiller
from services.live.broadcaster import BarBroadcaster
from services.live.feed import Feed
from services.live.feed_keeper import FeedKeeper
from services.live.feed_parts import FeedParts
from services.live.feeds import Feeds
from services.live.hub import Hub
from services.live.lease import Leases
from services.live.limits import LiveLimits
from services.live.log import LiveLog
from services.live.projector import Projector
from services.live.remote_feeds import RemoteFeeds
from services.live.session import LiveParts
from services.live.snapshot import Snapshots
from services.live.wish_follower import WishFollower
from services.live.wishes import Wishes
from services.market_service import HistoryQuery, MarketService
from services.stores.losses import DATABASE_AWAY
from services.stores.series import upsert_series
from services.websocket_service import WebSocketService
from utils.domain import Bar, InstrumentSpec, Topic
from utils.errors import AppError


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """Say how live bars are told; without ``feeds``, other workers have the feeds."""

    feeds: bool
    limits: LiveLimits
    broadcaster: BarBroadcaster


def build_live(
    settings: LiveSettings,
    backends: Backends,
    catalog: Catalog,
    filler: HistoryFiller,
    market: MarketService,
    *,
    announce: Announce,
) -> tuple[WebSocketService, Announcing]:
    """Wire what listens to exchanges and what tells listeners; nothing runs yet."""
    log = LiveLog(backends.redis_live)
    leases = Leases(backends.redis_live)
    hub = Hub(log, backends.redis_live, backends.redis_blocking, backends.clock)
    steps = StepsBook(_spec_finder(catalog))
    record = FiringRecord(backends.pool, backends.redis_live, backends.redis_blocking, steps.learn)
    alerts = AlertFollower(pool=backends.pool, log_=log, hub=hub, record=record)
    wishes = Wishes(backends.redis_live)
    feeds: Feeds = RemoteFeeds(wishes)
    follower = None
    if settings.feeds:
        open_feed = _feed_opener(
            settings.broadcaster, backends, catalog, filler, announce=announce, log=log, token=leases.token
        )
        feeds = FeedKeeper(
            leases=leases, log_=log, clock=backends.clock, open_feed=open_feed, beside=alerts.follow
        )
        follower = WishFollower(wishes, feeds)
    read_past = _past_reader(market)
    snapshots = Snapshots(log, _bars_reader(read_past), backends.clock)
    parts = LiveParts(hub, log, feeds, snapshots, settings.limits.topics_max)
    live = WebSocketService(
        catalog=catalog,
        parts=parts,
        hub=hub,
        follower=follower,
        limits=settings.limits,
        broadcaster=settings.broadcaster,
    )
    desk = DeskParts(hub, log, backends.clock, steps, read_past)
    return live, _build_announcing(backends, desk, record, feeds if settings.feeds else None)


def _feed_opener(
    broadcaster: BarBroadcaster,
    backends: Backends,
    catalog: Catalog,
    filler: HistoryFiller,
    *,
    announce: Announce,
    log: LiveLog,
    token: str,
) -> Callable[[Topic, int | None], Awaitable[Feed]]:
    async def open_feed(topic: Topic, fed_until_ms: int | None) -> Feed:
        series = await upsert_series(backends.pool, topic.instrument, topic.timeframe)
        pace = broadcaster.pace_of(topic)
        projector = Projector(
            pool=backends.pool,
            log=log,
            topic=topic,
            series=series,
            token=token,
            announce=announce,
            counters=pace.counters,
        )
        return Feed(
            FeedParts(
                topic=topic,
                series=series,
                plugin=catalog.plugin(topic.instrument.market),
                profile=await catalog.profile(topic.instrument.market, topic.instrument.exchange),
                filler=filler,
                projector=projector,
                clock=backends.clock,
                pace=pace,
                fed_until_ms=fed_until_ms,
            )
        )

    return open_feed


def _build_announcing(
    backends: Backends, parts: DeskParts, record: FiringRecord, feeds: Feeds | None
) -> Announcing:
    desk = Desk(parts)
    return Announcing(
        desk=desk,
        record=record,
        alerts=AlertBook(pool=backends.pool, clock=backends.clock, log_=parts.log, record=record),
        digest=Digest(parts, record),
        feeds=AlertFeeds(pool=backends.pool, redis=backends.redis_live, feeds=feeds),
        parts=EarphoneParts(desk, record, backends.pool, backends.clock),
    )


def _past_reader(market: MarketService) -> ReadPast:
    async def read_past(topic: Topic, limit: int) -> Past:
        try:
            history = await market.bars(HistoryQuery(topic.instrument, topic.timeframe, limit=limit))
        except (AppError, *DATABASE_AWAY):
            # A client may listen before the exchange or the database answers; the feed's status says so.
            return Past()
        return Past(history.bars, history.gaps, history.as_of_ms if history.stale else None)

    return read_past


def _bars_reader(read_past: ReadPast) -> Callable[[Topic, int], Awaitable[tuple[Bar, ...]]]:
    async def read_bars(topic: Topic, limit: int) -> tuple[Bar, ...]:
        return (await read_past(topic, limit)).bars

    return read_bars


def _spec_finder(catalog: Catalog) -> Callable[[Topic], Awaitable[InstrumentSpec]]:
    async def find_spec(topic: Topic) -> InstrumentSpec:
        return await catalog.find(topic.instrument)

    return find_spec
