"""What providers really sent comes out of the API value for value; and what stays when they are away."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from config import Config
from services.coins.freshness import FRESH_MS
from tests.coins.house import Coins, opened
from tests.coins.made_coins import NOW_MS
from tests.listings import LocalListings, Reply
from tests.listings.held import coinmarketcap_status
from tests.listings.recordings import (
    OF_COINGECKO,
    OF_COINMARKETCAP,
    coingecko,
    coingecko_recordings,
    coinmarketcap,
)
from utils.errors import UpstreamError

# What a coin is called, beside its figures.
NAMES_OF_COINGECKO = {"id": "id", "name": "name", "rank": "market_cap_rank", "image_url": "image"}


@asynccontextmanager
async def house(config: Config, *providers: str) -> AsyncIterator[tuple[Coins, LocalListings]]:
    async with LocalListings() as local:
        settings = replace(
            config,
            listings_providers=providers,
            listings_endpoint=local.endpoint,
            coinmarketcap_api_key="a-key-of-a-test",
        )
        async with opened(settings, [NOW_MS]) as coins:
            yield coins, local


def milliseconds(value: Any) -> Any:
    if not isinstance(value, str) or not value.endswith("Z"):
        return value
    moment = datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    return round(moment.timestamp() * 1_000)


def differing(shown: dict[str, Any], recorded: dict[str, Any], names: dict[str, str]) -> list[str]:
    return [ours for ours, theirs in names.items() if shown[ours] != milliseconds(recorded[theirs])]


async def test_recorded_lists_of_coingecko_come_out_value_for_value(config: Config) -> None:
    async with house(config, "coingecko") as (coins, local):
        lists = [recording for recording in coingecko("coins/markets") if recording.status == 200]
        for turn, recording in enumerate(lists):
            # One answer a minute, as the schedule is slower still.
            coins.now[0] += turn * 60_000
            local.always(Reply(recording.body))
            await coins.services.coin_upkeep.sync(len(recording.value))
            listed = {coin["id"]: coin for coin in (await coins.get("/"))["coins"]}
            for recorded in recording.value:
                shown = listed[recorded["id"]]
                assert differing(shown, recorded, OF_COINGECKO | NAMES_OF_COINGECKO) == []
                assert shown["source"] == "coingecko"
                assert shown["fetched_ms"] == coins.now[0]
                newest = (await coins.get(f"/{recorded['id']}/history?range=365d&interval=raw"))["points"]
                # Answers of 2021 lie before a year of history.
                assert newest == []


async def test_a_recorded_coin_and_its_past_come_out_value_for_value(config: Config) -> None:
    market = next(each for each in coingecko("coins/markets?") if each.status == 200)
    chart = next(each for each in coingecko("coins/bitcoin/market_chart") if "days=90" in each.url)
    about = coingecko("coins/bitcoin")[0]
    async with house(config, "coingecko") as (coins, local):
        newest_ms = chart.value["prices"][-1][0]
        coins.now[0] = newest_ms + 60_000
        local.say = lambda call: Reply(
            {"coins/markets": market.body, "coins/bitcoin": about.body}.get(call.path, chart.body)
        )
        await coins.services.coin_upkeep.sync(1)
        assert await coins.services.coin_upkeep.backfill(1) == len(chart.value["prices"])
        assert await coins.services.coin_upkeep.backfill(1) == 0
        history = await coins.get("/bitcoin/history?range=90d&interval=raw&limit=2000")
        first_ms = coins.now[0] - 90 * 86_400_000
        recorded = [row for row in chart.value["prices"] if row[0] >= first_ms]
        given = [[point["time_ms"], point["price"]] for point in history["points"]]
        assert [row for row in given if row in recorded] == recorded
        caps = dict(map(tuple, chart.value["market_caps"]))
        assert all(
            caps.get(point["time_ms"], point["market_cap"]) == point["market_cap"]
            for point in history["points"]
        )
        assert await coins.services.coin_upkeep.describe(1) == 1
        shown = await coins.get("/bitcoin")
        assert shown["description"].split() == about.value["description"]["en"].split()
        homes = [link["url"] for link in shown["links"] if link["kind"] == "homepage"]
        assert homes == [url for url in about.value["links"]["homepage"] if url]


async def test_recorded_quotes_of_coinmarketcap_come_out_value_for_value(config: Config) -> None:
    recorded = coinmarketcap("quotes_latest")
    async with house(config, "coinmarketcap") as (coins, local):
        local.always(Reply({**recorded, "data": list(recorded["data"].values())}))
        await coins.services.coin_upkeep.sync(200)
        listed = {coin["id"]: coin for coin in (await coins.get("/?provider=coinmarketcap"))["coins"]}
        assert set(listed) == set(recorded["data"])
        for coin_id, entry in recorded["data"].items():
            assert differing(listed[coin_id], entry["quote"]["USD"], OF_COINMARKETCAP) == []
            names = ("slug", "symbol", "name", "circulating_supply", "total_supply", "max_supply")
            assert differing(listed[coin_id], entry, {name: name for name in names}) == []
            # It does not know the highest price ever: that is null, and never 0.
            assert listed[coin_id]["all_time_high"] is None


async def test_recorded_errors_leave_the_last_good_coins_and_their_age(config: Config) -> None:
    # One of each kind: tests/plugins/test_listings_recorded.py has them all, without the pace of a provider.
    errors = {each.status: each for each in coingecko_recordings() if each.status != 200}
    assert set(errors) == {422, 500}
    async with house(config, "coingecko") as (coins, local):
        good = next(each for each in coingecko("coins/markets?") if each.status == 200)
        local.always(Reply(good.body))
        await coins.services.coin_upkeep.sync(50)
        before = await coins.get("/")
        for recording in errors.values():
            local.always(Reply(recording.body, recording.status))
            with pytest.raises(UpstreamError):
                await coins.services.coin_upkeep.sync(50, "coingecko")
        await local.stop()
        coins.now[0] += FRESH_MS + 1
        with pytest.raises(UpstreamError):
            await coins.services.coin_upkeep.sync(50, "coingecko")
        await coins.forget()
        after = await coins.get("/?include=accessibility&locale=ja")
        assert (after["stale"], after["as_of_ms"]) == (True, NOW_MS)
        assert after["coins"] == before["coins"]
        assert after["accessibility"]["brief"]["text"].startswith("古いデータ、15分以上。")


async def test_errors_inside_of_a_200_change_nothing_and_the_other_provider_takes_over(
    config: Config,
) -> None:
    async with house(config, "coinmarketcap", "coingecko") as (coins, local):
        await coins.services.coin_upkeep.sync(50)
        assert (await coins.get("/"))["provider"] == "coinmarketcap"
        status = coinmarketcap_status() | {"error_code": 1010, "error_message": "used up"}
        local.say = lambda call: Reply({"status": status}) if "coinmarketcap" in call.host else None
        coins.now[0] += FRESH_MS + 1
        report = await coins.services.coin_upkeep.sync(50)
        assert report.provider == "coingecko"
        fallen = await coins.get("/")
        assert (fallen["provider"], fallen["stale"], fallen["total"]) == ("coingecko", False, 50)
        assert {coin["source"] for coin in fallen["coins"]} == {"coingecko"}
        kept = await coins.get("/?provider=coinmarketcap")
        assert (kept["provider"], kept["stale"], kept["total"]) == ("coinmarketcap", True, 50)
