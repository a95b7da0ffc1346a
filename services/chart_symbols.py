"""Instruments by the names that charts send."""

from services.catalog import Catalog
from utils.domain import Instrument, InstrumentSpec


class ChartSymbols:
    """Read ``crypto:bitstamp:BTC/USD``, ``BITSTAMP:BTC/USD`` and ``BTC/USD``."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def resolve(self, text: str) -> InstrumentSpec:
        """Return the instrument of a name. Raises: NotFound."""
        market, exchange, symbol = await self._address(text)
        listed = await self._catalog.instruments(market, exchange)
        folded = symbol.casefold()
        for spec in listed:
            if spec.instrument.symbol.casefold() == folded:
                return spec
        return await self._catalog.find(Instrument(market, exchange, symbol))

    async def _address(self, text: str) -> tuple[str, str, str]:
        head, _, rest = text.partition(":")
        market: str | None = None
        if head.casefold() in self._catalog.markets and ":" in rest:
            market = head.casefold()
            head, _, rest = rest.partition(":")
        if rest:
            for each in (market,) if market else self._catalog.markets:
                if head.casefold() in await self._catalog.exchanges(each):
                    return each, head.casefold(), rest
        return *await self._catalog.default_venue(market, None), text
