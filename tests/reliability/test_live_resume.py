"""Many clients that come back at once are served from the log, not from the database."""

import asyncio
import math
from contextlib import AsyncExitStack
from dataclasses import replace

import asyncpg
import pytest

from app import create_app
from tests.live.talk import Talk

CLIENTS = 500
SYMBOLS = ("BTC/USD", "ETH/USD", "SOL/USD", "EUR/USD", "DOGE/USD")
# Bars that neither open nor close during a test: its feeds have nothing to store.
PATH = "/ws/subscribe?market=simulated&exchange=simex&timeframe=1d&symbols="
WITHIN_S = 2
TOGETHER_S = 30


@pytest.fixture
async def app(config):
    created = create_app(replace(config, ws_max_per_address=CLIENTS + len(SYMBOLS)))
    async with created.test_app():
        yield created


@pytest.fixture
async def questions(app, monkeypatch):
    """Every question that is put to the database from now on, whoever asks."""
    asked = []
    log = asyncpg.connection.Connection._get_statement

    async def remember(connection, query, *args, **options):
        asked.append(query)
        return await log(connection, query, *args, **options)

    monkeypatch.setattr(asyncpg.connection.Connection, "_get_statement", remember)
    return asked


async def come(client, path, ready, leave, after_s):
    await asyncio.sleep(after_s)
    async with client.websocket(path) as connection:
        talk = Talk(connection)
        subscribed = await talk.until("subscribed")
        snapshot = None if subscribed["recovered"] else await talk.until("snapshot")
        ready.put_nowait((subscribed, snapshot))
        await leave.wait()


async def come_together(client, paths):
    """Connect all of them within two seconds; return what each was told first."""
    ready, leave = asyncio.Queue(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for number, path in enumerate(paths):
            group.create_task(come(client, path, ready, leave, number * WITHIN_S / len(paths)))
        async with asyncio.timeout(TOGETHER_S):
            told = [await ready.get() for _ in paths]
        leave.set()
    return told


async def positions(client, stay):
    """Start the feeds, wait for something in each log, and return where a client may resume."""
    found = {}
    for symbol in SYMBOLS:
        connection = await stay.enter_async_context(client.websocket(PATH + symbol))
        talk = Talk(connection)
        epoch = (await talk.until("subscribed"))["epoch"]
        found[symbol] = f"{epoch},{(await talk.until('bar'))['offset']}"
    return found


async def test_five_hundred_clients_resume_without_a_question_to_the_database(app, client, questions):
    async with AsyncExitStack() as stay:
        since = await positions(client, stay)
        assert questions
        questions.clear()
        paths = [f"{PATH}{symbol}&since={since[symbol]}" for symbol in SYMBOLS * (CLIENTS // len(SYMBOLS))]
        told = await come_together(client, paths)
    assert [subscribed["recovered"] for subscribed, _ in told] == [True] * CLIENTS
    assert len(questions) <= len(SYMBOLS), questions


async def test_five_hundred_snapshots_share_one_reading_a_topic(app, client, questions):
    async with AsyncExitStack() as stay:
        await positions(client, stay)
        questions.clear()
        await come_together(client, [PATH + symbol for symbol in SYMBOLS])
        alone = len(questions)
        questions.clear()
        paths = [PATH + symbol for symbol in SYMBOLS * (CLIENTS // len(SYMBOLS))]
        began_s = asyncio.get_running_loop().time()
        told = await come_together(client, paths)
        seconds = asyncio.get_running_loop().time() - began_s
    assert all(snapshot["bars"] for _, snapshot in told)
    assert alone > 0
    # A shared reading is kept for a second and takes four questions at most: however many come, there is one
    # a second and topic.
    assert len(questions) <= len(SYMBOLS) * 4 * (1 + math.ceil(seconds)), (len(questions), seconds)
