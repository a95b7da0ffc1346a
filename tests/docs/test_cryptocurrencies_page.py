"""docs/cryptocurrencies.md: every request is answered as the page says, and the jobs are those there are."""

import json

from quart.testing.app import TestApp as Serving

from app import create_app
from app_extensions.job_table import job_table
from config import Config
from middleware.context import EXTENSION
from tests.docs.examples import differences, examples
from tests.docs.reading import ROOT, code_words, table
from utils.clock import Clock

PAGE = (ROOT / "docs/cryptocurrencies.md").read_text()
NOON_MS = 1_795_262_400_000


async def test_every_request_is_answered_as_the_page_says(config: Config) -> None:
    app = create_app(config, Clock(now_ms=lambda: NOON_MS))
    asked = examples(PAGE)
    assert len(asked) >= 4
    async with Serving(app):
        await app.extensions[EXTENSION].coin_upkeep.sync(200)
        for example in asked:
            answer = await example.ask(app.test_client())
            assert answer.status_code == example.status, str(example)
            body = json.loads(await answer.get_data(as_text=True))
            assert differences(example.answer, body) == [], str(example)


async def test_the_jobs_of_the_page_are_those_there_are(config: Config) -> None:
    app = create_app(config)
    async with Serving(app):
        jobs = job_table(app.extensions[EXTENSION], config)
    documented = {code_words(row[0])[0] for row in table(PAGE, "Listing coins", "Job")}
    assert documented == {job.name for job in jobs if job.name.endswith(("_coins", "_frequently", "_hourly"))}
