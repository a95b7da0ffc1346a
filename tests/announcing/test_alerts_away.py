"""Alerts and preferences that could not be read are heard once the listener sends preferences again."""

import contextlib
import itertools

import pytest

from middleware.context import EXTENSION
from services.announcing.earphone import ALERTS_AWAY, NOT_KEPT
from services.announcing.record import WAKE_KEY
from tests.live.talk import Talk

QUIET = "/ws/subscribe?market=simulated&symbols=ETH/USD&timeframe=1m"
LISTEN = f"{QUIET}&announce=true&mode=alerts"
AWAY = {
    "the record": ("ALTER TABLE alert_firing RENAME TO hidden", "ALTER TABLE hidden RENAME TO alert_firing"),
    # Its newest place can be read, and what was told there cannot.
    "its rows": (
        "ALTER TABLE alert_firing RENAME COLUMN price TO hidden",
        "ALTER TABLE alert_firing RENAME COLUMN hidden TO price",
    ),
}
PREFERENCES = (
    "ALTER TABLE listening_preference RENAME TO hidden",
    "ALTER TABLE hidden RENAME TO listening_preference",
)


@contextlib.asynccontextmanager
async def away(pool, statements):
    hide, show = statements
    await pool.execute(hide)
    try:
        yield
    finally:
        await pool.execute(show)


@pytest.fixture
def fire(app, pool, ada):
    """Lets an alert of this level fire, as another worker writes it down and wakes this one."""

    async def fire_now(level):
        await pool.execute(
            """
            INSERT INTO alert_firing (
                alert_id, user_id, market, exchange, symbol, timeframe, kind, level,
                price, event_time, epoch, place_ms, place_number
            )
            VALUES (
                $2, $1, 'simulated', 'simex', 'SOL/USD', '1m', 'cross_above', $2::bigint, $2::bigint,
                clock_timestamp(), 1, 1, $2
            )
            """,
            ada,
            level,
        )
        await app.extensions[EXTENSION].redis.xadd(WAKE_KEY, {"u": str(ada)})

    return fire_now


async def levels(talk, count):
    heard = [await talk.until("announce") for _ in range(count)]
    return [fact["value"] for each in heard for fact in each["facts"] if fact["name"] == "level"]


@pytest.mark.parametrize("case", list(itertools.product(AWAY, [LISTEN, f"{LISTEN}&announce_since=0"])))
async def test_alerts_that_could_not_be_read_are_heard_after_preferences_are_sent_again(
    client, pool, fire, signed_in, case
):
    what, address = case
    async with contextlib.AsyncExitStack() as stack:
        hidden = await stack.enter_async_context(contextlib.AsyncExitStack())
        await hidden.enter_async_context(away(pool, AWAY[what]))
        connection = await stack.enter_async_context(client.websocket(address, headers=signed_in))
        talk = Talk(connection)
        assert (await talk.until("error"))["detail"] == ALERTS_AWAY
        await hidden.aclose()
        # Before the listener does as was said.
        await fire(101)
        await talk.say(type="preferences", id="again")
        assert (await talk.until("preferred"))["sequence"] is not None
        assert await levels(talk, 1) == ["101"]
        await fire(102)
        assert await levels(talk, 1) == ["102"]
        # Nothing is begun twice.
        await talk.say(type="preferences", id="once more")
        await talk.until("preferred")
        await fire(103)
        assert await levels(talk, 1) == ["103"]


async def test_while_they_cannot_be_read_it_is_said_each_time(client, pool, signed_in):
    async with away(pool, AWAY["the record"]), client.websocket(LISTEN, headers=signed_in) as connection:
        talk = Talk(connection)
        for _ in range(2):
            assert (await talk.until("error"))["detail"] == ALERTS_AWAY
            await talk.say(type="preferences")
        await talk.until("preferred")


async def test_preferences_that_could_not_be_read_are_read_and_not_written_over(client, pool, signed_in):
    async with client.websocket(LISTEN, headers=signed_in) as connection:
        talk = Talk(connection)
        await talk.say(type="preferences", locale="de", min_gap_s=30)
        await talk.until("preferred", locale="de")
    async with contextlib.AsyncExitStack() as stack:
        hidden = await stack.enter_async_context(contextlib.AsyncExitStack())
        await hidden.enter_async_context(away(pool, PREFERENCES))
        talk = Talk(await stack.enter_async_context(client.websocket(QUIET, headers=signed_in)))
        await talk.say(type="preferences", verbosity="brief")
        assert (await talk.until("error"))["detail"] == NOT_KEPT
        assert not (await talk.until("preferred"))["stored"]
        await hidden.aclose()
        await talk.say(type="preferences", words_per_minute=200)
        now = await talk.until("preferred")
    names = ("locale", "min_gap_s", "verbosity", "words_per_minute", "stored")
    assert [now[name] for name in names] == ["de", 30.0, "brief", 200, True]
    async with client.websocket(LISTEN, headers=signed_in) as connection:
        assert (await Talk(connection).until("preferred"))["locale"] == "de"


async def test_who_connects_while_preferences_cannot_be_read_is_told_so(client, pool, signed_in):
    async with away(pool, PREFERENCES), client.websocket(LISTEN, headers=signed_in) as connection:
        assert (await Talk(connection).until("error"))["detail"] == ALERTS_AWAY
