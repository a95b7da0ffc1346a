"""CoinMarketCap, the second choice: current figures within the limits of its free plan, no history."""

from collections.abc import Mapping

from plugins.base import PluginContext
from plugins.listings import failures
from plugins.listings.base import Coin, ListingsPage, ListingsProfile
from plugins.listings.coinmarketcap_answers import (
    NAME,
    QUOTE,
    TITLE,
    coin_in,
    complaint,
    data_of,
    failure,
    read_coin,
)
from plugins.listings.complaints import log_complaint, read_whole
from plugins.listings.reading import Fields, read_page
from plugins.listings.web_provider import WebListings
from utils.errors import NotFound

PROVIDER = NAME
HOST = "pro-api.coinmarketcap.com"
KEY_HEADER = "X-CMC_PRO_API_KEY"
# One credit pays for a call of up to 200 coins, so with pages of 200 a call is a credit.
PAGE_COINS, COINS_MAX = 200, 1_000
# The Basic plan.
CALLS_PER_MINUTE, CALLS_PER_MONTH = 30, 15_000


def create_provider(context: PluginContext) -> "CoinMarketCap":
    """Return the provider. Raises: ValueError without COINMARKETCAP_API_KEY."""
    key = context.settings.get("COINMARKETCAP_API_KEY", "").strip()
    if not key:
        raise ValueError("CoinMarketCap answers nobody without a key: set COINMARKETCAP_API_KEY.")
    return CoinMarketCap(context.clock, key=key, endpoint=context.settings.get("LISTINGS_ENDPOINT", ""))


class CoinMarketCap(WebListings):
    """Speak for CoinMarketCap."""

    name = NAME
    title = TITLE

    def profile(self) -> ListingsProfile:
        """Return what the Basic plan allows; it has no history."""
        return ListingsProfile(
            page_coins=PAGE_COINS,
            coins_max=COINS_MAX,
            calls_per_minute=CALLS_PER_MINUTE,
            calls_per_month=CALLS_PER_MONTH,
            calls_per_coin=2,
        )

    async def fetch_top(self, limit: int) -> ListingsPage:
        """Return the first coins by market capitalisation; a page that fails fails the whole."""
        fetched_ms = self._clock.now_ms()
        entries: list[object] = []
        for start in range(1, limit + 1, PAGE_COINS):
            page_coins = min(limit - start + 1, PAGE_COINS)
            found = await self._fetch_entries(start, page_coins)
            entries += found
            if len(found) < page_coins:
                break
        page = read_page(NAME, entries, lambda entry: read_coin(Fields(entry, fetched_ms)), fetched_ms)
        if not page.coins:
            raise failures.garbage(TITLE)
        return page

    async def fetch_coin(self, coin_id: str) -> Coin:
        """Return one coin with its links and its description; two calls. Raises: NotFound."""
        unknown = failures.unknown_coin(TITLE, coin_id)
        if not coin_id.isascii() or not coin_id.isdigit():
            raise unknown
        query = {"id": coin_id}
        quoted = await self._ask("v2/cryptocurrency/quotes/latest", {**query, "convert": QUOTE}, unknown)
        about = await self._ask("v2/cryptocurrency/info", query, unknown)

        def read() -> Coin:
            now_ms = self._clock.now_ms()
            return read_coin(coin_in(quoted, coin_id, now_ms), coin_in(about, coin_id, now_ms))

        coin = read_whole(TITLE, read)
        if coin.coin_id != coin_id:
            raise failures.garbage(TITLE)
        return coin

    async def _fetch_entries(self, start: int, page_coins: int) -> list[object]:
        query = {"start": str(start), "limit": str(page_coins), "convert": QUOTE, "sort": "market_cap"}
        body = await self._ask("v1/cryptocurrency/listings/latest", query)
        data = read_whole(TITLE, lambda: data_of(body))
        if not isinstance(data, list):
            raise failures.garbage(TITLE)
        # More than was asked for is not looked at.
        return data[:page_coins]

    async def _ask(self, path: str, query: Mapping[str, str], not_found: NotFound | None = None) -> object:
        headers = {KEY_HEADER: self._key}
        answer = await self._client.get(f"https://{HOST}/{path}", query, headers=headers)
        problem = complaint(answer)
        if problem is None:
            return answer.body
        log_complaint(NAME, answer, problem, self._key)
        # It answers 400 for an id that it does not have.
        if problem.code in (400, 404) and not_found is not None:
            raise not_found
        raise failure(problem, answer, self._clock.now_ms())
