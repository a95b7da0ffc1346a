"""Decisions, and the one place that wires them."""

import asyncio
import functools
from dataclasses import dataclass

import asyncpg
from redis.asyncio import Redis

from config import Config
from plugins import PluginRegistry
from services.announcing.announcing import Announcing
from services.announcing.record import FiringRecord
from services.answer_cache import AnswerCache
from services.auth_service import AuthService, AuthSettings
from services.backends import Backends
from services.backfill import Backfill
from services.bar_import import BarImport
from services.catalog import Catalog
from services.chart_marks import ChartMarks
from services.chart_quotes import ChartQuotes
from services.coins.answers import TOPIC as COINS
from services.coins.listings import CoinListings
from services.coins.source import ListingsSource
from services.coins.upkeep import CoinUpkeep
from services.collecting import Collecting
from services.datafeed import Datafeed
from services.fleet.fleet import Fleet
from services.fleet.roll import Roll
from services.fleet.self_report import SelfParts, SelfReport
from services.hash_pool import hash_threads
from services.health import HealthCheck
from services.history_filler import HistoryFiller
from services.idempotency import IdempotentRequests
from services.jobs.jobs import Jobs
from services.last_bars import LastBars
from services.live.broadcaster import BarBroadcaster
from services.live.limits import LiveLimits
from services.live_wiring import LiveSettings, build_live
from services.market_service import MarketService
from services.passwords import DEFAULT_COST, TEST_COST
from services.principal_watch import PrincipalWatch
from services.profile import Profiles
from services.quarantine import Quarantine
from services.search.instrument_search import InstrumentSearch
from services.upstream.guarded_plugin import exchange_states, guard_plugins
from services.upstream.optional_redis import OptionalRedis
from services.upstream.shared_flight import SharedFlight
from services.upstream.shared_state import SharedStates
from services.user_admin import UserAdmin
from services.websocket_service import WebSocketService
from services.worker_name import worker_name
from utils.clock import Clock

WITHOUT_REDIS = "answers are kept without Redis, each worker for itself"


@dataclass(frozen=True, slots=True)
class Services:
    """Hold everything a view may call."""

    clock: Clock
    pool: asyncpg.Pool
    redis: Redis
    plugins: PluginRegistry
    auth: AuthService
    user_admin: UserAdmin
    profiles: Profiles
    principals: PrincipalWatch
    requests: IdempotentRequests
    catalog: Catalog
    search: InstrumentSearch
    market: MarketService
    datafeed: Datafeed
    live: WebSocketService
    announcing: Announcing
    quarantine: Quarantine
    answers: AnswerCache
    backfill: Backfill
    collecting: Collecting
    bar_import: BarImport
    coin_source: ListingsSource
    coins: CoinListings
    coin_upkeep: CoinUpkeep
    jobs: Jobs
    fleet: Fleet
    health: HealthCheck

    def start(self) -> None:
        """Begin what goes on by itself on a worker."""
        self.live.start()
        self.announcing.start()
        self.fleet.start()

    async def close(self) -> None:
        """End everything that runs by itself, feeds first."""
        await self.fleet.close()
        await self.announcing.close()
        await self.live.close()
        await self.principals.close()
        await self.answers.close()
        await self.search.close()
        await asyncio.gather(self.market.close(), self.catalog.close())
        self.auth.close()


def auth_settings(config: Config) -> AuthSettings:
    """Return what the accounts need of the settings."""
    return AuthSettings(
        secret_keys=tuple(secret for secret in (config.secret_key, config.secret_key_previous) if secret),
        access_token_life_s=config.access_token_minutes * 60,
        session_life_s=config.refresh_token_days * 24 * 60 * 60,
        session_idle_s=config.session_idle_days * 24 * 60 * 60,
        registration_open=config.registration_open,
        first_admin_link=config.env == "development",
        bcrypt_cost=TEST_COST if config.env == "test" else DEFAULT_COST,
        hash_threads=hash_threads(config.workers),
    )


def build_services(config: Config, backends: Backends) -> Services:
    """Wire every service; nothing runs yet and nothing is asked of the network."""
    clock = backends.clock
    optional_redis = OptionalRedis(backends.redis, clock.steady_s)
    plugins = guard_plugins(backends.plugins, redis=optional_redis, clock=clock, workers=config.workers)
    catalog = Catalog(
        plugins,
        clock,
        default_market=config.default_market,
        default_exchange=config.default_exchange,
    )
    quarantine = Quarantine()
    answers = AnswerCache(
        OptionalRedis(backends.redis, clock.steady_s, WITHOUT_REDIS, part="answers"),
        clock,
        bytes_max=config.answer_cache_mb * 1_000_000,
    )
    filler = HistoryFiller(backends.pool, quarantine, answers.announce)
    turns = SharedFlight(optional_redis, clock.steady_s)
    accounts = auth_settings(config)
    auth = AuthService(pool=backends.pool, clock=clock, settings=accounts)
    market = MarketService(pool=backends.pool, catalog=catalog, filler=filler, shared=turns)
    live, announcing = build_live(
        _live_settings(config), backends, catalog, filler, market, announce=answers.announce
    )
    search = InstrumentSearch(catalog=catalog, pool=backends.pool, clock=clock)
    backfill = Backfill(pool=backends.pool, catalog=catalog, filler=filler, clock=clock)
    coin_source = ListingsSource(backends.listings, redis=optional_redis, clock=clock, workers=config.workers)
    coins, coin_upkeep = _build_coins(config, backends, coin_source, answers)
    fleet = _build_fleet(config, backends, optional_redis, plugins, live)
    return Services(
        clock=backends.clock,
        pool=backends.pool,
        redis=backends.redis,
        plugins=plugins,
        auth=auth,
        user_admin=UserAdmin(pool=backends.pool, clock=clock, sessions=auth.sessions),
        profiles=Profiles(backends.pool, clock),
        principals=PrincipalWatch(auth.sessions, clock),
        requests=IdempotentRequests(backends.pool, clock, accounts.secret_keys),
        catalog=catalog,
        search=search,
        market=market,
        datafeed=_build_datafeed(backends, catalog, search, market, announcing.record),
        live=live,
        announcing=announcing,
        quarantine=quarantine,
        answers=answers,
        backfill=backfill,
        collecting=Collecting(pool=backends.pool, backfill=backfill, clock=clock),
        bar_import=BarImport(pool=backends.pool, catalog=catalog, announce=answers.announce),
        coin_source=coin_source,
        coins=coins,
        coin_upkeep=coin_upkeep,
        jobs=Jobs(pool=backends.pool, clock=clock),
        fleet=fleet,
        health=HealthCheck(backends.pool, backends.redis, fleet, backends.schema_version),
    )


def _build_fleet(
    config: Config, backends: Backends, redis: OptionalRedis, plugins: PluginRegistry, live: WebSocketService
) -> Fleet:
    steady_s = backends.clock.steady_s
    own = SelfReport(
        SelfParts(
            name=worker_name(),
            role=config.role,
            connections=lambda: live.connections,
            listeners=lambda: live.listeners,
            feeds=lambda: live.kept_feeds,
            exchanges=lambda: exchange_states(plugins),
            steady_s=steady_s,
        )
    )
    return Fleet(Roll(backends.redis_live), SharedStates(redis), own.describe, steady_s)


def _build_coins(
    config: Config, backends: Backends, source: ListingsSource, answers: AnswerCache
) -> tuple[CoinListings, CoinUpkeep]:
    upkeep = CoinUpkeep(
        pool=backends.pool,
        clock=backends.clock,
        source=source,
        announce=functools.partial(answers.announce_names, (COINS,)),
        history_days=config.coin_history_days,
    )
    return CoinListings(backends.pool, backends.clock, providers=source.providers), upkeep


def _build_datafeed(
    backends: Backends,
    catalog: Catalog,
    search: InstrumentSearch,
    market: MarketService,
    record: FiringRecord,
) -> Datafeed:
    last_bars = LastBars(pool=backends.pool, catalog=catalog, read_bars=market.bars)
    return Datafeed(
        catalog=catalog,
        search=search,
        last_bars=last_bars,
        marks=ChartMarks(last_bars, record),
        quotes=ChartQuotes(search=search, last_bars=last_bars, clock=backends.clock),
    )


def _live_settings(config: Config) -> LiveSettings:
    return LiveSettings(
        feeds=config.role != "web",
        limits=LiveLimits(per_address_max=config.ws_max_per_address, per_user_max=config.ws_max_per_user),
        broadcaster=BarBroadcaster.parse(
            enabled=config.bar_broadcaster_enabled,
            interval_s=config.bar_broadcaster_interval,
            symbols=config.bar_broadcaster_symbols,
            resolutions=config.bar_broadcaster_resolutions,
        ),
    )
