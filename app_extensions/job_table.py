"""The table of jobs: what the service does by itself or on order, when, and how patiently."""

from config import Config
from services import Services
from services.backfill import BackfillOrder
from services.coins.coin_jobs import coin_jobs
from services.collecting import COLLECT
from services.history_jobs import HistoryJobs
from services.jobs.job import DAY_S, HOUR_S, MINUTE_S, Every, Job, JobContext, JobSkipped
from services.jobs.tidying import do_chores


def job_table(services: Services, config: Config) -> list[Job]:
    """Return every job there is; a planned time is in UTC."""
    history = HistoryJobs(
        pool=services.pool,
        backfill=services.backfill,
        clock=services.clock,
        orders=[BackfillOrder.parse(text) for text in config.backfill],
    )

    async def tidy(_: JobContext) -> None:
        await do_chores((*services.jobs.chores(), *services.user_admin.chores()))

    async def collect(context: JobContext) -> None:
        if not await services.collecting.collect(context.report):
            raise JobSkipped("Every collected symbol was looked after in the last quarter of an hour.")

    return [
        Job(
            "tidy",
            "Forgets sessions, attempts to sign in, kept answers and runs of jobs that are too old.",
            tidy,
            every=Every(HOUR_S, after_s=7 * MINUTE_S),
        ),
        Job(
            "backfill",
            "Fetches the history that BACKFILL names.",
            history.warm,
            every=Every(15 * MINUTE_S) if config.backfill else None,
            time_limit_s=DAY_S,
        ),
        Job(
            "repair_history",
            "Fills the short holes that outages left in stored history.",
            history.repair,
            every=Every(HOUR_S, after_s=23 * MINUTE_S),
            time_limit_s=6 * HOUR_S,
        ),
        Job(
            COLLECT,
            "Fills the history of the symbols that users have collected, and keeps it warm.",
            collect,
            every=Every(5 * MINUTE_S, after_s=MINUTE_S),
            time_limit_s=6 * HOUR_S,
        ),
        *coin_jobs(services.coin_upkeep),
    ]
