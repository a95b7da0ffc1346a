"""The forms of UDF beside its bars: failures, the time, marks, groups, price scales; and the live socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quart import Quart
from quart.testing import app as testing
from quart.typing import TestClientProtocol as Client

from app import create_app
from blueprints.formats.chart_symbols import is_delisted, price_scale, resolution_of
from config import Config
from middleware.context import EXTENSION
from tests.api.test_market import NOW_MS
from utils.accounts import Role
from utils.clock import Clock
from utils.domain import HOUR_MS, Instrument, InstrumentSpec, Timeframe

BTC = "simulated:simex:BTC/USD"
NOW_S = NOW_MS // 1000
HOURS = {"symbol": BTC, "resolution": "60", "from": NOW_S - 200 * 3600, "to": NOW_S}
ERROR = ["s", "errmsg", "code", "request_id"]
DEADLINE_S = 15
PASSWORD = "a sentence that only I know"
FIRING = """
    INSERT INTO alert_firing (
        alert_id, user_id, market, exchange, symbol, timeframe, kind, level, price, event_time, epoch,
        place_ms, place_number
    )
    SELECT 1, user_id, 'simulated', 'simex', 'BTC/USD', '1m', 'cross_above', 60000, 60000.5,
        to_timestamp($2::bigint / 1000.0), 1, 1, 1
    FROM app_user
    WHERE username = $1
"""


@pytest.fixture
async def app(config: Config) -> AsyncIterator[Quart]:
    """The app, serving, whose clock stands still."""
    created = create_app(config, Clock(now_ms=lambda: NOW_MS))
    async with testing.TestApp(created):
        yield created


async def get(client: Client, path: str, **parameters: object) -> object:
    answer = await client.get(path, query_string=parameters)
    assert answer.status_code == 200, await answer.get_data()
    return json.loads(await answer.get_data())


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/udf/nothing", 404, "not_found"),
        ("/udf", 404, "not_found"),
        ("/udf/symbols", 422, "invalid_request"),
        ("/udf/symbols?symbol=simulated:simex:NIX/USD", 404, "unknown_symbol"),
        ("/udf/search?query=b&exchange=nowhere", 404, "unknown_exchange"),
        ("/udf/history?symbol=x&resolution=7x&from=1&to=2", 422, "invalid_request"),
        ("/udf/history?symbol=x&resolution=60&from=5&to=5", 422, "invalid_request"),
        ("/udf/history?symbol=x&resolution=60&from=1&to=1709296496000", 422, "invalid_request"),
        ("/udf/history?symbol=x&resolution=60&from=1&to=2&limit=5", 422, "invalid_request"),
        (f"/udf/history?symbol={BTC}&resolution=7&from=1&to=2", 422, "invalid_request"),
        (f"/udf/quotes?symbols={','.join(['a'] * 51)}", 422, "invalid_request"),
    ],
)
async def test_every_failure_is_json_with_s_error_under_its_true_status(
    client: Client, path: str, status: int, code: str
) -> None:
    answer = await client.get(path)
    body = json.loads(await answer.get_data())
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/json")
    errors = body.pop("errors", [])
    assert (list(body), body["s"], body["code"]) == (ERROR, "error", code)
    assert bool(errors) == (code == "invalid_request")
    assert all(set(error) == {"field", "code", "detail"} for error in errors)
    assert body["request_id"] == answer.headers["X-Request-ID"]
    assert body["errmsg"].endswith((".", "?"))


async def test_a_list_of_errors_that_is_spoken_of_is_there(client: Client) -> None:
    wrong = {f"parameter{number}": "x" * 30 for number in range(8)}
    body = json.loads(await (await client.get("/udf/symbols", query_string=wrong)).get_data())
    assert body["errmsg"].endswith("The list of errors says why for each.")
    assert {error["field"] for error in body["errors"]} == {"symbol", *wrong}


async def test_other_methods_and_other_addresses_fail_in_their_own_form(client: Client) -> None:
    answer = await client.post("/udf/history")
    assert (answer.status_code, (await answer.get_json())["s"]) == (405, "error")
    for path in ("/udfish", "/api/v1/datafeed/nothing", "/market/nothing"):
        answer = await client.get(path)
        assert answer.headers["Content-Type"] == "application/problem+json", path


async def test_a_rate_limit_is_told_in_the_form_of_udf(config: Config) -> None:
    app = create_app(replace(config, rate_limit_per_minute=2))
    async with testing.TestApp(app):
        answers = [await app.test_client().get("/udf/time") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert (await answers[-1].get_json())["s"] == "error"
    assert int(answers[-1].headers["Retry-After"]) > 0


async def test_an_exchange_that_is_away_is_told_in_the_form_of_udf(config: Config) -> None:
    # Port 1 answers nobody.
    settings = replace(config, crypto_endpoint="http://127.0.0.1:1", crypto_exchanges="bitstamp")
    app = create_app(settings)
    async with testing.TestApp(app):
        path = "/udf/history?symbol=crypto:bitstamp:BTC/USD&resolution=60&from=1&to=2"
        async with asyncio.timeout(DEADLINE_S):
            answer = await app.test_client().get(path)
        body = await answer.get_json()
    assert (answer.status_code in (503, 504), body["s"]) == (True, "error")
    assert "bitstamp" in body["errmsg"].casefold()


async def test_the_time_is_a_plain_whole_number(client: Client) -> None:
    answer = await client.get("/udf/time")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert await answer.get_data(as_text=True) == str(NOW_S)


async def test_the_configuration_names_exactly_one_way_to_find_symbols(client: Client) -> None:
    config = await get(client, "/udf/config")
    assert (config["supports_search"], config["supports_group_request"]) == (True, False)
    assert {"1S", "1", "5", "15", "60", "240", "1D", "1W", "1M", "12M"} <= set(
        config["supported_resolutions"]
    )
    for choices in (config["exchanges"], config["symbols_types"]):
        assert choices[0]["value"] == ""
    assert "simex" in {each["value"] for each in config["exchanges"]}


async def test_marks_stand_at_bars_at_most_ten_at_each(client: Client) -> None:
    bars = await get(client, "/udf/history", **HOURS)
    marks = await get(client, "/udf/marks", **HOURS)
    assert list(marks) == ["id", "time", "color", "text", "label", "labelFontColor", "minSize"]
    assert len({len(column) for column in marks.values()}) == 1
    assert set(marks["time"]) <= set(bars["t"])
    assert max(marks["time"].count(time) for time in marks["time"]) <= 10
    assert len(set(marks["id"])) == len(marks["id"])
    places = dict(zip((name.partition("-")[0] for name in marks["id"]), marks["time"], strict=True))
    assert places["high"] == bars["t"][bars["h"].index(max(bars["h"]))]
    assert places["low"] == bars["t"][bars["l"].index(min(bars["l"]))]
    assert {"biggest_rise", "biggest_fall"} <= places.keys()
    told = await get(client, "/udf/timescale_marks", **HOURS)
    assert told
    assert {mark["time"] for mark in told} <= set(bars["t"])
    highs = [mark["time"] for mark in told if mark["id"].startswith("new_high-")]
    for time in highs:
        place = bars["t"].index(time)
        assert bars["h"][place] > bars["h"][place - 1]
    german = await client.get("/udf/marks", query_string=HOURS, headers={"Accept-Language": "de"})
    assert (await german.get_json())["text"] != marks["text"]
    nothing = {**HOURS, "from": 1, "to": 1000}
    assert await get(client, "/udf/marks", **nothing) == {name: [] for name in marks}
    assert await get(client, "/udf/timescale_marks", **nothing) == []


async def test_alerts_that_fired_are_marks_for_their_owner_alone(
    app: Quart, client: Client, pool: asyncpg.Pool
) -> None:
    house = app.extensions[EXTENSION]
    for name in ("ada", "eve"):
        await house.auth.create_user(name, PASSWORD, Role.USER)
    tokens = {name: (await house.auth.sign_in(name, PASSWORD)).access_token for name in ("ada", "eve")}
    fired_ms = NOW_MS - 5 * HOUR_MS
    await pool.execute(FIRING, "ada", fired_ms)
    alerts = {}
    for name, token in tokens.items():
        answer = await client.get(
            "/udf/timescale_marks", query_string=HOURS, headers={"Authorization": f"Bearer {token}"}
        )
        assert answer.headers["Cache-Control"] == "no-store"
        alerts[name] = [mark for mark in await answer.get_json() if mark["id"].startswith("alert-")]
    answer = await client.get("/udf/timescale_marks", query_string=HOURS)
    # Whoever keeps it must not hand it to somebody who has signed in.
    assert set(answer.headers["Vary"].split(", ")) == {"Accept-Language", "Authorization", "Origin"}
    everybody = await answer.get_json()
    assert (alerts["eve"], [mark for mark in everybody if mark["id"].startswith("alert-")]) == ([], [])
    (mark,) = alerts["ada"]
    assert mark["time"] == fired_ms // HOUR_MS * 3600
    assert "60,000" in mark["tooltip"][0]


async def test_a_group_is_columns_of_one_length_or_one_value(client: Client) -> None:
    columns = await get(client, "/udf/symbol_info", group="simex")
    count = len(columns["symbol"])
    lists = ("seconds-multipliers", "intraday-multipliers", "supported-resolutions")
    assert all(
        len(value) == count
        for name, value in columns.items()
        if isinstance(value, list) and name not in lists
    )
    place = columns["symbol"].index("PEPE/USDT")
    assert (columns["pricescale"][place], columns["minmovement"]) == (100_000_000, 1)


@given(st.integers(1, 10**6), st.integers(0, 12))
def test_minmov_over_pricescale_is_the_price_step_exactly(units: int, places: int) -> None:
    minmov, scale = price_scale(float(f"{units}e-{places}"))
    assert minmov * 10**places == units * scale
    assert str(scale).strip("0") == "1"


def test_steps_that_are_no_powers_of_ten_keep_their_decimals() -> None:
    scales = {0.01: (1, 100), 0.25: (25, 100), 0.5: (5, 10), 5.0: (5, 1), 2.5: (25, 10), 1e-8: (1, 10**8)}
    assert {step: price_scale(step) for step in scales} == scales
    assert price_scale(None) == (1, 10**8)


def test_resolutions_are_read_as_they_are_written() -> None:
    written = ("1S", "5S", "1", "5", "60", "240", "1D", "3D", "1W", "1M", "12M")
    assert [resolution_of(Timeframe.parse(text)) for text in written] == list(written)


def test_what_nobody_can_trade_any_more_is_delisted() -> None:
    spec = InstrumentSpec(Instrument("crypto", "kraken", "XX/USD"), "XX", "XX")
    assert [
        is_delisted(each) for each in (spec, replace(spec, active=False), replace(spec, delisted_ms=1))
    ] == [
        False,
        True,
        True,
    ]


async def test_closes_of_the_live_socket_are_those_of_history(config: Config) -> None:
    """Stream against history: not one value differs."""
    app = create_app(config)
    heard: dict[int, list[float]] = {}
    async with testing.TestApp(app):
        client = app.test_client()
        path = "/ws/subscribe?market=simulated&exchange=simex&symbols=BTC/USD&timeframe=1s"
        async with asyncio.timeout(DEADLINE_S), client.websocket(path) as socket:
            while len(heard) < 4:
                message = json.loads(await socket.receive())
                bar = message.get("bar")
                if message["type"] == "bar" and bar["state"] != "forming":
                    row = [bar[name] for name in ("open", "high", "low", "close", "volume")]
                    heard[bar["open_time_ms"] // 1000] = row
        asked = {"symbol": BTC, "resolution": "1S", "from": min(heard), "to": max(heard) + 1}
        told = await get(client, "/udf/history", **asked)
    columns = zip(*(told[column] for column in "ohlcv"), strict=True)
    assert dict(zip(told["t"], map(list, columns), strict=True)) == heard
