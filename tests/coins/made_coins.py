"""Coins as no provider has them, and what a list of them has to be by plain Python."""

import math
from collections.abc import Sequence
from random import Random

import asyncpg

from plugins.listings.base import Coin, CoinFigures, ListingsPage
from services.coins.questions import ListQuestion
from services.stores.coin_filters import CoinFilter, Order, SortBy
from services.stores.coin_syncs import insert_prices_of, write_page
from utils.domain import HOUR_MS

PROVIDER = "made"
NOW_MS = 1_795_262_400_000  # 2026-11-21 12:00 UTC
SYMBOLS = ("BTC", "ETH", "USDC", "1INCH", "ẞTEIN", "Æ", "ETH")
# Figures that people trip over: none, nothing, dust, equal ones, and more than a trillion.
FIGURES = (None, 0.0, 1.234e-09, 0.5, 1.0, 1.0, 2.5, 100.0, 60_120.5, 1.2e12)
CHANGES = (None, -12.5, -0.04, 0.0, 0.04, 3.0, 3.0, 250.0)


def made_coins(chance: Random, count: int, provider: str = PROVIDER) -> list[Coin]:
    return [made_coin(chance, number, provider) for number in range(count)]


def made_coin(chance: Random, number: int, provider: str = PROVIDER) -> Coin:
    symbol = chance.choice(SYMBOLS)
    return Coin(
        provider,
        f"coin-{number}",
        symbol,
        chance.choice(("Bitcoin", "bitcoin cash", "Äther", "ether", "Zcoin", f"Coin {number}")),
        f"slug-{number}",
        CoinFigures(
            price=chance.choice(FIGURES),
            market_cap=chance.choice(FIGURES),
            volume_24h=chance.choice(FIGURES),
            circulating_supply=chance.choice(FIGURES),
            change_1h_percent=chance.choice(CHANGES),
            change_24h_percent=chance.choice(CHANGES),
            change_7d_percent=chance.choice(CHANGES),
            change_30d_percent=chance.choice(CHANGES),
            updated_ms=chance.choice((None, NOW_MS - number)),
        ),
        rank=chance.choice((None, number + 1, 7)),
    )


def page_of(coins: Sequence[Coin], fetched_ms: int = NOW_MS) -> ListingsPage:
    return ListingsPage(coins[0].provider, tuple(coins), fetched_ms)


async def store(pool: asyncpg.Pool, page: ListingsPage, *, now_ms: int | None = None) -> None:
    """Write a page as a sync does."""
    now_ms = page.fetched_ms if now_ms is None else now_ms
    async with pool.acquire() as connection, connection.transaction():
        _, changed = await write_page(connection, page, now_ms=now_ms, forget_before_ms=now_ms - HOUR_MS)
        await insert_prices_of(connection, changed)


def figure_of(coin: Coin, sort_by: SortBy) -> float | str | None:
    figures = coin.figures
    match sort_by:
        case SortBy.RANK:
            return coin.rank
        case SortBy.NAME:
            return coin.name.casefold()
        case SortBy.SYMBOL:
            return coin.symbol.casefold()
        case SortBy.TURNOVER:
            if figures.volume_24h is None or not figures.market_cap:
                return None
            return figures.volume_24h / figures.market_cap
    found: float | None = getattr(figures, sort_by.value)
    return found


def naive_list(coins: Sequence[Coin], question: ListQuestion) -> list[Coin]:
    """Return the whole list that a question is about."""
    chosen = [coin for coin in coins if _fits(coin, question.filter, question.sort_by)]
    by_id = sorted(chosen, key=lambda coin: coin.coin_id.encode())
    known = [coin for coin in by_id if figure_of(coin, question.sort_by) is not None]
    unknown = [coin for coin in by_id if figure_of(coin, question.sort_by) is None]
    known.sort(key=lambda coin: _comparable(coin, question), reverse=False)
    return known + unknown


def _comparable(coin: Coin, question: ListQuestion) -> object:
    figure = figure_of(coin, question.sort_by)
    if isinstance(figure, str):
        points = [ord(letter) for letter in figure]
        # Above every letter, so that the longer of two words that begin alike comes first from the end.
        return [-point for point in points] + [math.inf] if question.order is Order.DESC else points
    assert figure is not None
    return -figure if question.order is Order.DESC else figure


def _fits(coin: Coin, chosen: CoinFilter, sort_by: SortBy) -> bool:
    figures, bounds = coin.figures, chosen.bounds
    bounded = (
        (figures.market_cap, bounds.min_market_cap, bounds.max_market_cap),
        (figures.price, bounds.min_price, bounds.max_price),
        (figures.volume_24h, bounds.min_volume, bounds.max_volume),
    )
    figure = figure_of(coin, sort_by)
    names = (coin.name, coin.symbol, coin.slug, coin.coin_id)
    return (
        (not chosen.symbols or coin.symbol.casefold() in [each.casefold() for each in chosen.symbols])
        and any(chosen.search.casefold() in name.casefold() for name in names)
        and all(_within(value, low, high) for value, low, high in bounded)
        and not (chosen.sort_known and figure is None)
        and (chosen.gaining is None or _moves(figure, up=chosen.gaining))
    )


def _within(value: float | None, low: float | None, high: float | None) -> bool:
    if low is None and high is None:
        return True
    return value is not None and (low is None or value >= low) and (high is None or value <= high)


def _moves(figure: float | str | None, *, up: bool) -> bool:
    if not isinstance(figure, int | float):
        return False
    return figure > 0 if up else figure < 0
