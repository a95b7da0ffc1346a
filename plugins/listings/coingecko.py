"""CoinGecko, the first choice: without a key at a slow pace, with one within the limits of its free plan."""

from collections.abc import Mapping
from urllib.parse import quote

from plugins.base import PluginContext
from plugins.listings import failures
from plugins.listings.base import (
    CURRENCY,
    Coin,
    CoinHistoryPoint,
    ListingsPage,
    ListingsProfile,
)
from plugins.listings.coingecko_answers import (
    NAME,
    TITLE,
    WRONG_HOST_CODES,
    complaint,
    failure,
    read_coin,
    read_history,
    read_listed,
)
from plugins.listings.complaints import log_complaint, read_whole
from plugins.listings.json_client import JsonAnswer
from plugins.listings.reading import is_coin_id, read_page
from plugins.listings.web_provider import WebListings
from utils.errors import NotFound

PROVIDER = NAME
DEMO_HOST, PRO_HOST = "api.coingecko.com", "pro-api.coingecko.com"
KEY_HEADERS = {DEMO_HOST: "x-cg-demo-api-key", PRO_HOST: "x-cg-pro-api-key"}
PAGE_COINS, COINS_MAX = 250, 1_000
# The free plan; its pages say 30 calls a minute in one place and 100 in another. Without a key an address
# may ask 5 to 15 times a minute.
KEYED_CALLS_PER_MINUTE, KEYLESS_CALLS_PER_MINUTE = 30, 5
CALLS_PER_MONTH = 10_000
HISTORY_DAYS = 365


def create_provider(context: PluginContext) -> "CoinGecko":
    """Return the provider, with COINGECKO_API_KEY where there is one."""
    return CoinGecko(
        context.clock,
        key=context.settings.get("COINGECKO_API_KEY", "").strip(),
        endpoint=context.settings.get("LISTINGS_ENDPOINT", ""),
    )


class CoinGecko(WebListings):
    """Speak for CoinGecko; a key of either plan finds its host by itself."""

    name = NAME
    title = TITLE

    # Of a key's plan, until an answer says that it is the other one.
    _host: str = DEMO_HOST

    def profile(self) -> ListingsProfile:
        """Return what the free plan allows."""
        return ListingsProfile(
            page_coins=PAGE_COINS,
            coins_max=COINS_MAX,
            calls_per_minute=KEYED_CALLS_PER_MINUTE if self._key else KEYLESS_CALLS_PER_MINUTE,
            calls_per_month=CALLS_PER_MONTH,
            history_days=HISTORY_DAYS,
        )

    async def fetch_top(self, limit: int) -> ListingsPage:
        """Return the first coins by market capitalisation; a page that fails fails the whole."""
        fetched_ms = self._clock.now_ms()
        entries: list[object] = []
        page_coins = min(limit, PAGE_COINS)
        for number in range(1, self.calls_for(limit) + 1):
            found = await self._fetch_entries(page_coins, number)
            entries += found
            if len(found) < page_coins:
                break
        # More than was asked for is not looked at.
        page = read_page(NAME, entries[:limit], lambda entry: read_listed(entry, fetched_ms), fetched_ms)
        if not page.coins:
            raise failures.garbage(TITLE)
        return page

    async def fetch_coin(self, coin_id: str) -> Coin:
        """Return one coin with its links and its description. Raises: NotFound."""
        wanted = ("market_data",)
        unwanted = ("localization", "tickers", "community_data", "developer_data", "sparkline")
        query = dict.fromkeys(wanted, "true") | dict.fromkeys(unwanted, "false")
        body = await self._ask_of_coin(coin_id, "", query)
        coin = read_whole(TITLE, lambda: read_coin(body, self._clock.now_ms()))
        if coin.coin_id != coin_id:
            raise failures.garbage(TITLE)
        return coin

    async def fetch_history(self, coin_id: str, *, days: int) -> tuple[CoinHistoryPoint, ...]:
        """Return points: every five minutes for one day, every hour up to 90, every day beyond."""
        query = {"vs_currency": CURRENCY, "days": str(days), "precision": "full"}
        body = await self._ask_of_coin(coin_id, "/market_chart", query)
        return read_whole(TITLE, lambda: read_history(body))

    async def _fetch_entries(self, page_coins: int, number: int) -> list[object]:
        query = {
            "vs_currency": CURRENCY,
            "order": "market_cap_desc",
            "per_page": str(page_coins),
            "page": str(number),
            "price_change_percentage": "1h,24h,7d,30d",
            "precision": "full",
        }
        body = await self._ask("coins/markets", query)
        if not isinstance(body, list):
            raise failures.garbage(TITLE)
        return body

    async def _ask_of_coin(self, coin_id: str, part: str, query: Mapping[str, str]) -> object:
        unknown = failures.unknown_coin(TITLE, coin_id)
        if not is_coin_id(coin_id):
            raise unknown
        return await self._ask(f"coins/{quote(coin_id, safe='')}{part}", query, not_found=unknown)

    async def _ask(self, path: str, query: Mapping[str, str], *, not_found: NotFound | None = None) -> object:
        asked_host = self._host
        answer = await self._get(path, query)
        problem = complaint(answer)
        if problem is not None and problem.code in WRONG_HOST_CODES and self._key:
            # A key does not show which plan it is of. Others may have found out meanwhile.
            if self._host == asked_host:
                self._host = PRO_HOST if asked_host == DEMO_HOST else DEMO_HOST
            answer = await self._get(path, query)
            problem = complaint(answer)
        if problem is None:
            return answer.body
        log_complaint(NAME, answer, problem, self._key)
        if problem.code == 404 and not_found is not None:
            raise not_found
        raise failure(problem, answer)

    async def _get(self, path: str, query: Mapping[str, str]) -> JsonAnswer:
        headers = {KEY_HEADERS[self._host]: self._key} if self._key else None
        return await self._client.get(f"https://{self._host}/api/v3/{path}", query, headers=headers)
