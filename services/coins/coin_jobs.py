"""What is done for coins without anybody asking, and what admins order: the jobs, and when they come."""

from services.coins.schedule import FREQUENT, HOURLY
from services.coins.upkeep import CoinUpkeep, SyncReport
from services.jobs.job import DAY_S, HOUR_S, MINUTE_S, Every, Job, JobContext
from utils.domain import SECOND_MS

SYNC = "sync_coins"
SYNC_FREQUENT = "sync_coins_frequently"
SYNC_HOURLY = "sync_coins_hourly"
# Of the 10,000 calls a month of CoinGecko's free plan the syncs leave 1,072; these take 496.
BACKFILLS_A_DAY = 8
DESCRIPTIONS_A_DAY = 8


def coin_jobs(upkeep: CoinUpkeep) -> list[Job]:
    """Return the jobs of coins; planned times are in UTC."""
    return [*_syncs(upkeep), *_daily(upkeep)]


def _syncs(upkeep: CoinUpkeep) -> list[Job]:
    async def sync(context: JobContext) -> None:
        limit, provider = context.payload.get("limit"), context.payload.get("provider")
        assert isinstance(limit, int)
        assert provider is None or isinstance(provider, str)
        await _tell(context, await upkeep.sync(limit, provider, spare=True))

    async def sync_frequently(context: JobContext) -> None:
        await _tell(context, await upkeep.sync(FREQUENT.coins))

    async def sync_hourly(context: JobContext) -> None:
        await _tell(context, await upkeep.sync(HOURLY.coins))

    return [
        Job(SYNC, "Lists coins because an admin asked for it.", sync, by_name=False),
        Job(
            SYNC_FREQUENT,
            "Lists the first 50 coins.",
            sync_frequently,
            every=Every(FREQUENT.every_ms // SECOND_MS),
            time_limit_s=4 * MINUTE_S,
            attempts_max=2,
            unless_just_ran=(SYNC_HOURLY,),
            just_s=FREQUENT.every_ms / SECOND_MS,
        ),
        Job(
            SYNC_HOURLY, "Lists the first 200 coins.", sync_hourly, every=Every(HOURLY.every_ms // SECOND_MS)
        ),
    ]


def _daily(upkeep: CoinUpkeep) -> list[Job]:
    async def clean_up(context: JobContext) -> None:
        forgotten = await upkeep.clean_up()
        context.count(forgotten.points + forgotten.days)

    async def roll_up(context: JobContext) -> None:
        context.count(await upkeep.roll_up())

    async def backfill(context: JobContext) -> None:
        context.count(await upkeep.backfill(BACKFILLS_A_DAY, context.report))

    async def describe(context: JobContext) -> None:
        context.count(await upkeep.describe(DESCRIPTIONS_A_DAY))

    sentences = {
        "roll_up_coins": ("Makes days of the prices of coins.", roll_up, 10 * MINUTE_S),
        "clean_up_coins": ("Forgets prices of coins that are too old.", clean_up, 3 * HOUR_S),
        "backfill_coins": ("Asks for the past of coins that lack it.", backfill, 4 * HOUR_S),
        "describe_coins": ("Asks what coins are, in words.", describe, 5 * HOUR_S),
    }
    return [
        Job(name, sentence, work, every=Every(DAY_S, after_s=after_s), time_limit_s=HOUR_S)
        for name, (sentence, work, after_s) in sentences.items()
    ]


async def _tell(context: JobContext, report: SyncReport) -> None:
    context.count(report.changed + report.points)
    await context.report(1.0, f"{report.coins} coins of {report.provider}")
