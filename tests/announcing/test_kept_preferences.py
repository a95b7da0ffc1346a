"""What a user prefers is kept change by change: nobody writes back what somebody else changed meanwhile."""

import contextlib

from services.announcing.earphone import NOT_KEPT
from tests.live.talk import Talk

PROFILE = "/api/v1/users/profile"
LISTEN = "/ws/subscribe?market=simulated&symbols=ETH/USD&timeframe=1m&announce=true&mode=alerts"


async def kept(client, signed_in):
    profile = await (await client.get(PROFILE, headers=signed_in)).get_json()
    return {"locale": profile["locale"], "time_zone": profile["time_zone"], **profile["announcements"]}


async def test_a_connection_of_long_ago_does_not_undo_what_the_profile_says_since(client, signed_in):
    async with client.websocket(LISTEN, headers=signed_in) as connection:
        talk = Talk(connection)
        await talk.until("preferred")
        await talk.say(type="preferences", verbosity="full", words_per_minute=200)
        await talk.until("preferred")
        change = {"locale": "de", "announcements": {"mode": "all", "words_per_minute": 300}}
        await client.patch(PROFILE, json=change, headers=signed_in)
        await talk.say(type="preferences", id="later", min_gap_s=30)
        later = await talk.until("preferred")
    # What the connection hears stays as it was: it asked for nothing else.
    shown = [later[name] for name in ("stored", "mode", "verbosity", "words_per_minute", "locale")]
    assert shown == [True, "alerts", "full", 200, None]
    assert await kept(client, signed_in) == {
        "locale": "de",
        "time_zone": None,
        "mode": "all",
        "verbosity": "full",
        "min_gap_s": 30.0,
        "move": {"percent": 0.5},
        "words_per_minute": 300,
    }


async def test_the_size_of_a_move_is_kept_in_the_unit_of_the_newest_change_alone(client, signed_in):
    await client.patch(PROFILE, json={"announcements": {"move": {"percent": 2}}}, headers=signed_in)
    async with client.websocket(LISTEN, headers=signed_in) as connection:
        talk = Talk(connection)
        await talk.until("preferred", move={"percent": 2.0})
        await talk.say(type="preferences", move={"ticks": 5})
        await talk.until("preferred", move={"ticks": 5.0})
    assert (await kept(client, signed_in))["move"] == {"ticks": 5.0}
    await client.patch(PROFILE, json={"announcements": {"move": {"atr": 3}}}, headers=signed_in)
    assert (await kept(client, signed_in))["move"] == {"atr": 3.0}


async def test_a_change_that_could_not_be_kept_is_kept_with_the_next_one(client, pool, signed_in):
    async with contextlib.AsyncExitStack() as stack:
        talk = Talk(await stack.enter_async_context(client.websocket(LISTEN, headers=signed_in)))
        await talk.until("preferred")
        await pool.execute("ALTER TABLE listening_preference RENAME TO hidden")
        try:
            await talk.say(type="preferences", verbosity="brief")
            assert (await talk.until("error"))["detail"] == NOT_KEPT
        finally:
            await pool.execute("ALTER TABLE hidden RENAME TO listening_preference")
        await talk.say(type="preferences", id="next", words_per_minute=200)
        assert (await talk.until("preferred", id="next"))["stored"]
    now = await kept(client, signed_in)
    assert (now["verbosity"], now["words_per_minute"], now["mode"]) == ("brief", 200, "important")
