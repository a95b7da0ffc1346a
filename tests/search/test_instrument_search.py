"""The search over several exchanges: who is asked, who is waited for, and what the store adds."""

import asyncio
import time
import traceback

import asyncpg
import pytest

from services.catalog import FETCH_TIMEOUT_S, INSTRUMENTS_MAX_AGE_MS
from services.search.found import Match
from services.search.shelves import AGAIN_AFTER_MS, STORED_MAX_AGE_MS
from tests.search.conftest import SearchHouse
from utils.domain import DAY_MS
from utils.errors import InvalidRequest, NotFound, UpstreamDown

PATIENT_S = 2.0


async def test_every_exchange_of_a_small_market_is_read_and_searched(house: SearchHouse) -> None:
    await house.read_all()
    assert await house.found("btc") == ["bitstamp:BTC/USD", "kraken:BTC/EUR"]
    assert await house.found("btc", "kraken") == ["kraken:BTC/EUR"]
    assert await house.found("kraken btc") == ["kraken:BTC/EUR"]
    assert await house.search.unread() == ()
    # Once was enough.
    assert sorted(house.market.asked) == ["bitstamp", "kraken"]


async def test_nobody_waits_for_an_exchange_that_hangs(house: SearchHouse) -> None:
    house.market.gates["kraken"] = asyncio.Event()
    began_s = time.monotonic()
    assert await house.found("btc") == ["bitstamp:BTC/USD"]
    assert await house.search.unread() == (("crypto", "kraken"),)
    # By its name it is waited for a little, and no longer.
    assert await house.found("btc", "kraken") == []
    assert time.monotonic() - began_s < PATIENT_S < FETCH_TIMEOUT_S
    house.market.gates["kraken"].set()
    await house.read_all()
    assert await house.found("btc") == ["bitstamp:BTC/USD", "kraken:BTC/EUR"]
    assert await house.search.unread() == ()


async def test_an_exchange_that_is_away_is_left_alone_for_a_while(house: SearchHouse) -> None:
    house.market.down.add("kraken")
    await house.read_all()
    assert house.market.asked.count("kraken") == 1
    house.now_ms += AGAIN_AFTER_MS
    house.market.down.clear()
    await house.read_all()
    assert house.market.asked.count("kraken") == 2
    assert "kraken:BTC/EUR" in await house.found("btc")


async def test_old_lists_are_read_again_while_they_are_still_shown(house: SearchHouse) -> None:
    await house.read_all()
    house.market.symbols["bitstamp"] = ["BTC/USD", "SOL/USD"]
    house.now_ms += INSTRUMENTS_MAX_AGE_MS
    house.market.gates["bitstamp"] = asyncio.Event()
    assert await house.found("eth") == ["bitstamp:ETH/USD"]
    house.market.gates["bitstamp"].set()
    await house.read_all()
    assert await house.found("solana") == ["bitstamp:SOL/USD"]
    assert await house.found("eth") == []


async def test_of_a_market_with_many_exchanges_only_those_are_read_that_are_wanted(
    house: SearchHouse,
) -> None:
    house.market.symbols |= {f"venue{number}": ["BTC/USD"] for number in range(20)}
    await house.store("venue3:ETH/USD", [(10.0, 1.0)])
    await house.read_all()
    assert sorted(house.market.asked) == ["bitstamp", "venue3"]
    assert await house.found("btc", "venue7") == ["venue7:BTC/USD"]
    await house.found("venue9 btc")
    await house.read_all()
    assert sorted(house.market.asked) == ["bitstamp", "venue3", "venue7", "venue9"]
    assert len(await house.found("btc")) == 4


async def test_equal_fits_are_ranked_by_turnover_in_dollars_whatever_is_paid_in(house: SearchHouse) -> None:
    house.market.symbols["bitstamp"] = ["BTC/JPY", "BTC/USD", "BTC/ZZZ", "ETH/BTC", "ETH/USD"]
    await house.store("bitstamp:BTC/USD", [(50_000.0, 2.0)])
    await house.store("kraken:BTC/EUR", [(45_000.0, 3.0)])
    # A yen is less than a dollar: a hundred times the number is not a hundred times the trade.
    await house.store("bitstamp:BTC/JPY", [(7_500_000.0, 1.0)])
    await house.store("bitstamp:ETH/BTC", [(0.05, 100.0)])
    await house.store("bitstamp:ETH/USD", [(2_500.0, 10.0)])
    await house.read_all()
    assert await house.found("bitcoin") == [
        "kraken:BTC/EUR",
        "bitstamp:BTC/USD",
        "bitstamp:BTC/JPY",
        "bitstamp:BTC/ZZZ",
        # What is paid in bitcoin is less of a bitcoin.
        "bitstamp:ETH/BTC",
    ]
    assert await house.found("eth") == ["bitstamp:ETH/BTC", "bitstamp:ETH/USD"]
    found = {each.instrument.symbol: each.turnover for each in await house.search.search("", limit=9)}
    assert found["BTC/USD"] == pytest.approx(2 * 24 * 50_000)
    assert found["BTC/EUR"] == pytest.approx(3 * 24 * 50_000)
    assert found["ETH/BTC"] == pytest.approx(100 * 24 * 2_500)
    assert found["BTC/ZZZ"] is None


async def test_old_bars_say_nothing_of_trade(house: SearchHouse) -> None:
    await house.store("bitstamp:ETH/USD", [(2_500.0, 10.0)])
    house.now_ms += 3 * DAY_MS
    await house.read_all()
    assert {each.turnover for each in await house.search.search("eth")} == {None}


async def test_what_was_delisted_is_found_by_its_bars_and_says_so(house: SearchHouse) -> None:
    await house.store("kraken:LUNA/USD", [(80.0, 5.0), (0.001, 9.0)])
    await house.read_all()
    (found,) = await house.search.search("luna")
    assert (found.delisted, found.spec.active, found.spec.delisted_ms) == (True, False, house.now_ms)
    assert found.sentence is not None
    assert found.sentence.startswith("kraken no longer lists LUNA/USD. Bars from 2026-11-")
    assert (await house.search.resolve("kraken:LUNA-USD")).delisted_ms == house.now_ms


async def test_stored_instruments_are_found_while_their_exchange_is_away(house: SearchHouse) -> None:
    house.market.down.add("kraken")
    await house.store("kraken:SOL/EUR", [(100.0, 5.0)])
    await house.read_all()
    (found,) = await house.search.search("solana")
    assert (found.instrument.text, found.delisted) == ("crypto:kraken:SOL/EUR", False)
    assert await house.search.unread() == (("crypto", "kraken"),)
    assert (await house.search.resolve("kraken:SOLEUR")).instrument == found.instrument
    house.market.symbols["bitmex"] = []
    house.market.down.add("bitmex")
    with pytest.raises(UpstreamDown):
        await house.search.resolve("bitmex:BTC/USD")


async def test_new_bars_change_the_order_after_a_while(house: SearchHouse) -> None:
    await house.store("kraken:BTC/EUR", [(45_000.0, 3.0)])
    await house.store("bitstamp:ETH/USD", [(10.0, 1.0)])
    await house.read_all()
    assert (await house.found(""))[0] == "bitstamp:ETH/USD"
    await house.store("bitstamp:BTC/USD", [(50_000.0, 2.0)])
    house.now_ms += STORED_MAX_AGE_MS
    await house.read_all()
    assert (await house.found(""))[:2] == ["kraken:BTC/EUR", "bitstamp:BTC/USD"]


async def test_without_a_database_lists_are_searched_all_the_same(pool: asyncpg.Pool) -> None:
    house = SearchHouse(pool)
    await pool.execute("ALTER TABLE bar RENAME TO away")
    try:
        await house.read_all()
        assert await house.found("btc") == ["bitstamp:BTC/USD", "kraken:BTC/EUR"]
    finally:
        await pool.execute("ALTER TABLE away RENAME TO bar")
        await house.search.close()


@pytest.mark.parametrize(
    "text",
    [
        *("BTC/USD", "btc-usd", "BTCUSD", "bitstamp:BTC/USD", "BITSTAMP:btcusd"),
        *("crypto:bitstamp:BTC/USD", "CRYPTO:Bitstamp:BTC_USD"),
    ],
)
async def test_every_writing_is_resolved_to_the_same(house: SearchHouse, text: str) -> None:
    spec = await house.search.resolve(text)
    assert spec.instrument.text == "crypto:bitstamp:BTC/USD"
    assert house.market.asked == ["bitstamp"]


async def test_what_the_default_exchange_lacks_is_looked_for_elsewhere(house: SearchHouse) -> None:
    await house.read_all()
    assert (await house.search.resolve("BTCEUR")).instrument.text == "crypto:kraken:BTC/EUR"
    with pytest.raises(NotFound, match=r"There is no symbol BTC/EUR. Did you mean BTC/USD\?"):
        await house.search.resolve("BTC/EUR", exchange="bitstamp")


async def test_elsewhere_is_asked_only_when_the_default_exchange_has_said_what_it_lists(
    house: SearchHouse,
) -> None:
    house.market.symbols["kraken"] = ["BTC/EUR", "BTC/USD"]
    house.market.down.add("bitstamp")
    await house.read_all()
    assert await house.found("btc") == ["kraken:BTC/USD", "kraken:BTC/EUR"]
    for text in ("BTC/USD", "BTCEUR", "NIX/USD"):
        with pytest.raises(UpstreamDown, match="bitstamp"):
            await house.search.resolve(text)
    assert (await house.search.resolve("kraken:BTC/USD")).instrument.text == "crypto:kraken:BTC/USD"


async def test_stored_bars_name_an_instrument_but_not_what_their_exchange_lacks(house: SearchHouse) -> None:
    await house.store("bitstamp:ETH/USD", [(2_500.0, 10.0)])
    house.market.down.add("bitstamp")
    await house.read_all()
    assert (await house.search.resolve("ETHUSD")).instrument.text == "crypto:bitstamp:ETH/USD"
    for text in ("BTC/EUR", "bitstamp:BTC/USD", "crypto:bitstamp:BTC/USD"):
        with pytest.raises(UpstreamDown, match="bitstamp"):
            await house.search.resolve(text)


async def test_made_up_prices_are_only_for_who_names_them(house: SearchHouse) -> None:
    for text in ("simex:PEPE/USDT", "simulated:simex:pepeusdt"):
        assert (await house.search.resolve(text)).instrument.text == "simulated:simex:PEPE/USDT"
    named = await house.search.resolve("PEPE/USDT", market="simulated")
    assert named.instrument.text == "simulated:simex:PEPE/USDT"
    await house.read_all()
    for text in ("PEPE/USDT", "PEPEUSDT"):
        with pytest.raises(NotFound, match=f"There is no symbol {text}. Search"):
            await house.search.resolve(text)
    house.market.down.add("bitstamp")
    house.now_ms += INSTRUMENTS_MAX_AGE_MS
    assert (await house.search.resolve("BTC/USD")).instrument.text == "crypto:bitstamp:BTC/USD"


@pytest.mark.parametrize(
    ("text", "place", "wrong", "sentence"),
    [
        (
            "crypto:kraken:BTC/EUR",
            {"market": "simulated"},
            ["market"],
            "the market crypto, and market is sim",
        ),
        ("kraken:BTC/EUR", {"exchange": "simex"}, ["exchange"], "the exchange kraken, and exchange is simex"),
        ("kraken:BTC/EUR", {"market": "crypto", "exchange": "bitstamp"}, ["exchange"], "is bitstamp"),
        (
            "crypto:kraken:BTC/EUR",
            {"market": "simulated", "exchange": "simex"},
            ["market", "exchange"],
            "The",
        ),
    ],
)
async def test_a_symbol_and_a_parameter_that_disagree_are_refused(
    house: SearchHouse, text: str, place: dict[str, str], wrong: list[str], sentence: str
) -> None:
    with pytest.raises(InvalidRequest, match=sentence) as refused:
        await house.search.resolve(text, **place)
    assert [error.field for error in refused.value.errors] == wrong
    assert {error.code for error in refused.value.errors} == {"invalid"}
    assert house.market.asked == []


@pytest.mark.parametrize(
    ("text", "market", "exchange"),
    [
        ("Kraken:BTC/EUR", None, "kraken"),
        ("kraken:BTC/EUR", "crypto", "KRAKEN"),
        ("CRYPTO:KRAKEN:BTC/EUR", "Crypto", "Kraken"),
        ("crypto:kraken:BTC/EUR", "crypto", None),
    ],
)
async def test_a_symbol_and_a_parameter_may_both_name_where_it_is_traded(
    house: SearchHouse, text: str, market: str | None, exchange: str | None
) -> None:
    spec = await house.search.resolve(text, market=market, exchange=exchange)
    assert spec.instrument.text == "crypto:kraken:BTC/EUR"


async def test_symbols_of_contracts_keep_their_colon(house: SearchHouse) -> None:
    house.market.symbols["bitstamp"] = ["BTC/USDT", "BTC/USDT:USDT"]
    for text in ("BTC/USDT:USDT", "bitstamp:BTC/USDT:USDT", "crypto:bitstamp:BTC/USDT:USDT"):
        assert (await house.search.resolve(text)).instrument.symbol == "BTC/USDT:USDT"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("BTX/USD", r"There is no symbol BTX/USD. Did you mean BTC/USD\? Search"),
        ("bitstmp:BTC/USD", r"There is no exchange bitstmp. Did you mean bitstamp\?"),
        ("krypto:bitstamp:BTC/USD", r"There is no exchange krypto"),
        ("zzzzzzz", r"There is no symbol zzzzzzz. Search"),
        ("", r"There is no symbol . "),
        (":", r"There is no exchange "),
        ("\ud800\x00", r"There is no symbol \?\?"),
    ],
)
async def test_what_is_not_there_is_said_with_what_was_probably_meant(
    house: SearchHouse, text: str, sentence: str
) -> None:
    await house.read_all()
    with pytest.raises(NotFound, match=sentence):
        await house.search.resolve(text)


async def test_finds_of_several_exchanges_are_ranked_together(house: SearchHouse) -> None:
    house.market.symbols["kraken"] = ["BTC/USDT", "BTCST/USD", "ETH/USD"]
    await house.read_all()
    found = await house.search.search("ETH/USD")
    assert [(each.instrument.exchange, each.match) for each in found[:2]] == [
        ("bitstamp", Match.SYMBOL),
        ("kraken", Match.SYMBOL),
    ]
    assert [each.match for each in await house.search.search("btc")] == [
        *(Match.EXACT, Match.EXACT),
        Match.PREFIX,
    ]
    assert len(await house.search.search("usd", limit=2)) == 2


async def test_a_failure_that_is_told_again_and_again_grows_by_nothing(house: SearchHouse) -> None:
    house.market.down.add("kraken")
    lengths, told = set(), []
    for _ in range(5):
        with pytest.raises(UpstreamDown, match="kraken") as caught:
            await house.search.resolve("BTC/EUR", exchange="kraken")
        assert caught.value.__cause__ is caught.value.__context__ is None
        lengths.add(len(list(traceback.walk_tb(caught.value.__traceback__))))
        told.append(caught.value)
    assert len(lengths) == 1
    assert len(set(told)) == 5
    assert "fetch_instruments" not in {
        frame.name for each in told for frame in traceback.extract_tb(each.__traceback__)
    }
