"""What there is to ask for, read once an hour, and near misses for what there is not."""

import asyncio
from dataclasses import replace

import pytest

from plugins import PluginRegistry
from services.catalog import INSTRUMENTS_MAX_AGE_MS, Catalog, check_timeframe
from tests.services.recorded_market import BTC, HOUR, HandClock, RecordedMarket
from utils.domain import Timeframe
from utils.errors import InvalidRequest, NotFound, UpstreamDown, UpstreamTimeout

DEADLINE_S = 5
AWAY = UpstreamDown("The exchange is away. Try again.")


async def test_instruments_are_sorted_and_found_by_name(catalog: Catalog) -> None:
    specs = await catalog.instruments("simulated", "simex")
    symbols = [spec.instrument.symbol for spec in specs]
    assert symbols == sorted(symbols)
    assert "BTC/USD" in symbols
    assert (await catalog.find(BTC)).spoken_name == "Bitcoin in dollars"


async def test_a_list_is_read_once_an_hour_however_many_ask(
    catalog: Catalog, upstream: RecordedMarket, hand: HandClock
) -> None:
    await asyncio.gather(*(catalog.find(BTC) for _ in range(200)))
    hand.now_ms += INSTRUMENTS_MAX_AGE_MS - 1
    await catalog.instruments("simulated", "simex")
    assert upstream.listings == 1
    hand.now_ms += 1
    await catalog.instruments("simulated", "simex")
    assert upstream.listings == 2


async def test_an_old_list_serves_while_the_exchange_is_away(
    catalog: Catalog, upstream: RecordedMarket, hand: HandClock
) -> None:
    await catalog.find(BTC)
    hand.now_ms += INSTRUMENTS_MAX_AGE_MS
    upstream.error = AWAY
    assert (await catalog.find(BTC)).instrument == BTC
    upstream.error = None
    upstream.change_spec = lambda spec: replace(spec, spoken_name="renamed")
    assert (await catalog.find(BTC)).spoken_name == "renamed"


async def test_without_any_list_the_error_is_told_and_not_kept(
    catalog: Catalog, upstream: RecordedMarket
) -> None:
    upstream.error = AWAY
    with pytest.raises(UpstreamDown):
        await catalog.find(BTC)
    upstream.error = None
    assert (await catalog.find(BTC)).instrument == BTC


async def test_an_exchange_that_does_not_answer_is_not_waited_for(
    catalog: Catalog, upstream: RecordedMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.catalog.FETCH_TIMEOUT_S", 0.01)
    upstream.gate = asyncio.Event()
    with pytest.raises(UpstreamTimeout, match="did not list its symbols in time") as caught:
        await catalog.find(BTC)
    assert caught.value.retry_after_s
    upstream.gate.set()
    assert (await catalog.find(BTC)).instrument == BTC


async def test_closing_ends_a_list_that_is_being_read(catalog: Catalog, upstream: RecordedMarket) -> None:
    upstream.gate = asyncio.Event()
    asker = asyncio.create_task(catalog.find(BTC))
    async with asyncio.timeout(DEADLINE_S):
        await upstream.came.wait()
        await catalog.close()
        with pytest.raises(asyncio.CancelledError):
            await asker


@pytest.mark.parametrize(
    ("market_name", "exchange", "symbol", "code", "hint"),
    [
        ("simulatd", "simex", "BTC/USD", "unknown_market", "Did you mean simulated?"),
        ("simulated", "simx", "BTC/USD", "unknown_exchange", "Did you mean simex?"),
        ("simulated", "SIMEX", "BTC/USD", "unknown_exchange", "Did you mean simex?"),
        ("simulated", "simex", "btc/usd", "unknown_symbol", "Did you mean BTC/USD"),
        ("simulated", "simex", "BTCUSD", "unknown_symbol", "Did you mean BTC/USD"),
        ("simulated", "simex", "ZZZZZZ", "unknown_symbol", "Ask /market/get_symbols?market=simulated"),
    ],
)
async def test_what_is_unknown_is_told_with_what_was_probably_meant(
    catalog: Catalog, *, market_name: str, exchange: str, symbol: str, code: str, hint: str
) -> None:
    with pytest.raises(NotFound) as caught:
        await catalog.find(replace(BTC, market=market_name, exchange=exchange, symbol=symbol))
    assert caught.value.error_code == code
    assert hint in caught.value.detail


async def test_asking_for_an_unknown_exchange_asks_nothing_of_anybody(
    catalog: Catalog, upstream: RecordedMarket
) -> None:
    for asking in (catalog.profile, catalog.instruments, catalog.check_exchange):
        with pytest.raises(NotFound):
            await asking("simulated", "nowhere")
    assert upstream.listings == 0


async def test_what_is_left_out_comes_from_the_settings_or_is_the_first_there(
    upstream: RecordedMarket, hand: HandClock
) -> None:
    registry = PluginRegistry({"simulated": upstream})
    catalog = Catalog(registry, hand.clock, default_market="crypto", default_exchange="bitstamp")
    assert await catalog.default_venue(None, None) == ("crypto", "bitstamp")
    assert await catalog.default_venue("crypto", None) == ("crypto", "bitstamp")
    assert await catalog.default_venue("crypto", "kraken") == ("crypto", "kraken")
    assert await catalog.default_venue(None, "kraken") == ("crypto", "kraken")
    assert await catalog.default_venue("simulated", None) == ("simulated", "simex")
    with pytest.raises(NotFound):
        await catalog.default_venue("nowhere", None)


def test_a_timeframe_that_is_not_offered_is_refused_with_those_that_are() -> None:
    offered = tuple(Timeframe.parse(text) for text in ("1d", "1m", "1h"))
    check_timeframe(HOUR, offered, "simex")
    with pytest.raises(InvalidRequest) as caught:
        check_timeframe(Timeframe.parse("4h"), offered, "simex")
    assert caught.value.detail == "simex has no bars of 4 hours. It has 1m, 1h, 1d."
    (error,) = caught.value.errors
    assert (error.field, error.code) == ("timeframe", "unknown_timeframe")
