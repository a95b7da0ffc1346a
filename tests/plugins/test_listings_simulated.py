"""The simulated listings: the same for everybody, in step with the simulated market, faulty as told."""

import pytest

from plugins.base import PluginContext
from plugins.listings.simulated import SimulatedListings, create_provider
from plugins.listings.simulated_coins import TRADED, coins
from plugins.listings.simulated_faults import ListingsFaults
from plugins.simulated import create_plugin
from tests.listings.held import NOW_MS
from utils.clock import Clock
from utils.domain import HOUR_MS, MINUTE_MS, Instrument, Timeframe
from utils.errors import UpstreamDown, UpstreamLimited


def provider_of(text: str = "", *, seed: int = 1, now_ms: int = NOW_MS) -> SimulatedListings:
    return SimulatedListings(Clock(lambda: now_ms), seed, ListingsFaults.parse(text))


async def test_the_same_seed_and_minute_give_the_same_page() -> None:
    assert await provider_of().fetch_top(60) == await provider_of().fetch_top(60)
    assert await provider_of(seed=2).fetch_top(60) != await provider_of().fetch_top(60)
    later = await provider_of(now_ms=NOW_MS + MINUTE_MS).fetch_top(60)
    assert later.coins != (await provider_of().fetch_top(60)).coins


async def test_the_figures_are_these_on_every_machine() -> None:
    page = await provider_of().fetch_top(6)
    figures = [(coin.coin_id, coin.figures.price, coin.figures.change_24h_percent) for coin in page.coins]
    assert figures == [
        ("bitcoin", 73933.57, -3.64812),
        ("ethereum", 2749.68, -7.46772),
        ("solana", 133.88, 4.60192),
        ("dogecoin", 0.13066, -10.54361),
        ("alax-0", 371.7535915, 0.3375),
        ("faovax-3", 0.0009776731919, 0.18939),
    ]


async def test_traded_coins_have_the_prices_of_the_simulated_market() -> None:
    time_ms = NOW_MS // MINUTE_MS * MINUTE_MS
    market = create_plugin(PluginContext(Clock(lambda: NOW_MS), {}))
    second = Timeframe.parse("1s")
    for row in TRADED:
        instrument = Instrument("simulated", "simex", row.traded_as)
        for point_ms in (time_ms, time_ms - 24 * HOUR_MS):
            bars = await market.fetch_bars(instrument, second, start_ms=point_ms, limit=1)
            assert bars.rows[0][0] == point_ms
            listed = await provider_of(now_ms=point_ms).fetch_coin(row.coin_id)
            assert listed.figures.price == bars.rows[0][4]


async def test_changes_are_those_of_the_history() -> None:
    now_ms = NOW_MS // HOUR_MS * HOUR_MS
    provider = provider_of(now_ms=now_ms)
    coin = (await provider.fetch_top(10)).coins[9]
    points = {point.time_ms: point.price for point in await provider.fetch_history(coin.coin_id, days=31)}
    figures = coin.figures
    changes = {
        1: figures.change_1h_percent,
        24: figures.change_24h_percent,
        7 * 24: figures.change_7d_percent,
        30 * 24: figures.change_30d_percent,
    }
    assert points[now_ms] == figures.price
    for hours, change_percent in changes.items():
        before = points[now_ms - hours * HOUR_MS]
        assert change_percent == pytest.approx((figures.price / before - 1) * 100, abs=1e-4)


async def test_the_best_and_the_worst_are_never_reached() -> None:
    provider = provider_of()
    for coin in (await provider.fetch_top(1_000)).coins[::100]:
        prices = [point.price for point in await provider.fetch_history(coin.coin_id, days=365)]
        assert coin.figures.all_time_low < min(prices)
        assert max(prices) < coin.figures.all_time_high


def test_coins_share_symbols_and_no_ids() -> None:
    assert (
        len({row.coin_id for row in coins()}) == len({row.name for row in coins()}) == len(coins()) == 1_000
    )
    assert len({row.symbol for row in coins()}) < 500


async def test_silent_coins_come_without_a_figure() -> None:
    page = await provider_of("silent").fetch_top(200)
    silent = [coin for coin in page.coins if coin.figures.price is None]
    assert 5 <= len(silent) <= 50
    assert len(page.coins) == 200
    assert all(coin.figures.updated_ms is None for coin in silent)


@pytest.mark.parametrize(
    ("fault", "word", "lost"), [("duplicate", "came before", 0), ("broken", "broken on purpose", 1)]
)
async def test_struck_coins_are_refused_and_named(fault: str, word: str, lost: int) -> None:
    page = await provider_of(fault).fetch_top(200)
    assert 5 <= len(page.refused) <= 50
    assert len(page.coins) == 200 - lost * len(page.refused)
    assert all(word in refused.reason for refused in page.refused)


async def test_old_figures_say_how_old_they_are() -> None:
    page = await provider_of("old").fetch_top(3)
    assert page.fetched_ms - page.coins[0].figures.updated_ms >= 6 * HOUR_MS
    fresh = await provider_of(now_ms=NOW_MS - 6 * HOUR_MS).fetch_top(3)
    assert page.coins == fresh.coins


async def test_questions_fail_by_their_number() -> None:
    provider = provider_of("error, limited")
    outcomes: list[float | None] = []
    for _ in range(10):
        try:
            await provider.fetch_top(1)
            outcomes.append(None)
        except (UpstreamLimited, UpstreamDown) as error:
            outcomes.append(error.retry_after_s)
    assert outcomes == [None, None, 60.0, None, 1.0] * 2


def test_every_unknown_fault_is_named_beside_the_known_ones() -> None:
    with pytest.raises(
        ValueError, match=r"names late, slow, which is no fault: use silent, .* and limited, sep"
    ):
        create_provider(PluginContext(Clock(), {"SIMULATED_LISTINGS_FAULTS": "late,OLD,slow"}))


def test_a_seed_that_is_no_number_is_refused_with_a_sentence() -> None:
    with pytest.raises(ValueError, match="SIMULATED_SEED is one: set a whole number"):
        create_provider(PluginContext(Clock(), {"SIMULATED_SEED": "one"}))
