"""Everything that can come instead of a list of coins, and the error of ours that it is."""

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from plugins.listings.base import ListingsProvider
from plugins.listings.coingecko import DEMO_HOST, PRO_HOST, CoinGecko
from plugins.listings.coinmarketcap import CoinMarketCap
from plugins.listings.json_client import ANSWER_BYTES_MAX
from tests.listings import HeldCoin, LocalListings, Reply
from tests.listings.held import NOW_MS, coingecko_coin, coinmarketcap_coin, coinmarketcap_status
from utils.clock import Clock
from utils.errors import (
    AppError,
    NotFound,
    UpstreamDown,
    UpstreamError,
    UpstreamGarbage,
    UpstreamLimited,
    UpstreamTimeout,
)

KEY = "CG-s3cr3t-of-the-tests"
DAY_S = 86_400.0
# NOW_MS is 2026-11-18 11:06:40 UTC.
UNTIL_MIDNIGHT_S, UNTIL_MONTH_S = 46_400.0, 46_400.0 + 12 * DAY_S
HTML = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body></body></html>"


def gecko_status(code: int, message: str = "said") -> dict[str, Any]:
    return {"status": {"error_code": code, "error_message": message}}


def marketcap_error(code: object, status: int = 200) -> Reply:
    return Reply({"status": coinmarketcap_status(code, f"Error {code}")}, status)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Case:
    """What is said, and the error that it means."""

    reply: Reply
    error: type[UpstreamError]
    wait_s: float
    word: str = ""


ANYWHERE = {
    "html with 200": Case(Reply(HTML, headers={"Content-Type": "text/html"}), UpstreamGarbage, 5),
    "html with 503": Case(Reply(HTML, 503), UpstreamDown, 60, "error of its own"),
    "html with 429": Case(Reply(HTML, 429, {"Retry-After": "119"}), UpstreamLimited, 119),
    "429 without a time": Case(Reply({}, 429), UpstreamLimited, 60),
    "429 with words for a time": Case(Reply({}, 429, {"Retry-After": "soon"}), UpstreamLimited, 60),
    "429 for a year": Case(Reply({}, 429, {"Retry-After": "99999999"}), UpstreamLimited, DAY_S),
    "403 of a firewall": Case(Reply(b"error code: 1020", 403), UpstreamDown, 3_600, "where it stands"),
    "401": Case(Reply(b"", 401), UpstreamDown, 3_600, "API_KEY"),
    "404": Case(Reply(b"gone", 404), UpstreamDown, 3_600, "does not understand"),
    "408": Case(Reply(b"", 408), UpstreamTimeout, 5),
    "500": Case(Reply(b"", 500), UpstreamDown, 60, "error of its own"),
    "502": Case(Reply({}, 502), UpstreamDown, 60, "error of its own"),
    "a redirect": Case(Reply(b"", 302, {"Location": "https://elsewhere.example/"}), UpstreamDown, 60),
    "nothing": Case(Reply(b""), UpstreamGarbage, 5),
    "null": Case(Reply(None), UpstreamGarbage, 5),
    "a number": Case(Reply(42), UpstreamGarbage, 5),
    "half a text": Case(Reply(b'[{"id": "bitcoin", "symbol": "bt'), UpstreamGarbage, 5),
    "deep": Case(Reply(b"[" * 100_000), UpstreamGarbage, 5),
    "binary": Case(Reply(b"\x1f\x8b\x08\x00\xff\xfe"), UpstreamGarbage, 5),
    "a false encoding": Case(Reply(b"no gzip", headers={"Content-Encoding": "gzip"}), UpstreamDown, 5),
    "too much": Case(Reply(b"[" + b" " * ANSWER_BYTES_MAX + b"]"), UpstreamGarbage, 60, "bytes"),
    "half an answer": Case(Reply(b"[1, 2, 3]" * 1_000, cut=True), UpstreamDown, 5, "cannot be reached"),
    "silence": Case(Reply(hang=True), UpstreamTimeout, 5, "in time"),
}
OF_COINGECKO = {
    "an empty list": Case(Reply([]), UpstreamGarbage, 5),
    "a list of nothing": Case(Reply([None, 1, "x", [], {}]), UpstreamGarbage, 5),
    "first shape": Case(Reply({"error": "Missing parameter vs_currency"}, 422), UpstreamDown, 3_600),
    "first shape with 200": Case(Reply({"error": "went wrong"}), UpstreamDown, 60),
    "second shape": Case(Reply({"status": 500, "error": "Internal Server Error"}, 500), UpstreamDown, 60),
    "third shape": Case(Reply(gecko_status(429), 429), UpstreamLimited, 60),
    "third shape with 200": Case(Reply(gecko_status(429)), UpstreamLimited, 60),
    "fourth shape": Case(
        Reply({"error": gecko_status(10002)}, 401), UpstreamDown, 3_600, "COINGECKO_API_KEY"
    ),
    "a code beside a status": Case(
        Reply({"error_code": 10002, **gecko_status(10002)}, 401), UpstreamDown, 3_600, "COINGECKO_API_KEY"
    ),
    "another plan": Case(
        Reply({"error": gecko_status(10005)}, 401), UpstreamDown, 3_600, "COINGECKO_API_KEY"
    ),
    "the wrong host, twice": Case(Reply(gecko_status(10010), 400), UpstreamDown, 3_600, "COINGECKO_API_KEY"),
    "a code that is text": Case(Reply({"status": {"error_code": "x"}}, 503), UpstreamDown, 60),
}
OF_COINMARKETCAP = {
    "no data": Case(Reply({"status": coinmarketcap_status()}), UpstreamGarbage, 5),
    "an empty list": Case(Reply({"status": coinmarketcap_status(), "data": []}), UpstreamGarbage, 5),
    "data that is no list": Case(Reply({"status": coinmarketcap_status(), "data": {}}), UpstreamGarbage, 5),
    "nothing in it": Case(Reply({"status": coinmarketcap_status(), "data": [None, {}]}), UpstreamGarbage, 5),
    **{
        f"key: {code}": Case(marketcap_error(code, 401), UpstreamDown, 3_600, "COINMARKETCAP_API_KEY")
        for code in range(1001, 1008)
    },
    **{f"minute: {code}": Case(marketcap_error(code, 429), UpstreamLimited, 60) for code in (1008, 1011)},
    "minute, with 200": Case(marketcap_error(1008), UpstreamLimited, 60),
    "minute, as text": Case(marketcap_error("1008"), UpstreamLimited, 60),
    "day": Case(marketcap_error(1009, 429), UpstreamLimited, UNTIL_MIDNIGHT_S, "in a day are used up"),
    "month": Case(marketcap_error(1010, 429), UpstreamLimited, UNTIL_MONTH_S, "in a month are used up"),
    "month, with 200": Case(marketcap_error(1010), UpstreamLimited, UNTIL_MONTH_S),
    "bad value": Case(marketcap_error(400, 400), UpstreamDown, 3_600, "does not understand"),
    "theirs, with 200": Case(marketcap_error(500), UpstreamDown, 60),
    "unheard of": Case(marketcap_error(77_777), UpstreamDown, 60),
}
CASES = [
    *[("coingecko", case) for case in {**ANYWHERE, **OF_COINGECKO}.items()],
    *[("coinmarketcap", case) for case in {**ANYWHERE, **OF_COINMARKETCAP}.items()],
]


@pytest.fixture
async def local() -> AsyncIterator[LocalListings]:
    async with LocalListings() as opened:
        yield opened


@pytest.fixture
async def gecko(local: LocalListings) -> AsyncIterator[CoinGecko]:
    provider = CoinGecko(Clock(lambda: NOW_MS), key=KEY, endpoint=local.endpoint, call_timeout_s=0.5)
    await provider.open()
    yield provider
    await provider.close()


@pytest.fixture
async def marketcap(local: LocalListings) -> AsyncIterator[CoinMarketCap]:
    provider = CoinMarketCap(Clock(lambda: NOW_MS), key=KEY, endpoint=local.endpoint, call_timeout_s=0.5)
    await provider.open()
    yield provider
    await provider.close()


@pytest.fixture
def providers(gecko: CoinGecko, marketcap: CoinMarketCap) -> dict[str, ListingsProvider]:
    return {"coingecko": gecko, "coinmarketcap": marketcap}


@pytest.mark.parametrize(
    ("name", "case"), CASES, ids=lambda value: value if isinstance(value, str) else value[0]
)
async def test_what_is_no_list_is_an_error_that_says_what_to_do(
    local: LocalListings, providers: dict[str, ListingsProvider], name: str, case: tuple[str, Case]
) -> None:
    expected = case[1]
    local.always(expected.reply)
    with pytest.raises(UpstreamError) as raised:
        await providers[name].fetch_top(20)
    error = raised.value
    assert type(error) is expected.error, error.detail
    assert error.retry_after_s == expected.wait_s
    assert expected.word in error.detail
    assert error.detail.count(". ") >= 1
    assert error.detail.endswith(".")


async def test_nobody_is_followed_elsewhere(local: LocalListings, gecko: CoinGecko) -> None:
    local.always(Reply(b"", 301, {"Location": f"{local.endpoint}/other.example/"}))
    with pytest.raises(UpstreamDown):
        await gecko.fetch_top(1)
    assert [call.host for call in local.calls] == [DEMO_HOST]


async def test_a_provider_that_is_not_there_cannot_be_reached(
    local: LocalListings, providers: dict[str, ListingsProvider]
) -> None:
    await local.stop()
    for provider in providers.values():
        with pytest.raises(UpstreamDown, match="cannot be reached"):
            await provider.fetch_top(1)


@pytest.mark.parametrize(
    ("right", "wrong", "code"), [(PRO_HOST, DEMO_HOST, 10010), (DEMO_HOST, PRO_HOST, 10011)]
)
async def test_a_key_finds_its_host_and_remembers_it(
    local: LocalListings, gecko: CoinGecko, right: str, wrong: str, code: int
) -> None:
    if wrong == PRO_HOST:
        # It was taken for a paid key before.
        local.say = lambda call: Reply(gecko_status(10010), 400) if call.host == DEMO_HOST else None
        await gecko.fetch_top(1)
        local.calls.clear()
    local.say = lambda call: Reply({"error": gecko_status(code)}, 400) if call.host == wrong else None
    await gecko.fetch_top(1)
    await gecko.fetch_top(1)
    assert [call.host for call in local.calls] == [wrong, right, right]
    header = {DEMO_HOST: "x-cg-demo-api-key", PRO_HOST: "x-cg-pro-api-key"}
    assert all(call.headers[header[call.host]] == KEY for call in local.calls)


async def test_a_list_that_breaks_off_is_not_half_taken(
    local: LocalListings, providers: dict[str, ListingsProvider]
) -> None:
    for provider in providers.values():
        local.calls.clear()
        local.say = lambda _: Reply(b"", 500) if len(local.calls) > 1 else None
        with pytest.raises(UpstreamDown):
            await provider.fetch_top(400)


async def test_a_broken_coin_is_left_out_and_the_others_come(local: LocalListings, gecko: CoinGecko) -> None:
    broken = (
        b'[{"id":"a","symbol":"a","name":"A","current_price":NaN},'
        b'{"id":"b","symbol":"b","name":"B","current_price":1e999},'
        b'{"id":"c","symbol":"c","name":"C","current_price":"12"},'
        b'{"id":"d","symbol":"d","name":"D","current_price":-1},'
        b'{"id":"e","symbol":"e","name":"E","current_price":true},'
        b'{"id":"f","symbol":"f","name":"F","market_cap_rank":0},'
        b'{"id":"g","symbol":"g","name":"G","last_updated":"3000-01-01T00:00:00Z"},'
        b'{"id":"h","symbol":"h","name":"H","ath_date":"yesterday"},'
        b'{"id":"i","symbol":"i","name":"\\u0000"},{"id":"j","symbol":"","name":"J"},{"symbol":"k","name":"K"},'
        b'{"id":"l/m","symbol":"l","name":"L"},{"id":"n","symbol":"n","name":"N","price_change_percentage_24h":-101},'
        b'{"id":"good","symbol":"g","name":"Good","current_price":0,"image":"javascript:alert(1)"},'
        b'{"id":"good","symbol":"g","name":"Good again"}]'
    )
    local.always(Reply(broken))
    page = await gecko.fetch_top(50)
    assert [coin.coin_id for coin in page.coins] == ["good"]
    assert page.coins[0].figures.price == 0.0
    assert page.coins[0].image_url is None
    assert [refused.position for refused in page.refused] == [*range(13), 14]
    assert [refused.reason for refused in page.refused][:2] == ["current_price is not finite"] * 2
    assert page.refused[-1].reason == "good came before"


async def test_more_than_was_asked_for_is_not_taken(
    local: LocalListings, providers: dict[str, ListingsProvider]
) -> None:
    def generous(call: Any) -> Reply | None:
        return local._honest(
            type(call)(call.host, call.path, {**call.query, "per_page": "90", "limit": "90"}, {})
        )

    local.say = generous
    for provider in providers.values():
        assert len((await provider.fetch_top(5)).coins) == 5


async def test_a_coin_that_moved_to_the_next_page_comes_once(local: LocalListings, gecko: CoinGecko) -> None:
    page_1 = [{"id": f"c{number}", "symbol": "c", "name": "C"} for number in range(250)]
    page_2 = [{"id": f"c{number}", "symbol": "c", "name": "C"} for number in range(249, 260)]
    local.say = lambda call: Reply(page_1 if call.query["page"] == "1" else page_2)
    page = await gecko.fetch_top(300)
    assert len(page.coins) == 260
    assert [refused.reason for refused in page.refused] == ["c249 came before"]


async def test_another_coin_than_was_asked_for_is_refused(
    local: LocalListings, providers: dict[str, ListingsProvider]
) -> None:
    coins = {"coingecko": "coin-1", "coinmarketcap": "1"}
    other = HeldCoin(2)
    held = {"status": coinmarketcap_status(), "data": {"1": coinmarketcap_coin(other)}}
    local.say = lambda call: Reply(coingecko_coin(other) if call.host == DEMO_HOST else held)
    for name, provider in providers.items():
        with pytest.raises(UpstreamGarbage):
            await provider.fetch_coin(coins[name])


async def test_the_key_is_told_to_its_provider_and_to_nobody_else(
    local: LocalListings, providers: dict[str, ListingsProvider], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said = f"The key {KEY} is wrong"
    replies = [
        Reply(gecko_status(10002, said), 401),
        Reply({"status": coinmarketcap_status(1001, said)}, 401),
        Reply({"error": said}, 403),
        Reply(hang=True),
        Reply(b"[1, 2]" * 1_000, cut=True),
        Reply(b"no gzip", headers={"Content-Encoding": "gzip"}),
    ]
    for reply in replies:
        local.always(reply)
        for provider in providers.values():
            with pytest.raises(AppError) as raised:
                await provider.fetch_top(1)
            shown = [
                *traceback.format_exception(raised.value),
                repr(raised.value),
                repr(raised.value.__cause__),
            ]
            assert KEY not in "".join(shown)
    records = [f"{record.getMessage()} {vars(record)}" for record in caplog.records]
    assert any("complained" in record for record in records)
    assert KEY not in "".join(records)
    assert all(KEY in call.headers.values() for call in local.calls)
    assert not any(KEY in f"{call.path}{call.query}" for call in local.calls)


async def test_a_complaint_about_an_id_is_not_found_only_where_an_id_was_asked(
    local: LocalListings, providers: dict[str, ListingsProvider]
) -> None:
    gecko, marketcap = {"error": "coin not found"}, {"status": coinmarketcap_status(400, "no such id")}
    local.say = lambda call: Reply(gecko, 404) if call.host == DEMO_HOST else Reply(marketcap, 400)
    for provider in providers.values():
        with pytest.raises(UpstreamDown):
            await provider.fetch_top(1)
        with pytest.raises(NotFound):
            await provider.fetch_coin("77")


async def test_the_key_is_not_kept_in_a_failure_that_knows_the_request() -> None:
    async def speak_no_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nno header\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(speak_no_http, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        provider = CoinGecko(Clock(), key=KEY, endpoint=f"http://127.0.0.1:{port}")
        await provider.open()
        with pytest.raises(UpstreamDown) as raised:
            await provider.fetch_top(1)
        await provider.close()
    shown = [*traceback.format_exception(raised.value), repr(raised.value.__cause__)]
    assert KEY not in "".join(shown)


@pytest.mark.parametrize("coin_id", ["", ".", "..", "../exchanges", "a/b", "x?y=z", "a b"])
async def test_an_id_that_leads_elsewhere_is_not_asked_for(
    local: LocalListings, providers: dict[str, ListingsProvider], coin_id: str
) -> None:
    for provider in providers.values():
        with pytest.raises(NotFound):
            await provider.fetch_coin(coin_id)
        with pytest.raises(NotFound):
            await provider.fetch_history(coin_id, days=1)
    assert local.calls == []


async def test_an_id_in_another_script_reaches_its_provider_as_it_is(
    local: LocalListings, gecko: CoinGecko
) -> None:
    with pytest.raises(NotFound):
        await gecko.fetch_coin("雪-100%")
    assert [call.path for call in local.calls] == ["coins/雪-100%"]


@pytest.mark.parametrize(
    ("prices", "times"),
    [
        ([[2, 5.0], [1, None], [3, 0]], [2, 3]),
        ([], []),
        ([[1, -5.0]], None),
        ([[1]], None),
        ([1], None),
        (None, None),
        ([[None, 5.0]], None),
        ([["1", 5.0]], None),
    ],
)
async def test_a_past_is_taken_whole_or_not_at_all(
    local: LocalListings, gecko: CoinGecko, prices: object, times: list[int] | None
) -> None:
    local.always(Reply({"prices": prices, "market_caps": [[2, 7.0]], "total_volumes": []}))
    if times is None:
        with pytest.raises(UpstreamGarbage):
            await gecko.fetch_history("bitcoin", days=1)
        return
    points = await gecko.fetch_history("bitcoin", days=1)
    assert [point.time_ms for point in points] == times
    assert [point.market_cap for point in points] == [7.0, None][: len(times)]
