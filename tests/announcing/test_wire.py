"""Announcements on the native socket: asked for, said, caught up on, and preferred."""

import asyncio
import itertools
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from werkzeug.datastructures import Headers

from app import create_app
from tests.live.talk import DEADLINE_S, Talk
from tests.relay import Relay

# A listener for whom nothing takes long.
QUICK = {"words_per_minute": 800, "min_gap_s": 1, "verbosity": "brief"}
PATH = "/ws/subscribe?market=simulated&symbols=BTC/USD&timeframe=1s"
# Who listens more slowly may hear of two other things first, and then waits a minute for room.
FAST = f"{PATH}&announce=true&mode=all&words_per_minute=800"


async def hear(talk, kind):
    while True:
        said = await talk.until("announce")
        if said["kind"] == kind:
            return said


async def test_who_does_not_ask_hears_nothing(client):
    async with client.websocket(PATH) as connection:
        talk = Talk(connection)
        kinds = {(await talk.next())["type"] for _ in range(8)}
    assert "announce" not in kinds


async def test_closes_are_said_in_words_to_who_wants_everything(client):
    async with client.websocket(FAST) as connection:
        talk = Talk(connection)
        await talk.say(type="preferences", min_gap_s=1)
        said = await hear(talk, "bar_close")
    assert said["priority"] == "routine"
    assert said["symbol"] == "BTC/USD"
    assert said["text"].startswith("Bitcoin in US dollars: Bar of ")
    assert (said["lang"], said["dir"]) == ("en", "ltr")
    assert said["speech_s"] > 1
    assert said["cover"]["low"] <= said["cover"]["last"] <= said["cover"]["high"]
    assert {fact["name"] for fact in said["facts"]} >= {"close", "change_percent"}


async def test_nothing_is_announced_of_a_topic_before_it_is_confirmed(client):
    async with client.websocket(PATH) as other:
        await Talk(other).closed_bars(2, "bars:simulated:simex:BTC/USD:1s")
        async with client.websocket(f"{PATH}&announce=true&mode=all") as connection:
            talk = Talk(connection)
            kinds = [(await talk.next())["type"] for _ in range(3)]
    assert kinds == ["hello", "subscribed", "snapshot"]


async def test_the_language_of_the_browser_is_spoken(client):
    headers = {"Accept-Language": "de-DE,de;q=0.9"}
    async with client.websocket(FAST, headers=headers) as connection:
        said = await Talk(connection).until("announce")
    assert said["lang"] == "de"
    assert "Bitcoin" in said["text"]


async def test_every_line_of_wished_languages_is_read(client):
    """A proxy may split one header into lines; they count as one."""
    headers = Headers([("Accept-Language", "fr;q=0.1"), ("Accept-Language", "de-DE")])
    missed = await (await client.get("/announcements", headers=headers)).get_json()
    assert missed["lang"] == "de"
    async with client.websocket(FAST, headers=headers) as connection:
        said = await Talk(connection).until("announce")
    assert said["lang"] == "de"


async def test_preferences_begin_announcements_and_are_confirmed(client):
    async with client.websocket(PATH) as connection:
        talk = Talk(connection)
        await talk.say(type="preferences", id="p", mode="all", move={"ticks": 40}, verbosity="brief")
        confirmed = await talk.until("preferred")
        assert confirmed["id"] == "p"
        assert confirmed["move"] == {"ticks": 40.0}
        assert (confirmed["mode"], confirmed["verbosity"], confirmed["stored"]) == ("all", "brief", False)
        await talk.until("announce")


async def is_taken(talk, **preferences):
    await talk.say(type="preferences", **preferences)
    while (answer := await talk.next())["type"] not in ("preferred", "error"):
        pass
    return answer["type"] == "preferred"


async def test_preferences_while_redis_is_away_are_refused_and_taken_once_it_is_back(config):
    async with Relay(Path(urlsplit(config.redis_url).path)) as wire:
        app = create_app(replace(config, redis_url=f"redis://127.0.0.1:{wire.port}"))
        async with app.test_app(), app.test_client().websocket(PATH) as connection:
            talk = Talk(connection)
            await talk.until("subscribed")
            wire.cut()
            await talk.say(type="preferences", id="p", mode="all")
            refused = await talk.until("error")
            wire.heal()
            async with asyncio.timeout(DEADLINE_S):
                while not await is_taken(talk, mode="all", **QUICK):
                    await talk.until("bar")
                await talk.until("announce")
    assert (refused["id"], refused["code"]) == ("p", "live_unavailable")


@pytest.mark.parametrize(
    "wrong",
    [
        {"mode": "loud"},
        {"move": {"percent": 1, "ticks": 3}},
        {"move": {}},
        {"move": {"percent": 0}},
        {"min_gap_s": 0},
        {"words_per_minute": 10_000},
    ],
)
async def test_preferences_that_do_not_fit_are_refused_with_a_sentence(client, wrong):
    async with client.websocket(PATH) as connection:
        talk = Talk(connection)
        await talk.say(type="preferences", **wrong)
        assert (await talk.until("error"))["code"] == "invalid_command"


async def test_an_unknown_language_is_refused_before_the_socket_opens_and_in_a_command(client):
    async with client.websocket(PATH) as connection:
        talk = Talk(connection)
        await talk.say(type="preferences", id="x", locale="tlh")
        error = await talk.until("error")
    assert (error["id"], error["code"]) == ("x", "invalid_request")
    answer = await client.get("/announcements?locale=tlh")
    assert answer.status_code == 422


async def test_after_a_break_exactly_one_catch_up_is_said_with_what_happened(client):
    async with client.websocket(f"{PATH}&announce=true&mode=all") as connection:
        talk = Talk(connection)
        start = await talk.until("subscribed")
        last = await talk.until("bar")
        since = f"{start['epoch']},{last['offset']}"
    # Somebody else keeps the feed running meanwhile.
    async with client.websocket(PATH) as other:
        await Talk(other).closed_bars(3, start["topic"])
    # Whoever listens fast is told the next thing soon, and whoever wants it brief not how many bars closed.
    async with client.websocket(f"{FAST}&since={since}") as connection:
        talk = Talk(connection)
        assert (await talk.until("subscribed"))["recovered"]
        await talk.say(type="preferences", **QUICK | {"verbosity": "normal"})
        said = [await talk.until("announce") for _ in range(3)]
    assert [each["kind"] for each in said].count("catch_up") == 1
    catch_up = said[0]
    assert catch_up["kind"] == "catch_up"
    assert catch_up["text"].startswith("You were away for ")
    assert " bars closed." in catch_up["text"]
    cover = catch_up["cover"]
    assert float(cover["low"]) <= float(cover["open"]) <= float(cover["high"])
    assert cover["to_ms"] > cover["from_ms"]


async def test_what_was_missed_can_be_asked_for_at_any_time(client):
    async with client.websocket(f"{PATH}&announce=true") as connection:
        talk = Talk(connection)
        begun = await talk.until("hello")
        await talk.closed_bars(2, "bars:simulated:simex:BTC/USD:1s")
        await talk.say(type="preferences", away_since_ms=begun["server_time_ms"] - 5_000)
        said = await hear(talk, "catch_up")
    assert said["priority"] == "important"


async def test_a_routine_message_is_made_of_the_prices_of_its_moment(client):
    async with client.websocket(f"{PATH}&announce=true&mode=all") as connection:
        talk = Talk(connection)
        await talk.say(type="preferences", **QUICK)
        said = [await talk.until("announce") for _ in range(3)]
    for before, after in itertools.pairwise(said):
        assert after["cover"]["from_ms"] == before["cover"]["to_ms"]
        assert after["cover"]["open"] == before["cover"]["last"]
        assert after["sent_time_ms"] - after["cover"]["to_ms"] < 2_500
