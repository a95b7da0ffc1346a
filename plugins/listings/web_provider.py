"""What providers on the web have in common: a key, and a client to ask with. Not for what they are asked."""

from plugins.listings.base import ListingsProvider
from plugins.listings.json_client import CALL_TIMEOUT_S, JsonClient
from utils.clock import Clock


class WebListings(ListingsProvider):
    """Speak for a provider that is asked over HTTPS; ``endpoint``, unless empty, is asked in its place."""

    def __init__(
        self, clock: Clock, *, key: str, endpoint: str, call_timeout_s: float = CALL_TIMEOUT_S
    ) -> None:
        self._clock = clock
        self._key = key
        self._client = JsonClient(self.title, endpoint=endpoint, timeout_s=call_timeout_s)

    async def open(self) -> None:
        """Get ready to ask."""
        await self._client.open()

    async def close(self) -> None:
        """Let go of every connection."""
        await self._client.close()
