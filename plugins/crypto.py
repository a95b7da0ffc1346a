"""The crypto market: every exchange of ccxt that has bars, spoken to by ccxt's own classes.

Differences between exchanges are rows of `plugins.venues`. ccxt is imported in a thread, since that takes
over a second.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Callable, Mapping, MutableMapping
from typing import Any

from plugins.base import BarPage, MarketPlugin, PluginContext, VenueProfile
from plugins.crypto_catalog import EVERY_EXCHANGE, CcxtCatalog, Venue, read_catalog
from plugins.crypto_clients import MARKETS_MAX_AGE_MS, ExchangeClient, Limits, retrieve
from plugins.crypto_errors import garbage
from plugins.crypto_history import asked_rows, find_first_page
from plugins.crypto_instruments import read_instruments
from plugins.crypto_session import make_tls_context
from plugins.crypto_streams import BarReader, CacheReader, Channel, TradeReader, parse_trade
from utils.domain import SECOND_MS, Bar, Instrument, InstrumentSpec, Timeframe, Trade
from utils.errors import UpstreamTimeout, unknown
from utils.tasks import start_apart

MARKET = "crypto"
# What a caller waits for ccxt to be imported, which goes on in the background.
LOAD_TIMEOUT_S = 6.0


def create_plugin(context: PluginContext) -> "CryptoPlugin":
    """Return the plugin; nothing is loaded or opened yet."""
    return CryptoPlugin(context)


class CryptoPlugin(MarketPlugin):
    """Speak for the exchanges of ccxt."""

    market = MARKET

    def __init__(self, context: PluginContext, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._clock = context.clock
        self._chosen = context.settings.get("CRYPTO_EXCHANGES", EVERY_EXCHANGE)
        self._endpoint = context.settings.get("CRYPTO_ENDPOINT", "")
        self._loading: asyncio.Task[tuple[CcxtCatalog, ssl.SSLContext]] | None = None
        self._clients: dict[str, ExchangeClient] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Begin to load ccxt, in the background."""
        self._start_loading()

    async def close(self) -> None:
        """Close every exchange's connections, all at once."""
        if self._loading is not None:
            self._loading.cancel()
            await asyncio.wait([self._loading])
        clients, self._clients = list(self._clients.values()), {}
        await asyncio.gather(*(client.close() for client in clients), *self._closing)

    async def list_exchanges(self) -> tuple[str, ...]:
        """Return the chosen exchanges that have bars, sorted; waits for ccxt to be loaded."""
        catalog, _ = await self._loaded()
        return tuple(sorted(catalog.venues))

    async def profile(self, exchange: str) -> VenueProfile:
        """Return what ccxt and our table say of the exchange. Raises: NotFound."""
        return (await self._venue(exchange)).profile

    async def fetch_instruments(self, exchange: str) -> tuple[InstrumentSpec, ...]:
        """Return the spot and perpetual markets, at most an hour old."""
        client = await self._client(exchange)
        markets = await client.markets(max_age_ms=MARKETS_MAX_AGE_MS)
        return read_instruments(
            markets,
            client.ccxt.currencies or {},
            market=MARKET,
            exchange=exchange,
            exchange_name=client.name,
            precision_mode=client.ccxt.precisionMode,
        )

    async def fetch_bars(
        self, instrument: Instrument, timeframe: Timeframe, *, start_ms: int, limit: int
    ) -> BarPage:
        """Return the exchange's rows as ccxt read them, before it leaves out any that are wrong."""
        client = await self._ready(instrument)
        _timeframe_code(client.venue, timeframe)

        async def ask(asked: Timeframe, from_ms: int, bars: int) -> BarPage:
            return await _ask_bars(client, instrument.symbol, asked, start_ms=from_ms, limit=bars)

        if not client.venue.row.windowed:
            return await ask(timeframe, start_ms, limit)
        return await find_first_page(ask, client.venue.profile, timeframe, start_ms=start_ms, limit=limit)

    async def fetch_trades(self, instrument: Instrument, *, since_ms: int) -> tuple[Trade, ...]:
        """Return recent trades, oldest first, from the second that ``since_ms`` lies in.

        Some exchanges tell the time of a past trade to the second only, and of a live one exactly.
        """
        client = await self._ready(instrument)
        raw_trades, _ = await client.ask(
            lambda: client.ccxt.fetch_trades(instrument.symbol, limit=client.venue.page_trades)
        )
        since_ms = since_ms // SECOND_MS * SECOND_MS
        trades = [parse_trade(raw) for raw in raw_trades]
        fresh = [trade for trade in trades if trade is not None and trade.time_ms >= since_ms]
        return tuple(sorted(fresh, key=_trade_order))

    async def watch_bars(
        self, instrument: Instrument, timeframe: Timeframe
    ) -> AsyncGenerator[tuple[Bar, ...], None]:
        """Yield bars as the exchange changes them, all forming: ccxt does not keep who said "closed"."""
        client = await self._ready(instrument)
        code, symbol, ccxt = _timeframe_code(client.venue, timeframe), instrument.symbol, client.ccxt

        def make() -> Channel[Bar]:
            return _channel(
                client,
                lambda: ccxt.watch_ohlcv(symbol, code),
                lambda: ccxt.ohlcvs.get(symbol) or {},
                code,
                BarReader(),
            )

        unwatch = (lambda: ccxt.un_watch_ohlcv(symbol, code)) if client.venue.can_unwatch else None
        async with client.live.subscribed(f"bars {symbol} {code}", make, unwatch) as listener:
            while True:
                yield await listener.take()

    async def watch_trades(self, instrument: Instrument) -> AsyncGenerator[tuple[Trade, ...], None]:
        """Yield trades as the exchange sends them, each once."""
        client = await self._ready(instrument)
        symbol, ccxt = instrument.symbol, client.ccxt

        def make() -> Channel[Trade]:
            return _channel(
                client,
                lambda: ccxt.watch_trades(symbol),
                lambda: ccxt.trades,
                symbol,
                TradeReader(parse_trade),
            )

        unwatch = (lambda: ccxt.un_watch_trades(symbol)) if client.venue.can_unwatch else None
        async with client.live.subscribed(f"trades {symbol}", make, unwatch) as listener:
            while True:
                yield await listener.take()

    def exchange_time_ms(self, exchange: str) -> int:
        """Return the exchange's clock to the second, ours before it was first asked."""
        client = self._clients.get(exchange)
        return self._clock.now_ms() if client is None else client.exchange_time_ms

    def _start_loading(self) -> "asyncio.Task[tuple[CcxtCatalog, ssl.SSLContext]]":
        if self._loading is None:
            self._loading = asyncio.create_task(asyncio.to_thread(self._load), name="load ccxt")
            self._loading.add_done_callback(retrieve)
        return self._loading

    def _load(self) -> tuple[CcxtCatalog, ssl.SSLContext]:
        return read_catalog(self._chosen), make_tls_context()

    async def _loaded(self) -> tuple[CcxtCatalog, ssl.SSLContext]:
        try:
            async with asyncio.timeout(LOAD_TIMEOUT_S):
                return await asyncio.shield(self._start_loading())
        except TimeoutError as error:
            raise UpstreamTimeout(
                "The crypto exchanges are still being loaded. Try again in a moment.", retry_after_s=5
            ) from error

    async def _venue(self, exchange: str) -> Venue:
        catalog, _ = await self._loaded()
        venue = catalog.venues.get(exchange)
        if venue is None:
            advice = f"Ask /market/get_exchanges?market={MARKET} for the list."
            raise unknown("exchange", exchange, catalog.venues, advice=advice)
        return venue

    async def _client(self, exchange: str) -> ExchangeClient:
        venue = await self._venue(exchange)
        catalog, tls = await self._loaded()
        # Nothing is awaited from here on, so there can be only one.
        self._let_go_of_idle(exchange)
        if exchange not in self._clients:
            self._clients[exchange] = ExchangeClient(
                venue,
                catalog.base_error,
                endpoint=self._endpoint,
                tls=tls,
                clock=self._clock,
                limits=self._limits,
            )
        client = self._clients[exchange]
        client.use()
        return client

    def _let_go_of_idle(self, asked: str) -> None:
        # A market list takes tens of megabytes, and anybody may ask for that of every exchange.
        for exchange, client in tuple(self._clients.items()):
            if client.is_idle and exchange != asked:
                del self._clients[exchange]
                task = start_apart(client.close(), name=f"close {exchange}")
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)

    async def _ready(self, instrument: Instrument) -> ExchangeClient:
        client = await self._client(instrument.exchange)
        markets = await client.markets()
        if instrument.symbol not in markets:
            where = f"market={MARKET}&exchange={instrument.exchange}"
            advice = f"Ask /market/get_symbols?{where} for the list."
            raise unknown("symbol", instrument.symbol, markets, advice=advice)
        return client


async def _ask_bars(
    client: ExchangeClient, symbol: str, timeframe: Timeframe, *, start_ms: int, limit: int
) -> BarPage:
    code = _timeframe_code(client.venue, timeframe)
    parsed, answer = await client.ask(
        lambda: client.ccxt.fetch_ohlcv(symbol, code, since=start_ms, limit=limit)
    )
    rows = parsed if answer.rows is None else answer.rows
    # ccxt reads rows of nothing from what is no row at all.
    if any(set(row) == {None} for row in rows) or not (rows or answer.may_be_empty):
        raise garbage(client.name)
    exchange_time_ms = client.exchange_time_ms if answer.date_ms is None else answer.date_ms
    return BarPage(asked_rows(rows, start_ms, limit), exchange_time_ms)


def _channel(
    client: ExchangeClient,
    watch: Callable[[], Any],
    cached: Callable[[], MutableMapping[str, Any]],
    key: str,
    reader: CacheReader[Any],
) -> Channel[Any]:
    return Channel(
        name=client.name, watch=watch, cached=cached, key=key, reader=reader, translate=client.translate
    )


def _timeframe_code(venue: Venue, timeframe: Timeframe) -> str:
    codes: Mapping[Timeframe, str] = venue.timeframe_codes
    if timeframe not in codes:
        offered = [each.text for each in venue.profile.timeframes]
        raise unknown("timeframe", timeframe.text, offered, advice=f"{venue.name} has {', '.join(offered)}.")
    return codes[timeframe]


def _trade_order(trade: Trade) -> tuple[int, int]:
    # Ids that are numbers rise in the order of trading; a sort keeps the order of the others.
    return (trade.time_ms, int(trade.id) if trade.id.isascii() and trade.id.isdigit() else 0)
