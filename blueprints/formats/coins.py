"""Coins in JSON: a list, one coin, and what it was worth, with what can be heard of each; pure.

Figures are the provider's, digit for digit; null is what it did not say.
"""

from typing import Any

import orjson

from plugins.listings.base import CURRENCY, Coin
from services.coins.answers import CoinHistory, CoinPage, FoundCoin, ListedCoin
from services.jobs.job import JobTicket
from services.narration.telling_coins import CoinSentence, CoinTelling
from services.narration.voice import Voice

FIGURES = (
    *("price", "market_cap", "fully_diluted_valuation", "volume_24h"),
    *("circulating_supply", "total_supply", "max_supply"),
    *("all_time_high", "all_time_high_ms", "all_time_low", "all_time_low_ms"),
    *("change_1h_percent", "change_24h_percent", "change_7d_percent", "change_30d_percent"),
)


def encode_list(page: CoinPage, heard: tuple[CoinTelling, Voice] | None, **beside: object) -> bytes:
    """Return a list: ``{"provider": "coingecko", …, "coins": [{"id": "bitcoin", "price": 60120.5, …}]}``.

    ``beside`` are members that a list has beside: its category and its rule.
    """
    shape = {
        **beside,
        "provider": page.provider,
        "currency": CURRENCY,
        "as_of_ms": page.as_of_ms,
        "stale": page.stale,
        "total": page.total,
        "offset": page.offset,
        "next": page.next,
        "coins": [_listed(each) for each in page.coins],
    }
    return orjson.dumps(shape | _heard(heard))


def encode_coin(found: FoundCoin, heard: tuple[CoinTelling, Voice] | None) -> bytes:
    """Return one coin with all that is known of it, and the others that share its symbol."""
    profile = found.profile
    shape = {
        **_listed(found.listed),
        "currency": CURRENCY,
        "found_by": found.found_by,
        "others": [_named(coin) for coin in found.others],
        "description": None if profile is None else profile.description,
        "links": [] if profile is None else profile.links,
        "described_ms": None if profile is None else profile.fetched_ms,
    }
    return orjson.dumps(shape | _heard(heard))


def encode_coin_history(history: CoinHistory, heard: tuple[CoinTelling, Voice] | None) -> bytes:
    """Return what a coin was worth: ``{…, "points": [{"time_ms": …, "open": …, "price": …, …}]}``."""
    listed, question = history.found.listed, history.question
    shape = {
        **_named(listed.coin),
        "provider": listed.coin.provider,
        "currency": CURRENCY,
        "range": question.range,
        "interval": question.interval,
        "as_of_ms": listed.fetched_ms,
        "stale": listed.stale,
        "more": history.more,
        "points": history.points,
    }
    return orjson.dumps(shape | _heard(heard))


def format_ticket(ticket: JobTicket) -> dict[str, Any]:
    """Return the run that was ordered, or the one that goes on already."""
    return {
        "run_id": ticket.run_id,
        "job": ticket.job,
        "state": ticket.state,
        "queued_ms": ticket.queued_ms,
        "already_running": ticket.already_running,
    }


def _named(coin: Coin) -> dict[str, Any]:
    return {"id": coin.coin_id, "symbol": coin.symbol, "name": coin.name, "rank": coin.rank}


def _listed(listed: ListedCoin) -> dict[str, Any]:
    coin, figures = listed.coin, listed.coin.figures
    return {
        **_named(coin),
        "slug": coin.slug,
        "image_url": coin.image_url,
        **{name: getattr(figures, name) for name in FIGURES},
        "source": coin.provider,
        "updated_ms": figures.updated_ms,
        "fetched_ms": listed.fetched_ms,
        "stale": listed.stale,
    }


def _heard(heard: tuple[CoinTelling, Voice] | None) -> dict[str, Any]:
    if heard is None:
        return {}
    telling, voice = heard
    shape: dict[str, Any] = {
        "lang": voice.locale.code,
        "dir": voice.locale.direction,
        "time_zone": voice.time_zone.key,
        "brief": _sentence(telling.brief),
        "sentences": [_sentence(each) for each in telling.sentences],
    }
    if telling.coins:
        shape["coins"] = telling.coins
    return {"accessibility": shape}


def _sentence(sentence: CoinSentence) -> dict[str, Any]:
    return {"text": sentence.text, "figures": sentence.figures}
