"""Each way an exchange goes wrong comes out as the error that says what to do, or as rows to be refused."""

import asyncio
import math

import pytest

from plugins.base import PluginContext
from plugins.crypto import CryptoPlugin
from plugins.crypto_clients import Limits
from tests.exchange import Fault, LocalExchange, fold_floats
from tests.plugins.conftest import START_MS, VENUES
from utils.clock import Clock
from utils.domain import MINUTE_MS, Instrument, Timeframe
from utils.errors import (
    UpstreamDown,
    UpstreamError,
    UpstreamGarbage,
    UpstreamLimited,
    UpstreamTimeout,
)

MINUTE = Timeframe(1, "m")

# Coinbase allows few calls a second, so it meets only the sample of faults at the end of this file.
each_venue = pytest.mark.parametrize("instrument", VENUES[:2], ids=lambda each: each.exchange)


@pytest.fixture
def limits() -> Limits:
    """Deadlines short enough to sit through."""
    return Limits(call_timeout_s=0.5, ask_timeout_s=3, markets_timeout_s=5, calls_waiting=10)


async def ask(plugin: CryptoPlugin, instrument: Instrument) -> list[tuple[object, ...]]:
    page = await plugin.fetch_bars(instrument, MINUTE, start_ms=START_MS, limit=10)
    return list(page.rows)


async def ready(plugin: CryptoPlugin, exchange: LocalExchange, instrument: Instrument, fault: Fault) -> None:
    """Let the market list be read first, so that the fault meets the question for bars."""
    async with asyncio.timeout(10):
        while True:
            try:
                await plugin.fetch_instruments(instrument.exchange)
            except UpstreamTimeout:
                continue  # a slow machine under a short deadline
            break
    exchange.venue(instrument.exchange).fault = fault


@each_venue
@pytest.mark.parametrize(
    "fault", [Fault.HTML, Fault.TRUNCATED, Fault.NULL, Fault.OBJECT, Fault.EMPTY, Fault.HUGE]
)
async def test_a_body_that_is_no_market_data_is_garbage(
    plugin: CryptoPlugin, exchange: LocalExchange, instrument: Instrument, fault: Fault
) -> None:
    await ready(plugin, exchange, instrument, fault)
    with pytest.raises(UpstreamGarbage):
        await ask(plugin, instrument)


@each_venue
async def test_a_limit_is_passed_on_with_its_waiting_time(
    plugin: CryptoPlugin, exchange: LocalExchange, instrument: Instrument
) -> None:
    for fault in (Fault.RATE_LIMITED, Fault.BANNED):
        await ready(plugin, exchange, instrument, fault)
        exchange.venue(instrument.exchange).retry_after_s = 120
        with pytest.raises(UpstreamLimited, match=r"asked us to wait\. Try again in 2 minutes") as caught:
            await ask(plugin, instrument)
        assert caught.value.retry_after_s == 120
        exchange.venue(instrument.exchange).retry_after_s = None
        with pytest.raises(UpstreamLimited) as caught:
            await ask(plugin, instrument)
        assert caught.value.retry_after_s == 60


@each_venue
async def test_a_refusal_names_the_exchange_and_the_way_out(
    plugin: CryptoPlugin, exchange: LocalExchange, instrument: Instrument
) -> None:
    await ready(plugin, exchange, instrument, Fault.REFUSED)
    with pytest.raises(UpstreamDown, match=rf"(?i){instrument.exchange}.* refuses .* another exchange"):
        await ask(plugin, instrument)


@each_venue
@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.CUT])
async def test_an_exchange_that_is_away_is_down(
    plugin: CryptoPlugin, exchange: LocalExchange, instrument: Instrument, fault: Fault
) -> None:
    await ready(plugin, exchange, instrument, fault)
    with pytest.raises(UpstreamDown):
        await ask(plugin, instrument)


@each_venue
@pytest.mark.parametrize("fault", [Fault.HANG, Fault.DRIP])
async def test_an_exchange_that_takes_its_time_is_left(
    plugin: CryptoPlugin, exchange: LocalExchange, instrument: Instrument, fault: Fault
) -> None:
    await ready(plugin, exchange, instrument, fault)
    async with asyncio.timeout(5):
        with pytest.raises(UpstreamTimeout, match="did not answer in time"):
            await ask(plugin, instrument)


@each_venue
async def test_after_a_fault_the_same_client_answers_again(
    plugin: CryptoPlugin, exchange: LocalExchange, instrument: Instrument
) -> None:
    venue = exchange.venue(instrument.exchange)
    await ready(plugin, exchange, instrument, Fault.HANG)
    for venue.fault in (Fault.HANG, Fault.HTML, Fault.RATE_LIMITED, Fault.CUT):
        with pytest.raises(UpstreamError):
            await ask(plugin, instrument)
    venue.fault = None
    assert len(await ask(plugin, instrument)) == 10
    assert len(exchange.calls_of(instrument.exchange, "markets")) <= 2


@each_venue
@pytest.mark.parametrize(
    "fault",
    [
        Fault.DUPLICATE,
        Fault.CONFLICTING,
        Fault.HIGH_BELOW_LOW,
        Fault.MISALIGNED,
        Fault.FUTURE,
        Fault.WRONG_SPACING,
        Fault.NAN_ROWS,
        Fault.NULL_ROWS,
        Fault.NO_TIME,
    ],
)
async def test_wrong_rows_reach_the_caller_who_judges_them(
    plugin: CryptoPlugin, exchange: LocalExchange, instrument: Instrument, fault: Fault
) -> None:
    venue = exchange.venue(instrument.exchange)
    honest = fold_floats(venue.trades(instrument.symbol), MINUTE_MS)[:9]
    await ready(plugin, exchange, instrument, fault)
    page = await plugin.fetch_bars(instrument, MINUTE, start_ms=START_MS, limit=9)
    assert any(row not in honest for row in page.rows) or len(page.rows) > len(set(page.rows))


@each_venue
async def test_numbers_that_are_none_are_not_made_up(
    plugin: CryptoPlugin, exchange: LocalExchange, instrument: Instrument
) -> None:
    await ready(plugin, exchange, instrument, Fault.NAN_ROWS)
    closes = [row[4] for row in await ask(plugin, instrument)]
    assert sum(1 for close in closes if close is None or math.isnan(close)) == 1


@each_venue
async def test_rows_in_any_order_are_all_there(
    plugin: CryptoPlugin, exchange: LocalExchange, instrument: Instrument
) -> None:
    venue = exchange.venue(instrument.exchange)
    await ready(plugin, exchange, instrument, Fault.OUT_OF_ORDER)
    rows = await ask(plugin, instrument)
    assert sorted(rows) == fold_floats(venue.trades(instrument.symbol), MINUTE_MS)[:10]


@each_venue
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.HTML, UpstreamGarbage),
        (Fault.EMPTY, UpstreamGarbage),
        (Fault.RATE_LIMITED, UpstreamLimited),
        (Fault.UNAVAILABLE, UpstreamDown),
        (Fault.HANG, UpstreamTimeout),
    ],
)
async def test_a_market_list_that_fails_is_read_again_by_the_next_caller(
    plugin: CryptoPlugin,
    exchange: LocalExchange,
    instrument: Instrument,
    fault: Fault,
    error: type[UpstreamError],
) -> None:
    venue = exchange.venue(instrument.exchange)
    venue.fault, venue.fault_kinds = fault, ("markets",)
    with pytest.raises(error):
        await plugin.fetch_instruments(instrument.exchange)
    # Bitstamp's answers are kept for a second by ccxt.
    venue.fault = None
    async with asyncio.timeout(10):
        while True:
            try:
                specs = await plugin.fetch_instruments(instrument.exchange)
            except UpstreamError:
                await asyncio.sleep(0.1)
                continue
            break
    assert len(specs) >= 3


async def test_the_one_beyond_the_queue_is_told_to_wait(
    plugin: CryptoPlugin, exchange: LocalExchange
) -> None:
    await plugin.fetch_instruments("bitstamp")
    answers = await asyncio.gather(*(ask(plugin, VENUES[0]) for _ in range(12)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, UpstreamLimited)]
    assert [error.retry_after_s for error in refused] == [5, 5]
    assert len(exchange.calls_of("bitstamp", "bars")) == 10


async def test_a_caller_who_gives_up_does_not_end_the_reading_for_the_others(
    plugin: CryptoPlugin, exchange: LocalExchange
) -> None:
    exchange.bitstamp.fault, exchange.bitstamp.fault_kinds = Fault.HANG, ("markets",)
    leaves, stays = (asyncio.create_task(plugin.fetch_instruments("bitstamp")) for _ in range(2))
    await exchange.until(lambda: bool(exchange.calls_of("bitstamp", "markets")))
    leaves.cancel()
    await asyncio.wait([leaves])
    exchange.bitstamp.released.set()
    assert len(await stays) == 5
    assert len(exchange.calls_of("bitstamp", "markets")) == 1


async def test_a_port_where_nobody_listens_is_down(exchange: LocalExchange) -> None:
    await exchange.stop()
    settings = {"CRYPTO_ENDPOINT": exchange.endpoint, "CRYPTO_EXCHANGES": "bitstamp"}
    plugin = CryptoPlugin(PluginContext(Clock(), settings))
    try:
        with pytest.raises(UpstreamDown, match="Bitstamp cannot be reached"):
            await plugin.fetch_instruments("bitstamp")
    finally:
        await plugin.close()


async def test_closing_does_not_wait_for_an_exchange_that_hangs(
    plugin: CryptoPlugin, exchange: LocalExchange
) -> None:
    await ready(plugin, exchange, VENUES[0], Fault.HANG)
    asking = asyncio.create_task(ask(plugin, VENUES[0]))
    seen = len(exchange.calls_of("bitstamp", "bars"))
    await exchange.until(lambda: len(exchange.calls_of("bitstamp", "bars")) > seen)
    async with asyncio.timeout(2):
        await plugin.close()
    with pytest.raises(UpstreamError):
        await asking


async def test_coinbase_fails_like_the_others(plugin: CryptoPlugin, exchange: LocalExchange) -> None:
    coinbase = VENUES[2]
    await ready(plugin, exchange, coinbase, Fault.TRUNCATED)
    with pytest.raises(UpstreamGarbage):
        await ask(plugin, coinbase)
    exchange.coinbase.fault = Fault.RATE_LIMITED
    with pytest.raises(UpstreamLimited):
        await ask(plugin, coinbase)
    exchange.coinbase.fault = Fault.CUT
    with pytest.raises(UpstreamDown):
        await ask(plugin, coinbase)
    exchange.coinbase.fault = Fault.NAN_ROWS
    assert sum(1 for row in await ask(plugin, coinbase) if math.isnan(row[4])) == 1
