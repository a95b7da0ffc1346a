"""What the market routes refuse, and the sentence that says what to do instead."""

from typing import Any

import pytest
from quart.typing import TestClientProtocol as Client

TWINS = ("/market", "/api/v1/market")
TIMEFRAMES = "timeframe must be a timeframe: like 1m, 1h, 1d, 1w or 1M, at most 12M."
TIMES = "must be a time: milliseconds since 1970, or like 2026-11-21T12:00:00Z."
ZONE = "needs a time zone: end it with Z, or with an offset like +01:00."
CALENDAR = "is no date of the calendar: check year, month, day and clock."
SECONDS = "must be in milliseconds: 1763730000 looks like seconds. Use 1763730000000."
FORMATS = "format must be native, highcharts, candles, lightweight, rows, columns or csv."
SYMBOLS = "Ask /market/get_symbols?market=simulated&exchange=simex for the list."
EXCHANGES = "Ask /market/get_exchanges?market=simulated for the list."
MARKETS = "The markets are crypto, simulated."

# What is sent instead of the good value, or None to leave it out; then status, code and sentence.
Refusal = tuple[dict[str, str | None], int, str, str]

OF_MARKETS: tuple[Refusal, ...] = (
    ({"market": None}, 422, "missing", "market is missing: add it."),
    ({"market": ""}, 422, "string_too_short", "market is too short: at least 1 character."),
    ({"market": "x" * 65}, 422, "string_too_long", "market is too long: at most 64 characters."),
    ({"market": "x" * 300}, 422, "string_too_long", "market is too long: at most 64 characters."),
    ({"market": "a%00b"}, 422, "value_error", "market holds a control character: remove it."),
    ({"market": "simulated&market=crypto"}, 422, "repeated", "market is given 2 times: give it once."),
    (
        {"market": "simulatd"},
        404,
        "unknown_market",
        f"There is no market simulatd. Did you mean simulated? {MARKETS}",
    ),
    (
        {"market": "CRYPTO"},
        404,
        "unknown_market",
        f"There is no market CRYPTO. Did you mean crypto? {MARKETS}",
    ),
    ({"market": "stocks"}, 404, "unknown_market", f"There is no market stocks. {MARKETS}"),
    ({"colour": "red"}, 422, "unknown_parameter", "There is no parameter colour. Leave it out."),
)
OF_EXCHANGES: tuple[Refusal, ...] = (
    *OF_MARKETS,
    ({"exchange": None}, 422, "missing", "exchange is missing: add it."),
    ({"exchange": "x" * 65}, 422, "string_too_long", "exchange is too long: at most 64 characters."),
    ({"exchange": "simex&exchange=simex"}, 422, "repeated", "exchange is given 2 times: give it once."),
    (
        {"exchange": "simx"},
        404,
        "unknown_exchange",
        f"There is no exchange simx. Did you mean simex? {EXCHANGES}",
    ),
    ({"exchange": "kraken"}, 404, "unknown_exchange", f"There is no exchange kraken. {EXCHANGES}"),
    (
        {"exchange": None, "exchnge": "simex"},
        422,
        "missing",
        "exchange is missing: add it. There is no parameter exchnge. Did you mean exchange?",
    ),
)
OF_BARS: tuple[Refusal, ...] = (
    *OF_EXCHANGES,
    ({"symbol": None}, 422, "missing", "symbol is missing: add it."),
    ({"symbol": "x" * 65}, 422, "string_too_long", "symbol is too long: at most 64 characters."),
    (
        {"symbol": "BTC/USD&symbol=ETH/USD&symbol=A"},
        422,
        "repeated",
        "symbol is given 3 times: give it once.",
    ),
    (
        {"symbol": "PEPEUSDT"},
        404,
        "unknown_symbol",
        f"There is no symbol PEPEUSDT. Did you mean PEPE/USDT? {SYMBOLS}",
    ),
    (
        {"symbol": "DOG/USD"},
        404,
        "unknown_symbol",
        f"There is no symbol DOG/USD. Did you mean DOGE/USD or SOL/USD? {SYMBOLS}",
    ),
    ({"symbol": "XXXXX"}, 404, "unknown_symbol", f"There is no symbol XXXXX. {SYMBOLS}"),
    ({"timeframe": None}, 422, "missing", "timeframe is missing: add it."),
    ({"timeframe": "soon"}, 422, "value_error", TIMEFRAMES),
    ({"timeframe": "0h"}, 422, "value_error", TIMEFRAMES),
    ({"timeframe": "1y"}, 422, "value_error", TIMEFRAMES),
    ({"timeframe": "13M"}, 422, "value_error", TIMEFRAMES),
    ({"timeframe": "99999M"}, 422, "value_error", TIMEFRAMES),
    ({"timeframe": "99999d"}, 422, "value_error", TIMEFRAMES),
    ({"timeframe": "1h&timeframe=1h"}, 422, "repeated", "timeframe is given 2 times: give it once."),
    ({"timeframe": "x" * 65}, 422, "string_too_long", "timeframe is too long: at most 64 characters."),
    ({"limit": "0"}, 422, "greater_than_equal", "limit must be at least 1."),
    ({"limit": "-1"}, 422, "greater_than_equal", "limit must be at least 1."),
    ({"limit": "5001"}, 422, "less_than_equal", "limit must be at most 5000."),
    ({"limit": "9" * 30}, 422, "less_than_equal", "limit must be at most 5000."),
    ({"limit": "many"}, 422, "int_parsing", "limit must be a whole number."),
    ({"limit": "1.5"}, 422, "int_parsing", "limit must be a whole number."),
    ({"limit": ""}, 422, "int_parsing", "limit must be a whole number."),
    ({"limit": "5&limit=6"}, 422, "repeated", "limit is given 2 times: give it once."),
    ({"since": "tomorrow"}, 422, "value_error", f"since {TIMES}"),
    ({"since": ""}, 422, "value_error", f"since {TIMES}"),
    ({"until": "2026-13-01T00:00:00"}, 422, "value_error", f"until {ZONE}"),
    ({"until": "2026-13-01"}, 422, "value_error", f"until {CALENDAR}"),
    ({"until": "1763730000"}, 422, "value_error", f"until {SECONDS}"),
    ({"since": "-1"}, 422, "value_error", "since must lie between the years 1970 and 2100."),
    ({"until": "2100-01-01"}, 422, "value_error", "until must lie between the years 1970 and 2100."),
    ({"since": "9" * 200}, 422, "value_error", f"since {TIMES}"),
    ({"since": "2026-02-01", "until": "2026-01-01"}, 422, "value_error", "until must be later than since."),
    ({"since": "2026-02-01", "until": "2026-02-01"}, 422, "value_error", "until must be later than since."),
    ({"format": "xml"}, 422, "literal_error", FORMATS),
    ({"format": "CSV"}, 422, "literal_error", FORMATS),
    ({"format": ""}, 422, "literal_error", FORMATS),
    ({"format": "csv&format=csv"}, 422, "repeated", "format is given 2 times: give it once."),
    ({"fromat": "csv"}, 422, "unknown_parameter", "There is no parameter fromat. Did you mean format?"),
    ({"timefram": "1h"}, 422, "unknown_parameter", "There is no parameter timefram. Did you mean timeframe?"),
    ({"untill": "0"}, 422, "unknown_parameter", "There is no parameter untill. Did you mean until?"),
)  # fmt: skip
GOOD = {"market": "simulated", "exchange": "simex", "symbol": "BTC/USD", "timeframe": "1h"}
ROUTES = {
    "get_exchanges": (("market",), OF_MARKETS),
    "get_symbols": (("market", "exchange"), OF_EXCHANGES),
    "fetch_ohlcv": (("market", "exchange", "symbol", "timeframe"), OF_BARS),
}


def address(root: str, route: str, names: tuple[str, ...], given: dict[str, str | None]) -> str:
    parameters = {name: GOOD[name] for name in names} | given
    pairs = [f"{name}={value}" for name, value in parameters.items() if value is not None]
    return f"{root}/{route}?{'&'.join(pairs)}"


@pytest.mark.parametrize("route", ROUTES)
async def test_what_cannot_be_answered_is_refused_with_advice(
    client: Client, subtests: pytest.Subtests, route: str
) -> None:
    names, refusals = ROUTES[route]
    for root in TWINS:
        assert (await client.get(address(root, route, names, {}))).status_code == 200
        for given, status, code, detail in refusals:
            path = address(root, route, names, given)
            with subtests.test(path[:100]):
                response = await client.get(path)
                problem: dict[str, Any] = await response.get_json()
                assert response.content_type == "application/problem+json"
                assert (problem["status"], problem["detail"]) == (status, detail)
                if status == 422:
                    assert problem["code"] == "invalid_request"
                    assert problem["errors"][0]["code"] == code
                else:
                    assert problem["code"] == code


async def test_every_wrong_parameter_is_named_at_once(client: Client) -> None:
    response = await client.get(
        "/market/fetch_ohlcv?market=simulated&symbol=BTC/USD&symbol=A&timeframe=x&limit=0&since=a&format=b"
    )
    problem = await response.get_json()
    assert response.status_code == 422
    assert [error["field"] for error in problem["errors"]] == [
        *("symbol", "exchange", "timeframe", "since", "limit", "format"),
    ]
    assert problem["detail"].startswith("6 parameters do not fit: symbol, exchange, timeframe and 3 more.")


async def test_a_refused_question_for_csv_is_a_problem_and_no_file(client: Client) -> None:
    path = address("/market", "fetch_ohlcv", ROUTES["fetch_ohlcv"][0], {"format": "csv", "symbol": "BTC/EUR"})
    response = await client.get(path)
    assert (response.status_code, response.content_type) == (404, "application/problem+json")
    assert "Content-Disposition" not in response.headers
