"""What CoinGecko's answers mean; pure.

Source: https://docs.coingecko.com/reference/coins-markets, coins-id, coins-id-market-chart and
https://docs.coingecko.com/docs/errors-and-rate-limits, read 2026-11-21.
"""

from collections.abc import Iterator

from plugins.listings.base import CURRENCY, Coin, CoinFigures, CoinHistoryPoint, CoinLink
from plugins.listings.complaints import Complaint, usual_failure
from plugins.listings.json_client import JsonAnswer
from plugins.listings.reading import Fields, UnreadableField, read_links, read_number
from utils.errors import AppError

NAME, TITLE = "coingecko", "CoinGecko"
# The key is of the other plan, and belongs to the other host.
WRONG_HOST_CODES = frozenset({10010, 10011})
KEY_CODES = frozenset({401, 10002, 10005}) | WRONG_HOST_CODES
LINK_KINDS = {
    "homepage": "homepage",
    "whitepaper": "whitepaper",
    "blockchain_site": "explorer",
    "official_forum_url": "forum",
    "chat_url": "chat",
    "announcement_url": "announcements",
    "subreddit_url": "reddit",
}


def complaint(answer: JsonAnswer) -> Complaint | None:
    """Return what went wrong, None for an answer of success that says nothing of the kind.

    Four shapes: ``{"error": "coin not found"}``, ``{"status": 500, "error": "…"}``,
    ``{"status": {"error_code": 429, "error_message": "…"}}``, and the last one inside ``error``.
    """
    body = answer.body if isinstance(answer.body, dict) else {}
    error, status = body.get("error"), body.get("status")
    inner = error.get("status") if isinstance(error, dict) else status
    if isinstance(inner, dict):
        code = inner.get("error_code", body.get("error_code"))
        return Complaint(_code(code, answer.status), str(inner.get("error_message", "")))
    if "error" in body or "error_code" in body:
        given = body.get("error_code", status)
        return Complaint(_code(given, answer.status), error if isinstance(error, str) else "")
    return None if 200 <= answer.status < 300 else Complaint(answer.status, "")


def failure(problem: Complaint, answer: JsonAnswer) -> AppError:
    """Return the error of ours for what went wrong."""
    return usual_failure(problem, answer, title=TITLE, key_setting="COINGECKO_API_KEY", key_codes=KEY_CODES)


def read_listed(entry: object, now_ms: int) -> Coin:
    """Return a coin of ``coins/markets``. Raises: UnreadableField."""
    fields = Fields(entry, now_ms)
    coin_id = fields.coin_id("id")
    return Coin(
        provider=NAME,
        coin_id=coin_id,
        symbol=fields.text("symbol").upper(),
        name=fields.text("name"),
        # The id is what CoinGecko has in the addresses of its pages.
        slug=coin_id,
        rank=fields.rank("market_cap_rank"),
        image_url=fields.url("image"),
        figures=CoinFigures(
            price=fields.amount("current_price"),
            market_cap=fields.amount("market_cap"),
            fully_diluted_valuation=fields.amount("fully_diluted_valuation"),
            volume_24h=fields.amount("total_volume"),
            circulating_supply=fields.amount("circulating_supply"),
            total_supply=fields.amount("total_supply"),
            max_supply=fields.amount("max_supply"),
            all_time_high=fields.amount("ath"),
            all_time_high_ms=fields.time_ms("ath_date"),
            all_time_low=fields.amount("atl"),
            all_time_low_ms=fields.time_ms("atl_date"),
            change_1h_percent=fields.percent("price_change_percentage_1h_in_currency"),
            change_24h_percent=_change_24h(fields),
            change_7d_percent=fields.percent("price_change_percentage_7d_in_currency"),
            change_30d_percent=fields.percent("price_change_percentage_30d_in_currency"),
            updated_ms=fields.time_ms("last_updated"),
        ),
    )


def read_coin(entry: object, now_ms: int) -> Coin:
    """Return a coin of ``coins/{id}``. Raises: UnreadableField."""
    fields = Fields(entry, now_ms)
    market = fields.part("market_data")
    coin_id = fields.coin_id("id")
    return Coin(
        provider=NAME,
        coin_id=coin_id,
        symbol=fields.text("symbol").upper(),
        name=fields.text("name"),
        slug=coin_id,
        rank=fields.rank("market_cap_rank"),
        image_url=fields.ornament("image").url("large"),
        links=tuple(_links(fields.ornament("links"))),
        description=fields.ornament("description").description("en"),
        figures=CoinFigures(
            price=_in_currency(market, "current_price"),
            market_cap=_in_currency(market, "market_cap"),
            fully_diluted_valuation=_in_currency(market, "fully_diluted_valuation"),
            volume_24h=_in_currency(market, "total_volume"),
            circulating_supply=market.amount("circulating_supply"),
            total_supply=market.amount("total_supply"),
            max_supply=market.amount("max_supply"),
            all_time_high=_in_currency(market, "ath"),
            all_time_high_ms=market.optional_part("ath_date").time_ms(CURRENCY),
            all_time_low=_in_currency(market, "atl"),
            all_time_low_ms=market.optional_part("atl_date").time_ms(CURRENCY),
            change_1h_percent=_change(market, "1h"),
            change_24h_percent=_change(market, "24h"),
            change_7d_percent=_change(market, "7d"),
            change_30d_percent=_change(market, "30d"),
            updated_ms=market.time_ms("last_updated"),
        ),
    )


def read_history(body: object) -> tuple[CoinHistoryPoint, ...]:
    """Return the points of ``coins/{id}/market_chart`` that have a price. Raises: UnreadableField."""
    if not isinstance(body, dict):
        raise UnreadableField("it is no object")
    caps, volumes = dict(_column(body, "market_caps")), dict(_column(body, "total_volumes"))
    prices = dict(_column(body, "prices"))
    return tuple(
        CoinHistoryPoint(time_ms, price, caps.get(time_ms), volumes.get(time_ms))
        for time_ms, price in sorted(prices.items())
        if price is not None
    )


def _column(body: dict[str, object], name: str) -> Iterator[tuple[int, float | None]]:
    rows = body.get(name)
    if not isinstance(rows, list):
        raise UnreadableField(f"{name} is no list")
    for row in rows:
        if not isinstance(row, list) or len(row) != 2:
            raise UnreadableField(f"{name} holds something that is no pair")
        time_ms, number = read_number(row[0], "time"), read_number(row[1], name)
        if time_ms is None or not 0 < time_ms < 2**53 or (number is not None and number < 0):
            raise UnreadableField(f"{name} holds a pair that cannot be")
        yield int(time_ms), number


def _code(given: object, status: int) -> int:
    return given if isinstance(given, int) and not isinstance(given, bool) else status


def _change_24h(fields: Fields) -> float | None:
    # The first stands there only where it was asked for, the second in every answer.
    change = fields.percent("price_change_percentage_24h_in_currency")
    return fields.percent("price_change_percentage_24h") if change is None else change


def _change(market: Fields, period: str) -> float | None:
    return market.optional_part(f"price_change_percentage_{period}_in_currency").percent(CURRENCY)


def _in_currency(market: Fields, name: str) -> float | None:
    return market.optional_part(name).amount(CURRENCY)


def _links(links: Fields) -> Iterator[CoinLink]:
    for name, value in links.items():
        if name in LINK_KINDS:
            yield from read_links(LINK_KINDS[name], value)
        elif name == "repos_url" and isinstance(value, dict):
            yield from read_links("source", value.get("github"))
