"""Alerts by REST, and the alerts of a user on every connection of theirs, on every worker."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app import create_app
from services.announcing import alert_book
from services.stores.preferences import upsert_preferences
from tests.api.closing_market import AWAY_FROM_MS
from tests.live.talk import Talk
from utils.clock import Clock
from utils.domain import DAY_MS, HOUR_MS, MINUTE_MS

ALERTS = "/api/v1/alerts"
PLACE = {"market": "simulated", "exchange": "simex", "symbol": "BTC/USD", "timeframe": "1s"}
CROSSING = PLACE | {"kind": "cross_above", "level": "100000"}
# The smallest move at all.
MOVE = PLACE | {"kind": "percent_in_window", "percent": "0.00001", "window_s": 60, "repeats": False}
LISTEN = "/ws/subscribe?market=simulated&symbols=ETH/USD&timeframe=1m&announce=true&mode=alerts"


async def test_an_alert_is_made_listed_and_deleted(client, signed_in):
    made = await client.post(ALERTS, json=CROSSING, headers=signed_in)
    alert = await made.get_json()
    assert made.status_code == 201
    assert alert.items() >= (CROSSING | {"state": "new", "repeats": True, "fired_count": 0}).items()
    listed = await (await client.get(ALERTS, headers=signed_in)).get_json()
    assert listed == {"alerts": [alert], "next": None}
    assert (await client.delete(f"{ALERTS}/{alert['id']}", headers=signed_in)).status_code == 204
    again = await client.delete(f"{ALERTS}/{alert['id']}", headers=signed_in)
    assert (again.status_code, (await again.get_json())["code"]) == (404, "unknown_alert")
    assert (await (await client.get(ALERTS, headers=signed_in)).get_json())["alerts"] == []


async def test_pages_of_alerts_follow_each_other(client, signed_in):
    for level in range(5):
        await client.post(ALERTS, json=CROSSING | {"level": str(100_000 + level)}, headers=signed_in)
    seen, query = [], "?limit=2"
    while query:
        page = await (await client.get(ALERTS + query, headers=signed_in)).get_json()
        seen += [alert["level"] for alert in page["alerts"]]
        query = f"?limit=2&cursor={page['next']}" if page["next"] else ""
    assert seen == [str(100_000 + level) for level in range(5)]


async def test_an_alert_of_more_topics_than_are_watched_is_refused(client, signed_in, monkeypatch):
    monkeypatch.setattr(alert_book, "TOPICS_MAX", 1)
    first = await client.post(ALERTS, json=CROSSING, headers=signed_in)
    same = await client.post(ALERTS, json=CROSSING | {"level": "100001"}, headers=signed_in)
    other = await client.post(ALERTS, json=CROSSING | {"timeframe": "1m"}, headers=signed_in)
    assert [answer.status_code for answer in (first, same, other)] == [201, 201, 409]
    assert (await other.get_json())["code"] == "too_many_alert_topics"
    for answer in (first, same):
        await client.delete(f"{ALERTS}/{(await answer.get_json())['id']}", headers=signed_in)
    assert (
        await client.post(ALERTS, json=CROSSING | {"timeframe": "1m"}, headers=signed_in)
    ).status_code == 201


async def test_the_same_request_sent_twice_makes_one_alert(client, signed_in):
    headers = signed_in | {"Idempotency-Key": "a-key-of-this-test"}
    first, second = [
        await (await client.post(ALERTS, json=CROSSING, headers=headers)).get_json() for _ in range(2)
    ]
    assert first == second
    assert len((await (await client.get(ALERTS, headers=signed_in)).get_json())["alerts"]) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        CROSSING | {"level": None},
        CROSSING | {"level": "0"},
        CROSSING | {"level": "NaN"},
        CROSSING | {"percent": "1"},
        CROSSING | {"kind": "cross"},
        CROSSING | {"timeframe": "7x"},
        MOVE | {"window_s": 1},
        MOVE | {"window_s": None},
        MOVE | {"level": "3"},
        CROSSING | {"hysteresis_percent": "-1"},
        CROSSING | {"colour": "red"},
    ],
)
async def test_what_does_not_fit_is_refused(client, signed_in, wrong):
    answer = await client.post(ALERTS, json=wrong, headers=signed_in)
    assert answer.status_code == 422
    assert (await answer.get_json())["detail"]


async def test_an_unknown_symbol_is_named_with_what_was_meant(client, signed_in):
    answer = await client.post(ALERTS, json=CROSSING | {"symbol": "BTCUSD"}, headers=signed_in)
    assert (answer.status_code, (await answer.get_json())["code"]) == (404, "unknown_symbol")


async def test_nobody_has_alerts_who_is_not_signed_in(client):
    assert (await client.get(ALERTS)).status_code == 401
    assert (await client.post(ALERTS, json=CROSSING)).status_code == 401
    assert (await client.delete(f"{ALERTS}/1")).status_code == 401


async def test_an_alert_is_heard_on_every_connection_of_its_user_on_every_worker(config, client, signed_in):
    async with AsyncExitStack() as stack:
        other = create_app(config)
        await stack.enter_async_context(other.test_app())
        talks = [
            Talk(await stack.enter_async_context(each.websocket(LISTEN, headers=signed_in)))
            for each in (client, client, other.test_client())
        ]
        stranger = Talk(await stack.enter_async_context(client.websocket(LISTEN)))
        for talk in (*talks, stranger):
            await talk.until("subscribed")
        # Nobody listens to this topic: it is fed for the alert alone.
        await client.post(ALERTS, json=MOVE, headers=signed_in)
        heard = await asyncio.gather(*(talk.until("announce") for talk in talks))
        said = {each["text"] for each in heard}
        assert len(said) == 1
        assert said.pop().startswith("Alert. Bitcoin in US dollars: ")
        assert {(each["priority"], each["kind"], each["symbol"]) for each in heard} == {
            ("critical", "alert", "BTC/USD")
        }
        sequence = heard[0]["sequence"]
        missed = await (await client.get("/announcements?since=0", headers=signed_in)).get_json()
        assert missed["sequence"] == sequence
        assert [each["text"] for each in missed["announcements"]] == [heard[0]["text"]]
    async with client.websocket(f"{LISTEN}&announce_since={sequence - 1}", headers=signed_in) as connection:
        again = await Talk(connection).until("announce")
    assert (again["sequence"], again["text"]) == (sequence, heard[0]["text"])


@pytest.fixture
async def fired(pool, ada):
    """An alert of a topic that nobody listens to."""
    await pool.execute(
        """
        INSERT INTO alert_firing (
            alert_id, user_id, market, exchange, symbol, timeframe, kind, level,
            price, event_time, epoch, place_ms, place_number
        )
        VALUES (1, $1, 'simulated', 'simex', 'SOL/USD', '1m', 'cross_above', 2840, 2843.6, now(), 1, 1, 1)
        """,
        ada,
    )


async def test_an_alert_of_a_topic_nobody_listens_to_has_the_decimals_of_its_symbol(client, fired, signed_in):
    async with client.websocket(f"{LISTEN}&announce_since=0", headers=signed_in) as connection:
        heard = await Talk(connection).until("announce")
    assert heard["text"] == "Alert. Solana in US dollars: rose to 2,840, now 2,843.60."
    missed = await (await client.get("/announcements?since=0", headers=signed_in)).get_json()
    assert [each["text"] for each in missed["announcements"]] == [heard["text"]]


async def test_preferences_are_kept_for_who_is_signed_in(client, signed_in):
    async with client.websocket(LISTEN, headers=signed_in) as connection:
        talk = Talk(connection)
        await talk.until("preferred")
        await talk.say(type="preferences", locale="pl", move={"atr": 2}, min_gap_s=30)
        assert (await talk.until("preferred"))["stored"]
    async with client.websocket(LISTEN, headers=signed_in) as connection:
        talk = Talk(connection)
        assert (await talk.until("preferred"))["locale"] == "pl"
        await talk.say(type="preferences", verbosity="full")
        kept = await talk.until("preferred")
    assert (kept["locale"], kept["move"], kept["min_gap_s"]) == ("pl", {"atr": 2.0}, 30.0)
    # What the address asks for goes before what is kept.
    assert (kept["mode"], kept["verbosity"]) == ("alerts", "full")


def token_of(headers):
    return headers["Authorization"].removeprefix("Bearer ")


async def test_who_signs_in_on_the_connection_is_told_what_was_asked_for_in_its_address(
    client, fired, signed_in
):
    async with client.websocket(LISTEN, headers=signed_in) as connection:
        talk = Talk(connection)
        await talk.until("preferred")
        await talk.say(type="preferences", locale="de", verbosity="full", mode="all")
        await talk.until("preferred")
    async with client.websocket(f"{LISTEN}&announce_since=0") as connection:
        talk = Talk(connection)
        await talk.say(type="preferences", min_gap_s=30)
        assert (await talk.until("preferred"))["locale"] is None
        await talk.say(type="authenticate", token=token_of(signed_in))
        now = await talk.until("preferred")
        heard = await talk.until("announce")
    # What was asked for on this connection goes before what is kept, and is not kept by that.
    asked = ("locale", "verbosity", "mode", "min_gap_s", "stored")
    assert [now[name] for name in asked] == ["de", "full", "alerts", 30.0, False]
    assert heard["text"].startswith("Alarm. Solana in US-Dollar: ")


async def test_who_asked_for_an_unknown_language_still_hears_alerts_after_signing_in(
    client, fired, signed_in
):
    async with client.websocket(f"{LISTEN}&announce_since=0") as connection:
        talk = Talk(connection)
        await talk.say(type="preferences", id="x", locale="xx")
        assert (await talk.until("error"))["code"] == "invalid_request"
        await talk.say(type="authenticate", token=token_of(signed_in))
        heard = await talk.until("announce")
        await talk.until("authenticated")
    assert heard["kind"] == "alert"


@pytest.mark.parametrize("early", [True, False])
async def test_a_kept_language_that_is_no_more_keeps_nobody_from_their_alerts(
    client, fired, signed_in, ada, pool, *, early
):
    await upsert_preferences(pool, ada, '{"locale": "xx", "verbosity": "full"}', now_ms=1)
    async with client.websocket(
        f"{LISTEN}&announce_since=0", headers=signed_in if early else {}
    ) as connection:
        talk = Talk(connection)
        if not early:
            await talk.say(type="authenticate", token=token_of(signed_in))
        now = await talk.until("preferred")
        heard = await talk.until("announce")
    assert (now["locale"], now["verbosity"], heard["lang"]) == (None, "full", "en")


@pytest.mark.parametrize("early", [True, False])
async def test_who_signs_in_learns_the_place_of_the_record_before_anything_fires(
    client, fired, signed_in, pool, *, early
):
    newest = await pool.fetchval("SELECT max(sequence) FROM alert_firing")
    async with client.websocket(LISTEN, headers=signed_in if early else {}) as connection:
        talk = Talk(connection)
        if not early:
            await talk.say(type="preferences", min_gap_s=30)
            assert (await talk.until("preferred"))["sequence"] is None
            await talk.say(type="authenticate", token=token_of(signed_in))
        now = await talk.until("preferred")
        await talk.say(type="preferences", id="later", min_gap_s=20)
        later = await talk.until("preferred")
    assert (now["id"], now["stored"], now["sequence"]) == (None, False, newest)
    assert (later["id"], later["sequence"]) == ("later", newest)


async def test_what_a_symbol_did_since_a_time_is_told_to_anybody(client):
    since_ms = Clock().now_ms() - 3_600_000
    path = f"/announcements?market=simulated&symbol=BTC/USD&since_ms={since_ms}&locale=en"
    answer = await client.get(path)
    missed = await answer.get_json()
    assert answer.headers["Cache-Control"] == "no-store"
    assert missed["catch_up"]["text"].startswith("You were away for 1 hour. Bitcoin in US dollars: ")
    cover = missed["catch_up"]["cover"]
    assert float(cover["low"]) <= float(cover["last"]) <= float(cover["high"])
    assert missed["announcements"] == []
    half = await client.get("/announcements?symbol=BTC/USD")
    assert (await half.get_json())["errors"][0]["field"] == "since_ms"


async def test_an_absence_of_more_bars_than_are_read_is_told_whole_with_where_its_prices_begin(client):
    since_ms = Clock().now_ms() - 3 * DAY_MS
    path = f"/announcements?market=simulated&symbol=BTC/USD&since_ms={since_ms}&locale=en"
    told = (await (await client.get(path)).get_json())["catch_up"]
    first_ms = told["cover"]["from_ms"]
    moment = datetime.fromtimestamp(first_ms / 1_000, UTC)
    assert told["text"].startswith("You were away for 3 days. Bitcoin in US dollars: ")
    assert told["text"].endswith(
        f"These are the prices since the bar of {moment.day} {moment:%B, %H:%M} began."
    )
    assert first_ms % MINUTE_MS == 0
    assert 998 <= (told["cover"]["to_ms"] - first_ms) / MINUTE_MS <= 1_001


@pytest.mark.parametrize("timeframe", ["1m", "1d"])
async def test_prices_from_before_an_exchange_went_away_are_not_told_as_those_of_now(config, timeframe):
    times_ms = [AWAY_FROM_MS - 30_000]
    created = create_app(
        replace(config, plugins=("tests.api.closing_market",)), Clock(now_ms=lambda: times_ms[-1])
    )
    path = f"/announcements?market=closing&symbol=BTC/USD&timeframe={timeframe}&locale=en&since_ms="
    told = []
    async with created.test_app():
        for later_ms in (0, 2 * HOUR_MS):
            times_ms.append(times_ms[0] + later_ms)
            answer = await created.test_client().get(f"{path}{times_ms[0] - DAY_MS // 4}")
            told.append((await answer.get_json())["catch_up"])
    there, away = told
    assert there["text"].startswith("You were away for 6 hours. Bitcoin in US dollars: ")
    assert float(there["cover"]["last"]) > 0
    assert away["text"] == (
        "You were away for 8 hours. Bitcoin in US dollars: what happened meanwhile is not known."
    )
    assert (away["cover"], away["facts"]) == (None, [])


async def test_of_the_time_since_a_time_to_come_nothing_is_said(client):
    since_ms = Clock().now_ms() + HOUR_MS
    answer = await client.get(f"/announcements?market=simulated&symbol=BTC/USD&since_ms={since_ms}")
    assert (answer.status_code, (await answer.get_json())["catch_up"]) == (200, None)
    async with client.websocket(f"{LISTEN}") as connection:
        talk = Talk(connection)
        await talk.until("subscribed")
        await talk.say(type="preferences", away_since_ms=since_ms)
        await talk.say(type="preferences", away_since_ms=Clock().now_ms() - HOUR_MS)
        first = await talk.until("announce")
    assert first["text"].startswith("You were away for 1 hour. ")
