"""The command ``quart worker``: a process that does jobs and serves nobody."""

import asyncio
import logging

import click

from app_extensions import open_services
from app_extensions.cli_servers import reachable_servers, run, sentences
from app_extensions.job_table import job_table
from app_extensions.jobs import running_jobs
from app_extensions.logging_setup import setup_logging
from app_extensions.metrics_samples import serving_metrics
from app_extensions.migrations import migrate
from app_extensions.reports_elsewhere import check_extras, reporting
from app_extensions.stop_signals import stop_signals
from config import Config, load_config
from utils.clock import Clock

log = logging.getLogger(__name__)


@click.command("worker")
def worker_command() -> None:
    """Do jobs until stopped, in a process apart: set JOBS=apart for those that serve."""
    with sentences(), reachable_servers(load_config(), cache=True) as config:
        writer = setup_logging(config.log_level, json=config.env == "production")
        try:
            check_extras(config)
            with reporting(config):
                run(_work(config))
        finally:
            writer.close()
    click.echo("Stopped. What was not done is done by another worker, or after the next start.")


async def _work(config: Config) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in stop_signals():
        loop.add_signal_handler(number, stopping.set)
    await migrate(config.db_connection_string)
    async with open_services(config, Clock()) as services:
        services.jobs.add(job_table(services, config))
        async with serving_metrics(services, config), running_jobs(services, config.db_connection_string):
            click.echo(f"Doing {len(services.jobs.table)} jobs. To stop, press Ctrl-C.")
            await stopping.wait()
            click.echo("Stopping.")
