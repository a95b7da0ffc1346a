"""Candles by symbol, and the symbols that users have collected."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from quart import Quart
from quart.testing.app import TestApp as ServedApp
from quart.typing import TestClientProtocol as Client

from app import create_app
from config import Config
from middleware.context import EXTENSION
from services import Services, collecting
from services.auth_service import AuthService
from tests.jobs.conftest import eventually
from utils.accounts import Role
from utils.domain import MINUTE_MS, Timeframe

ROOTS = ("/api", "/api/v1")
DEADLINE_S = 15
PASSWORD = "a horse in a field of corn"
Headers = dict[str, str]


async def sign_in(app: Quart, accounts: AuthService, name: str, role: Role = Role.USER) -> Headers:
    await accounts.create_user(name, PASSWORD, role)
    pair = await app.extensions[EXTENSION].auth.sign_in(name, PASSWORD)
    return {"Authorization": f"Bearer {pair.access_token}"}


@pytest.fixture
async def ada(app: Quart, accounts: AuthService) -> Headers:
    return await sign_in(app, accounts, "ada")


@pytest.fixture
async def bob(app: Quart, accounts: AuthService) -> Headers:
    return await sign_in(app, accounts, "bob")


async def candles_of(client: Client, path: str) -> dict[str, Any]:
    response = await client.get(path)
    answer: dict[str, Any] = await response.get_json()
    assert response.status_code == 200, answer
    return answer


async def symbols_of(client: Client, headers: Headers | None = None) -> dict[str, bool]:
    """Return what is collected, and whether it is one's own."""
    answer = await (await client.get("/api/symbols", headers=headers)).get_json()
    return {each["symbol"]: each["yours"] for each in answer["symbols"]}


async def problem_of(response: Any) -> tuple[int, str]:
    return response.status_code, (await response.get_json())["code"]


@pytest.mark.parametrize("interval", ["1m", "5m", "1h", "1d"])
async def test_candles_are_the_bars_of_history(client: Client, interval: str) -> None:
    span = "since=2025-01-01&until=2025-01-03"
    where = "market=simulated&exchange=simex"
    history = await candles_of(
        client,
        f"/market/fetch_ohlcv?{where}&symbol=BTC/USD&timeframe={interval}&{span}&format=candles&limit=50",
    )
    for root in ROOTS:
        path = f"{root}/candles/BTC/USD?{where}&interval={interval}&{span}&limit=50"
        answer = await candles_of(client, path)
        assert answer.pop("as_of_ms") >= history.get("as_of_ms", 0)
        assert answer.items() <= history.items()
        assert answer["candles"]


@pytest.mark.parametrize(
    "symbol",
    [
        *("BTC/USD", "BTC%2FUSD", "BTC-USD", "btcusd", "simex:BTC/USD", "SIMEX:BTC%2FUSD"),
        *("simulated:simex:BTC/USD", "btc_usd"),
    ],
)
async def test_every_writing_of_a_symbol_names_the_same(client: Client, symbol: str) -> None:
    answer = await candles_of(client, f"/api/candles/{symbol}?exchange=simex&limit=3")
    assert (answer["exchange"], answer["symbol"], answer["interval"]) == ("simex", "BTC/USD", "1m")
    assert [candle["closed"] for candle in answer["candles"]] == [True, True, False]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("BTC/USD?exchange=simex&limit=0", 422, "invalid_request"),
        ("BTC/USD?exchange=simex&limit=1001", 422, "invalid_request"),
        ("BTC/USD?exchange=simex&interval=1x", 422, "invalid_request"),
        ("BTC/USD?exchange=simex&interval=", 422, "invalid_request"),
        ("BTC/USD?exchange=simex&timeframe=1h", 422, "invalid_request"),
        ("BTC/USD?exchange=simex&since=2025-01-02&until=2025-01-01", 422, "invalid_request"),
        ("simex:BTC/USD?exchange=bitstamp", 422, "invalid_request"),
        ("simulated:simex:BTC/USD?market=crypto&exchange=kraken", 422, "invalid_request"),
        ("BTX/USD?exchange=simex", 404, "unknown_symbol"),
        ("BTC/USD?exchange=simx&market=simulated", 404, "unknown_exchange"),
        ("BTC/USD?market=nowhere", 404, "unknown_market"),
        ("simx:BTC/USD?market=simulated", 404, "unknown_exchange"),
        ("", 404, "not_found"),
        ("%00?exchange=simex", 404, "unknown_symbol"),
        (f"{'B' * 3000}?exchange=simex", 404, "unknown_symbol"),
        (f"BTC{'-' * 50}USD{'-' * 50}?exchange=simex", 404, "unknown_symbol"),
        (f"BTCUSD{'/' * 3000}?exchange=simex", 404, "unknown_symbol"),
    ],
)
async def test_what_does_not_fit_is_refused_in_words(
    client: Client, path: str, status: int, code: str
) -> None:
    assert await problem_of(await client.get(f"/api/candles/{path}")) == (status, code)


async def test_while_the_default_exchange_is_away_nobody_gets_prices_of_another(
    config: Config, accounts: AuthService
) -> None:
    # Port 1 answers nobody.
    app = create_app(replace(config, crypto_endpoint="http://127.0.0.1:1", crypto_exchanges="bitstamp"))
    async with ServedApp(app):
        client, headers = app.test_client(), await sign_in(app, accounts, "ada")
        assert (await candles_of(client, "/api/candles/simex:BTC/USD?limit=3"))["exchange"] == "simex"
        async with asyncio.timeout(DEADLINE_S):
            asked = await client.get("/api/candles/BTC/USD?limit=3")
            collected = await client.post("/api/symbols", json={"symbol": "BTC/USD"}, headers=headers)
        assert asked.status_code in (503, 504)
        assert "Bitstamp" in (await asked.get_json())["detail"]
        assert collected.status_code in (503, 504)
        assert await symbols_of(client) == {}


async def test_a_closed_span_is_sent_once(client: Client) -> None:
    path = "/api/candles/BTC/USD?exchange=simex&interval=1h&since=2025-01-01&until=2025-01-02"
    first = await client.get(path)
    again = await client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code) == (200, 304)


async def test_a_symbol_is_collected_for_whoever_asks_and_asking_twice_is_asking_once(
    client: Client, ada: Headers, bob: Headers
) -> None:
    for root, symbol, headers, status in (
        ("/api", "simex:BTC/USD", ada, 201),
        ("/api/v1", "simulated:simex:btc-usd", ada, 200),
        ("/api/v1", "simex:BTCUSD", bob, 201),
    ):
        response = await client.post(f"{root}/symbols", json={"symbol": symbol}, headers=headers)
        body = await response.get_json()
        assert (response.status_code, body["symbol"], body["yours"]) == (status, "BTC/USD", True)
    for headers, yours in ((ada, True), (bob, True), (None, False)):
        assert await symbols_of(client, headers) == {"BTC/USD": yours}


async def test_what_is_asked_for_is_filled_without_anybody_looking(
    config: Config, accounts: AuthService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "DEPTHS_MS", {Timeframe(1, "m"): 30 * MINUTE_MS})
    app = create_app(replace(config, jobs="embedded"))

    async def filled() -> dict[str, Any] | None:
        answer = await (await app.test_client().get("/api/symbols")).get_json()
        (symbol,) = answer["symbols"]
        return dict(symbol) if symbol["filled_ms"] else None

    async with ServedApp(app):
        headers = await sign_in(app, accounts, "ada")
        body = {"symbol": "simex:SOLUSD"}
        asked = await app.test_client().post("/api/symbols", json=body, headers=headers)
        assert asked.status_code == 201
        symbol = await eventually(filled)
    assert symbol["complaint"] is None
    assert 29 * MINUTE_MS <= symbol["last_bar_ms"] - symbol["first_bar_ms"] <= 31 * MINUTE_MS
    assert symbol["last_bar_ms"] <= symbol["filled_ms"] < symbol["last_bar_ms"] + 2 * MINUTE_MS


async def test_what_is_asked_for_while_a_round_is_ending_has_a_round_to_come(
    app: Quart, client: Client, ada: Headers
) -> None:
    services: Services = app.extensions[EXTENSION]
    round_of_now = await services.jobs.enqueue(collecting.COLLECT)
    # It may have looked for the last time already at what is to be done.
    await services.pool.execute(
        "UPDATE job_run SET state = 'running' WHERE job_run_id = $1", round_of_now.run_id
    )
    asked = await client.post("/api/symbols", json={"symbol": "simex:BTC/USD"}, headers=ada)
    assert asked.status_code == 201
    waiting = await services.pool.fetchval("SELECT count(*) FROM job_run WHERE state = 'queued'")
    assert waiting == 1


async def test_a_key_makes_a_request_safe_to_send_again(client: Client, ada: Headers) -> None:
    headers = ada | {"Idempotency-Key": "a-key-of-this-test"}
    body = {"symbol": "ETH/USD", "exchange": "simex"}
    first, again = [await client.post("/api/symbols", json=body, headers=headers) for _ in range(2)]
    assert first.status_code == again.status_code == 201
    assert again.headers["Idempotency-Replayed"] == "true"
    assert await first.get_json() == await again.get_json()


async def test_what_there_is_not_cannot_be_collected(client: Client, ada: Headers) -> None:
    for body, status, code in (
        ({"symbol": "BTX/USD", "exchange": "simex"}, 404, "unknown_symbol"),
        ({"symbol": "simx:BTC/USD", "market": "simulated"}, 404, "unknown_exchange"),
        ({"symbol": "simex:BTC/USD", "exchange": "kraken"}, 422, "invalid_request"),
        ({"symbol": "simulated:simex:BTC/USD", "market": "crypto"}, 422, "invalid_request"),
        ({"symbol": ""}, 422, "invalid_request"),
        ({}, 422, "invalid_request"),
    ):
        assert await problem_of(await client.post("/api/symbols", json=body, headers=ada)) == (status, code)
    assert (await client.post("/api/symbols", json={"symbol": "simex:BTC/USD"})).status_code == 401
    assert await symbols_of(client) == {}


async def test_users_take_back_what_is_theirs_and_an_admin_what_is_anybodys(
    client: Client, app: Quart, accounts: AuthService, ada: Headers, bob: Headers
) -> None:
    root = await sign_in(app, accounts, "root", Role.ADMIN)
    for headers, symbol in ((ada, "BTC/USD"), (bob, "BTC/USD"), (bob, "ETH/USD"), (bob, "SOL/USD")):
        await client.post("/api/symbols", json={"symbol": f"simex:{symbol}"}, headers=headers)
    # What is another's is as if it were not there.
    for symbol in ("ETH/USD", "NOTHING"):
        gone = await client.delete(f"/api/symbols/{symbol}", headers=ada)
        assert await problem_of(gone) == (404, "not_collected")
    assert (await client.delete("/api/symbols/BTC%2FUSD", headers=ada)).status_code == 204
    assert await symbols_of(client, bob) == {"BTC/USD": True, "ETH/USD": True, "SOL/USD": True}
    assert (await client.delete("/api/v1/symbols/btc-usd?exchange=simex", headers=bob)).status_code == 204
    assert await symbols_of(client) == {"ETH/USD": False, "SOL/USD": False}
    assert (await client.delete("/api/symbols/simulated:simex:SOL/USD", headers=root)).status_code == 204
    assert await symbols_of(client) == {"ETH/USD": False}
    events = await (await client.get("/api/v1/admin/audit", headers=root)).get_json()
    assert "collected_symbol_removed" in {event["action"] for event in events["events"]}
    assert (await client.delete("/api/symbols/ETH/USD")).status_code == 401


async def test_there_is_an_end_to_what_one_user_and_all_may_ask_for(
    client: Client, ada: Headers, bob: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "PER_USER_MAX", 2)
    monkeypatch.setattr(collecting, "IN_ALL_MAX", 3)

    async def ask(headers: Headers, symbol: str) -> int:
        body = {"symbol": f"simex:{symbol}"}
        return (await client.post("/api/symbols", json=body, headers=headers)).status_code

    assert [await ask(ada, symbol) for symbol in ("BTC/USD", "ETH/USD", "SOL/USD")] == [201, 201, 409]
    # What is collected already is no more work for another.
    assert [await ask(bob, symbol) for symbol in ("EUR/USD", "SOL/USD", "EUR/USD")] == [201, 409, 200]
    assert await ask(ada, "BTC/USD") == 200
    refused = await client.post("/api/symbols", json={"symbol": "simex:SOL/USD"}, headers=bob)
    assert await problem_of(refused) == (409, "too_many_symbols")
    assert set(await symbols_of(client)) == {"BTC/USD", "ETH/USD", "EUR/USD"}
