"""A stand-in for providers of listings on a loopback port, and what they send.

It speaks as CoinGecko and CoinMarketCap document, for coins that the test holds, until a test tells it to
say something else. Each real host is the first segment of the path, as LISTINGS_ENDPOINT makes it.
"""

from tests.listings.held import HeldCoin, held_coins
from tests.listings.server import Call, LocalListings, Reply

__all__ = ["Call", "HeldCoin", "LocalListings", "Reply", "held_coins"]
