"""What schemathesis is told when it runs as a program: who asks, and what no schema can say."""

import os
from datetime import datetime

import ccxt
import requests
import schemathesis
from hypothesis import strategies as st

from utils.field_types import read_chart_time_ms, read_time_ms

WHO = os.environ["CONTRACT_WHO"]
DESK = os.environ["CONTRACT_DESK"]
BRIEFLY = "CONTRACT_BRIEFLY" in os.environ
# Those that the simulated market has itself, so that they can be listened to as well.
TIMEFRAMES = ("1m", "5m", "15", "30m", "60", "1h", "4h", "1D", "1d")
LANGUAGES = ("en", "de", "fr", "pl", "ja", "ar", "de-AT", "en_GB")
TIME_ZONES = ("UTC", "Europe/Berlin", "Asia/Tokyo", "America/New_York")

iso_times = st.datetimes(datetime.fromisoformat("1971-01-01"), datetime.fromisoformat("2099-01-01")).map(
    lambda moment: moment.isoformat(timespec="milliseconds") + "Z"
)
schemathesis.openapi.format("timeframe", st.sampled_from(TIMEFRAMES))
schemathesis.openapi.format("language", st.sampled_from(LANGUAGES))
schemathesis.openapi.format("time-zone", st.sampled_from(TIME_ZONES))
schemathesis.openapi.format("iso-time", iso_times)
schemathesis.openapi.format("decimal", st.decimals("0.001", "50", places=3).map(str))
schemathesis.openapi.format("new-password", st.uuids().map(lambda unlike: f"nobody ever used {unlike}"))


def is_in_order(query: dict) -> bool:
    since, until = query.get("since"), query.get("until")
    return since is None or until is None or read_time_ms(since) < read_time_ms(until)


def is_of_a_timeframe(query: dict) -> bool:
    if query.get("timeframe") == "auto":
        return "limit" not in query and {"since", "until"} <= query.keys()
    return "points" not in query


def is_heard(query: dict) -> bool:
    asked = {"locale", "time_zone"} & query.keys() or query.get("verbosity", "normal") != "normal"
    return not asked or "include" in query


def has_room(query: dict) -> bool:
    # A table has no place for words.
    return "include" not in query or query.get("format") not in ("rows", "columns", "csv")


def are_named(query: dict) -> bool:
    symbols = query.get("symbols", [])
    return all(name.strip() for name in (symbols.split(",") if isinstance(symbols, str) else symbols))


def is_a_first_page(query: dict) -> bool:
    # A cursor is good for the list that gave it and for no other.
    return "cursor" not in query


def can_be_said(query: dict) -> bool:
    return query.get("say") != "window" or int(query.get("limit", 500)) <= 500


def belong_together(query: dict) -> bool:
    return ("symbol" in query) == ("since_ms" in query)


def is_a_range(query: dict) -> bool:
    # A countback outranks from; 0 is none.
    if int(query.get("countback") or 0):
        return True
    return "from" in query and read_chart_time_ms(query["from"]) < read_chart_time_ms(query["to"])


# The exchanges that are listed and that no test reaches.
OUTSIDE = frozenset(ccxt.exchanges)

# Where parameters that fit one by one may not fit together, which no OpenAPI document can say.
RULES = {
    "/market/fetch_ohlcv": (is_in_order, is_heard, has_room, is_of_a_timeframe),
    "/market/describe": (is_in_order, can_be_said, is_of_a_timeframe),
    "/api/candles/{symbol}": (is_in_order,),
    "/candles/{symbol}": (is_in_order,),
    "/cryptocurrencies/": (is_heard, is_a_first_page),
    "/cryptocurrencies/top/{category}": (is_heard,),
    "/cryptocurrencies/{coin}": (is_heard,),
    "/cryptocurrencies/{coin}/history": (is_heard,),
    "/announcements": (belong_together,),
    "/udf/quotes": (are_named,),
    "/udf/history": (is_a_range,),
    "/udf/marks": (is_a_range,),
    "/udf/timescale_marks": (is_a_range,),
    "/datafeed/bars": (is_a_range,),
}


PEOPLE = ("anybody", "user", "admin")


def weakest(operation: dict) -> str:
    """Return who may do this and may do least."""
    security = operation.get("security", [])
    if not security or {} in security:
        return "anybody"
    refusals = operation["responses"].get("403", {}).get("x-codes", ())
    return "admin" if "forbidden" in refusals else "user"


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Briefly, leave each path to who may do all of it and may do least."""
    if BRIEFLY:
        paths = raw_schema["paths"]
        for path, operations in list(paths.items()):
            if max(map(PEOPLE.index, map(weakest, operations.values()))) != PEOPLE.index(WHO):
                del paths[path]


@schemathesis.hook
def filter_case(context, case):
    """Make up no request as a good one that is refused for such a rule, and none to the outside."""
    asked = (case.query or {}) | (case.body if isinstance(case.body, dict) else {})
    if asked.get("market") == "crypto" or str(asked.get("exchange")) in OUTSIDE:
        # One that cannot be reached is a 503, as the document says; schemathesis takes any for a fault.
        return False
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return True
    rules = RULES.get(case.operation.path.removeprefix("/api/v1"), ())
    return all(rule(case.query or {}) for rule in rules)


if WHO != "anybody":

    @schemathesis.auth(refresh_interval=None, retry_on=[401])
    class Signed:
        """Ask for a token, and for another when a request has ended the session."""

        def get(self, *_):
            answer = requests.get(f"{DESK}/{WHO}", timeout=30)
            answer.raise_for_status()
            return answer.text

        def set(self, case, data, *_):
            case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}
