"""Coins by HTTP, on the simulated provider: lists, categories, one coin, kept answers and syncs."""

import asyncio
from dataclasses import replace
from random import Random

from blueprints.formats.coins import FIGURES as SHOWN
from config import Config
from plugins.listings.base import CoinFigures
from services.auth_service import AuthService
from services.coins.freshness import COIN_FRESH_MS, FRESH_MS
from services.coins.questions import Category
from tests.coins.house import ROOT, Coins, opened
from tests.coins.made_coins import NOW_MS, PROVIDER, made_coins, page_of, store
from tests.coins.made_coins import made_coin as made
from utils.accounts import Role
from utils.domain import HOUR_MS, MINUTE_MS

FIGURES = (*(name for name in SHOWN if name in CoinFigures.__slots__), "updated_ms")
PASSWORD = "a horse in a field of corn"


async def signed_in(accounts: AuthService, coins: Coins, role: Role) -> dict[str, str]:
    await accounts.create_user(role, PASSWORD, role)
    answer = await coins.client.post("/auth/login", json={"username": role, "password": PASSWORD})
    return {"Authorization": f"Bearer {(await answer.get_json())['access_token']}"}


async def test_a_list_says_what_the_provider_said_and_when(coins: Coins) -> None:
    empty = await coins.get("/")
    assert (empty["coins"], empty["provider"], empty["as_of_ms"], empty["stale"]) == ([], None, None, True)
    report = await coins.services.coin_upkeep.sync(60)
    assert report.coins == report.changed == report.points == 60
    page = await coins.services.coin_source.fetch_top(60)
    listed = await coins.get("/?limit=250")
    assert (listed["provider"], listed["as_of_ms"], listed["stale"]) == ("simulated", NOW_MS, False)
    assert (listed["total"], listed["next"]) == (60, None)
    given = {coin["id"]: coin for coin in listed["coins"]}
    assert [coin["rank"] for coin in listed["coins"]] == list(range(1, 61))
    for coin in page.coins:
        shown = given[coin.coin_id]
        assert {name: shown[name] for name in FIGURES} == {n: getattr(coin.figures, n) for n in FIGURES}
        assert (shown["source"], shown["fetched_ms"], shown["stale"]) == ("simulated", NOW_MS, False)
    assert any(coin["max_supply"] is None for coin in listed["coins"])


async def test_parameters_choose_and_order(coins: Coins) -> None:
    await coins.services.coin_upkeep.sync(100)
    chosen = await coins.get("/?symbol_filter=btc,ETH&sort_by=symbol")
    assert {coin["symbol"] for coin in chosen["coins"]} == {"BTC", "ETH"}
    assert [coin["symbol"] for coin in chosen["coins"]] == sorted(coin["symbol"] for coin in chosen["coins"])
    found = await coins.get("/?search=BITC")
    assert all("bitc" in f"{coin['name']} {coin['slug']}".lower() for coin in found["coins"])
    bounded = await coins.get("/?min_price=1&max_price=100&min_volume=1e6&sort_by=price&order=asc&limit=250")
    prices = [coin["price"] for coin in bounded["coins"]]
    assert prices == sorted(prices)
    assert prices
    assert 1 <= prices[0] <= prices[-1] <= 100
    first = await coins.get("/?limit=40&sort_by=name")
    second = await coins.get(f"/?limit=40&sort_by=name&cursor={first['next']}")
    third = await coins.get(f"/?limit=40&sort_by=name&cursor={second['next']}")
    ids = [coin["id"] for page in (first, second, third) for coin in page["coins"]]
    whole = await coins.get("/?limit=250&sort_by=name")
    assert ids == [coin["id"] for coin in whole["coins"]]
    assert third["next"] is None
    assert [coin["id"] for coin in (await coins.get("/?limit=5&offset=95"))["coins"]] == [
        coin["id"] for coin in (await coins.get("/?limit=100"))["coins"]
    ][95:]


REFUSED = (
    ("/?limit=251", "limit", "250"),
    ("/?cursor=1.2", "cursor", "next of the page before"),
    ("/?cursor=1.5.0123456789abcdef&offset=3", "", "do not go together"),
    ("/?cursor=1.5.0123456789abcdef", "cursor", "belongs to another list"),
    ("/?min_price=-1", "min_price", "0"),
    ("/?max_price=nan", "max_price", ""),
    ("/?sort_by=beauty", "sort_by", ""),
    ("/?locale=de", "", "include=accessibility"),
    ("/bitcoin/history?range=2y", "range", ""),
    ("/top/gainers?window=1y", "window", ""),
)


async def test_what_does_not_fit_is_named(coins: Coins) -> None:
    for question, field, sentence in REFUSED:
        refused = await coins.get(question, 422)
        assert [error["field"] for error in refused["errors"]] == [field]
        assert sentence in refused["detail"]


ABSENT = (
    ("/nothing", "unknown_coin"),
    ("/nothing/history", "unknown_coin"),
    ("/%00", "unknown_coin"),
    (f"/{'x' * 500}", "unknown_coin"),
    ("/bitcoin?provider=nobody", "unknown_provider"),
    ("/?provider=nobody", "unknown_provider"),
    ("/top/nothing", "unknown_category"),
)


async def test_what_is_not_there_is_not_found(coins: Coins) -> None:
    await coins.services.coin_upkeep.sync(10)
    for question, code in ABSENT:
        assert (await coins.get(question, 404))["code"] == code


async def test_a_near_miss_is_named(coins: Coins) -> None:
    await coins.services.coin_upkeep.sync(50)
    assert "Did you mean bitcoin" in (await coins.get("/bitcoim", 404))["detail"]


async def test_of_a_shared_symbol_the_highest_rank_is_chosen_and_the_others_are_named(coins: Coins) -> None:
    chance = Random(1)
    some = [
        replace(made(chance, number), symbol="ETC", rank=rank) for number, rank in enumerate((9, 3, None, 5))
    ]
    another = replace(made(chance, 77), symbol="XYZ", coin_id="etc", slug="ether-coin", rank=50)
    await store(coins.services.pool, page_of([*some, another]))
    by_symbol = await coins.get("/eTc")
    # An id is an id, whoever has it as a symbol.
    assert (by_symbol["id"], by_symbol["found_by"]) == ("etc", "id")
    assert [other["id"] for other in by_symbol["others"]] == ["coin-1", "coin-3", "coin-0", "coin-2"]
    by_slug = await coins.get("/slug-3?include=accessibility")
    assert (by_slug["id"], by_slug["found_by"], by_slug["others"]) == ("coin-3", "slug", [])
    await coins.services.pool.execute("DELETE FROM coin WHERE provider_id = 'etc'")
    await coins.forget()
    shared = await coins.get("/ETC?include=accessibility&locale=fr")
    assert (shared["id"], shared["found_by"], len(shared["others"])) == ("coin-1", "symbol", 3)
    texts = [each["text"] for each in shared["accessibility"]["sentences"]]
    assert "3 autres cryptomonnaies ont le symbole E T C." in texts


async def test_the_first_of_a_category_say_their_rule(coins: Coins) -> None:
    await coins.services.coin_upkeep.sync(100)
    for category in Category:
        top = await coins.get(f"/top/{category}?limit=7&window=7d&include=accessibility&locale=pl")
        assert len(top["coins"]) == len(top["accessibility"]["coins"]) == 7
        assert top["next"] is None
        assert "first" in top["rule"]
        changes = [coin["change_7d_percent"] for coin in top["coins"]]
        if category is Category.GAINERS:
            assert changes == sorted(changes, reverse=True)
            assert changes[-1] > 0
        if category is Category.LOSERS:
            assert changes == sorted(changes)
            assert changes[-1] < 0


async def test_a_coin_that_is_listed_no_more_is_in_no_category(coins: Coins) -> None:
    chance = Random(2)
    gone, here = (
        replace(
            made(chance, number), figures=replace(made(chance, 0).figures, volume_24h=1e9, market_cap=cap)
        )
        for number, cap in ((0, 9e9), (1, 1e9))
    )
    await store(coins.services.pool, page_of([gone], NOW_MS - COIN_FRESH_MS - 1))
    await store(coins.services.pool, page_of([here]))
    assert [coin["id"] for coin in (await coins.get("/top/market_cap"))["coins"]] == ["coin-1"]
    listed = (await coins.get("/"))["coins"]
    assert [(coin["id"], coin["stale"]) for coin in listed] == [("coin-0", True), ("coin-1", False)]


async def test_an_answer_is_kept_tagged_and_forgotten_on_every_worker_when_coins_are_listed(
    coins: Coins, config: Config
) -> None:
    async with opened(config, coins.now) as other:
        await coins.services.coin_upkeep.sync(20)
        first = await coins.client.get(f"{ROOT}/?limit=3")
        tag = first.headers["ETag"]
        assert first.headers["Cache-Control"] == "public, max-age=30"
        again = await other.client.get(f"{ROOT}/?limit=3", headers={"If-None-Match": tag})
        assert (again.status_code, again.headers["ETag"]) == (304, tag)
        assert other.services.answers.counts.shared_hits == 1
        coins.now[0] += HOUR_MS
        await coins.services.coin_upkeep.sync(20)
        async with asyncio.timeout(5):
            # What another worker has forgotten it tells nobody.
            while (  # noqa: ASYNC110
                answer := await other.client.get(f"{ROOT}/?limit=3")
            ).headers["ETag"] == tag:
                await asyncio.sleep(0.05)
        assert (await answer.get_json())["as_of_ms"] == coins.now[0]
        assert (await coins.get("/?limit=3"))["as_of_ms"] == coins.now[0]


async def test_one_provider_is_listed_at_a_time_and_the_first_that_is_fresh(coins: Coins) -> None:
    chance = Random(9)
    await coins.services.coin_upkeep.sync(5)
    others = [replace(coin, symbol="ONLYHERE") for coin in made_coins(chance, 3)]
    await store(coins.services.pool, page_of(others, NOW_MS + MINUTE_MS))
    coins.now[0] = NOW_MS + FRESH_MS
    assert (await coins.get("/"))["provider"] == "simulated"
    coins.now[0] += MINUTE_MS
    await coins.forget()
    fallen = await coins.get("/")
    assert (fallen["provider"], fallen["stale"]) == (PROVIDER, False)
    assert {coin["source"] for coin in fallen["coins"]} == {PROVIDER}
    # What the listed one does not know another may.
    assert (await coins.get("/bitcoin"))["source"] == "simulated"
    await coins.services.coin_upkeep.sync(5)
    assert (await coins.get("/"))["provider"] == "simulated"
    assert (await coins.get("/onlyhere"))["source"] == PROVIDER


async def test_an_admin_orders_a_sync_once(coins: Coins, accounts: AuthService) -> None:
    admin, user = [await signed_in(accounts, coins, role) for role in (Role.ADMIN, Role.USER)]
    refused = await coins.client.post(f"{ROOT}/sync", headers=user)
    assert refused.status_code == 403
    assert (await coins.client.post(f"{ROOT}/sync?provider=nobody", headers=admin)).status_code == 404
    key = {"Idempotency-Key": "sync-one-two-three"}
    first = await coins.client.post(f"{ROOT}/sync?limit=30", headers=admin | key)
    assert first.status_code == 202
    ordered = await first.get_json()
    assert (ordered["job"], ordered["already_running"]) == ("sync_coins", False)
    again = await coins.client.post(f"{ROOT}/sync?limit=30", headers=admin | key)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert await again.get_json() == ordered
    other = await coins.client.post(f"{ROOT}/sync?limit=31", headers=admin | key)
    assert (await other.get_json())["code"] == "idempotency_key_reused"
    second = await (await coins.client.post(f"{ROOT}/sync?limit=77", headers=admin)).get_json()
    assert (second["run_id"], second["already_running"]) == (ordered["run_id"], True)
    statuses = [(await coins.client.post(f"{ROOT}/sync", headers=admin)).status_code for _ in range(10)]
    assert statuses[0] == 202
    assert statuses[-1] == 429
