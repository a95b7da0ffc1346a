"""What CoinMarketCap's answers mean; pure.

Source: https://coinmarketcap.com/api/documentation/v1/ and
https://pro.coinmarketcap.com/api/documentation/guides/errors-and-rate-limits, read 2026-11-21.
"""

from collections.abc import Iterator

from plugins.listings import failures
from plugins.listings.base import CURRENCY, Coin, CoinFigures, CoinLink
from plugins.listings.complaints import Complaint, usual_failure
from plugins.listings.json_client import JsonAnswer
from plugins.listings.reading import Fields, UnreadableField, read_links
from utils.domain import SECOND_MS, UNIT_WORDS, Timeframe
from utils.errors import AppError

NAME, TITLE = "coinmarketcap", "CoinMarketCap"
QUOTE = CURRENCY.upper()
# 1001 to 1004 and 1007: wrong, missing, unpaid, switched off; 1005 and 1006: not for this plan.
KEY_CODES = frozenset({401, 402, *range(1001, 1008)})
# Too many calls in a minute, of the key and of the address, pass soon. What a day or a month allows does not.
MINUTE_CODES, MINUTE_S = frozenset({1008, 1011}), 60.0
PERIODS = {1009: Timeframe(1, "d"), 1010: Timeframe(1, "M")}
LINK_KINDS = {
    "website": "homepage",
    "technical_doc": "whitepaper",
    "explorer": "explorer",
    "message_board": "forum",
    "chat": "chat",
    "announcement": "announcements",
    "reddit": "reddit",
    "source_code": "source",
}


def complaint(answer: JsonAnswer) -> Complaint | None:
    """Return what went wrong, None for success, which a status of 200 alone is not.

    ``{"status": {"error_code": 1008, "error_message": "…"}}`` comes with any status; 0 is no error.
    """
    body = answer.body if isinstance(answer.body, dict) else {}
    status = body.get("status")
    status = status if isinstance(status, dict) else {}
    said = status.get("error_message")
    code = _code(status.get("error_code"))
    if code or not 200 <= answer.status < 300:
        return Complaint(code or answer.status, said if isinstance(said, str) else "")
    return None


def failure(problem: Complaint, answer: JsonAnswer, now_ms: int) -> AppError:
    """Return the error of ours for what went wrong; days and months end in UTC."""
    code = problem.code
    if code in PERIODS:
        period = PERIODS[code]
        wait_s = (period.next(now_ms) - now_ms) / SECOND_MS
        return failures.used_up(TITLE, UNIT_WORDS[period.unit], wait_s)
    if code in MINUTE_CODES:
        return failures.limited(TITLE, max(answer.retry_after_s or 0.0, MINUTE_S))
    return usual_failure(
        problem, answer, title=TITLE, key_setting="COINMARKETCAP_API_KEY", key_codes=KEY_CODES
    )


def data_of(body: object) -> object:
    """Return what an answer of success carries. Raises: UnreadableField."""
    if not isinstance(body, dict) or "data" not in body:
        raise UnreadableField("it carries no data")
    return body["data"]


def coin_in(body: object, coin_id: str, now_ms: int) -> Fields:
    """Return the one coin of an answer that is keyed by ids. Raises: UnreadableField."""
    return Fields(data_of(body), now_ms).part(coin_id)


def read_coin(fields: Fields, about: Fields | None = None) -> Coin:
    """Return a coin of ``listings/latest`` or ``quotes/latest``, with what ``info`` says about it.

    Raises: UnreadableField.
    """
    quote = fields.part("quote").part(QUOTE)
    return Coin(
        provider=NAME,
        coin_id=fields.coin_id("id"),
        symbol=fields.text("symbol").upper(),
        name=fields.text("name"),
        slug=fields.text("slug"),
        rank=fields.rank("cmc_rank"),
        image_url=about.url("logo") if about else None,
        links=tuple(_links(about.ornament("urls"))) if about else (),
        description=about.description("description") if about else None,
        figures=CoinFigures(
            price=quote.amount("price"),
            market_cap=quote.amount("market_cap"),
            fully_diluted_valuation=quote.amount("fully_diluted_market_cap"),
            volume_24h=quote.amount("volume_24h"),
            circulating_supply=fields.amount("circulating_supply"),
            total_supply=fields.amount("total_supply"),
            max_supply=fields.amount("max_supply"),
            change_1h_percent=quote.percent("percent_change_1h"),
            change_24h_percent=quote.percent("percent_change_24h"),
            change_7d_percent=quote.percent("percent_change_7d"),
            change_30d_percent=quote.percent("percent_change_30d"),
            updated_ms=quote.time_ms("last_updated"),
        ),
    )


def _code(given: object) -> int:
    # Some answers carry it as text.
    if isinstance(given, str) and given.isascii() and given.isdigit() and len(given) < 10:
        return int(given)
    return given if isinstance(given, int) and not isinstance(given, bool) else 0


def _links(urls: Fields) -> Iterator[CoinLink]:
    for name, value in urls.items():
        if name in LINK_KINDS:
            yield from read_links(LINK_KINDS[name], value)
