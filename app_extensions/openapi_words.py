"""The words of the OpenAPI document that no view says itself."""

from typing import Any

DESCRIPTION = """\
Live and historical market prices, for people who cannot see a chart and for everybody.

Success is the thing itself, without a wrapper. Every failure is a problem document (RFC 9457) whose
`detail` is a sentence that can be read out. Routes without a version in their path and their twins
under `/api/v1` are the same; what is published changes only by additions. Live bars come by WebSocket:
see `/docs/websockets`.
"""

TAGS = {
    "market": "Exchanges, symbols, bars, and bars in words.",
    "search": "Instruments by what people type.",
    "candles": "Candles by symbol, and symbols whose history is kept.",
    "cryptocurrencies": "Coins as providers list them: figures, categories, histories.",
    "udf": "What a page with TradingView's Charting Library asks, in its own protocol.",
    "datafeed": "The same in JSON, in the shape of the library's JavaScript API.",
    "announcements": "What is worth hearing, for whoever was away.",
    "alerts": "Prices that you want to be told of.",
    "auth": "Signing in, staying signed in, and signing out.",
    "users": "Your own account.",
    "admin": "What admins see and change.",
    "jobs": "What goes on by itself, and on the order of admins.",
    "first_admin": "The link that makes the first admin, in development.",
    "problems": "What the codes of problems mean.",
    "system": "How the service is doing.",
    "versions": "Which versions there are, and what this service is.",
    "versions_index": "The root of a version.",
    "docs": "This document, and pages that show it.",
    "pages": "The page for people.",
}

# What a parameter of a path or a query means; a name means the same wherever it stands.
PARAMETERS = {
    "alert_id": "The id of an alert.",
    "category": "A list that has a name: `gainers`, `losers`, `volume`, `market_cap` or `trending`.",
    "coin": "A coin by its id, slug or symbol.",
    "countback": "How many bars before `to`; outranks `from`.",
    "currencyCode": "Taken and not looked at: prices are in the currency of the symbol.",
    "cursor": "The `next` of the page before; the first page without one.",
    "exchange": "An exchange of the market; where it may be left out, the default one.",
    "firstDataRequest": "Taken and not looked at.",
    "format": "The shape of the bars.",
    "from": "The earliest open, in seconds since 1970; it is included.",
    "group": "The exchange whose symbols are meant.",
    "include": "What to add to the answer, separated by commas.",
    "job": "The name of a job.",
    "keep_current": "Spare the session that asks.",
    "interval": "How long a candle is: `1m`, `5m`, `1h`, `1d`, or another timeframe; or what time a "
    "point of a history stands for.",
    "kind": "What is bought: the thing itself, or a contract on it; else any.",
    "limit": "How many at most.",
    "locale": "The language of sentences, like `en` or `de`; else what Accept-Language asks for.",
    "market": "The market; where it may be left out, the default one.",
    "max_market_cap": "Only coins of at most this market capitalisation, in US dollars.",
    "max_price": "Only coins of at most this price, in US dollars.",
    "max_volume": "Only coins that traded at most this much in 24 hours, in US dollars.",
    "min_market_cap": "Only coins of at least this market capitalisation, in US dollars.",
    "min_price": "Only coins of at least this price, in US dollars.",
    "min_volume": "Only coins that traded at least this much in 24 hours, in US dollars.",
    "name": "The name of a file of the page.",
    "offset": "How many to pass over.",
    "order": "Smallest first, or largest first; what is unknown comes last in both.",
    "points": "About how many bars at most, where `timeframe=auto` chooses how long they are.",
    "provider": "Whose coins are meant; else those that are listed now.",
    "query": "A symbol, a code, a name, an exchange, several of them, or nearly so.",
    "range": "How far back a history goes.",
    "run_id": "The id of a run of a job.",
    "resolution": "How long a bar is, as charts write it: `1S`, `5`, `60`, `1D`, `1W`, `1M`.",
    "say": "Whether every bar of the window is said in words too.",
    "search": "A part of a name, a symbol, a slug or an id.",
    "session_id": "The id of a session.",
    "since": "For bars, the earliest open; for announcements, the last number that was heard.",
    "since_ms": "Since when the symbol was not heard: milliseconds since 1970, or ISO 8601.",
    "skipped": "Whether runs that found nothing to do are among them.",
    "sort_by": "What a list is ordered by.",
    "state": "Where a run of a job is: it waits, it runs, or how it ended.",
    "symbol": "A symbol of the exchange, like `BTC/USD`.",
    "symbol_filter": "Up to fifty symbols of coins, separated by commas.",
    "symbols": "Up to fifty symbols, separated by commas.",
    "time_zone": "The time zone of spoken times, like `Europe/Berlin`.",
    "timeframe": "How long a bar is: `1m`, `1h`, `1d`, `1w`, `1M`, or TradingView's `60` and `1D`. "
    "For spans of bars, `auto` chooses it.",
    "to": "Bars that open before this, in seconds since 1970; it is not included.",
    "type": "What kind of symbols to find: `crypto`, `perpetual`, `futures` or `option`; else any.",
    "unitId": "Taken and not looked at.",
    "until": "Bars that open before this.",
    "token": "The token of the link that the launcher printed.",
    "user_id": "The id of a user.",
    "verbosity": "How much is said.",
    "window": "Over what time coins have gained or lost.",
    "words_per_minute": "How fast whoever listens lets things be said.",
}

# The same for the addresses of WebSockets, where a name means something else or is met nowhere else.
LIVE_PARAMETERS = PARAMETERS | {
    "announce": "Whether what matters is announced from the first bar on.",
    "announce_since": "The last number that was heard: alerts that fired after it are told again.",
    "batch": "Whether a frame is an array of all that is waiting.",
    "mode": "What is announced.",
    "since": "The position to resume from, `EPOCH,OFFSET`, where one symbol is asked for.",
    "symbols": "Up to fifty symbols, separated by commas.",
    "ticket": "A ticket from /auth/ws-ticket, for pages of browsers.",
    "verbosity": "How much an announcement says.",
}

STATUS_WORDS = {
    200: "Done.",
    201: "Made.",
    202: "Taken on; it will be done.",
    204: "Done; there is nothing to say.",
    304: "What you have is still true.",
    400: "The request cannot be read:",
    401: "Whoever asks is not known:",
    403: "Known, but not allowed:",
    404: "There is no such thing:",
    408: "The request did not arrive in time:",
    409: "The state of things forbids it:",
    413: "The body is too long:",
    415: "The body is no JSON:",
    422: "Parameters or fields do not fit, and `errors` names each:",
    429: "Too often; wait:",
    500: "Something went wrong here:",
    503: "A part that this needs is away; wait:",
    504: "An exchange did not answer in time:",
}


def _header(description: str, **shape: Any) -> dict[str, Any]:
    required = {"required": True} if shape.pop("required", False) else {}
    return {"description": description, **required, "schema": {"type": "string"} | shape}


HEADERS = {
    "Cache-Control": _header("How long the answer may be kept."),
    "Content-Disposition": _header("A name for the file."),
    "Content-Language": _header("The language of the sentences."),
    "Deprecation": _header("Since when the route is deprecated.", pattern=r"^@\d+$"),
    "ETag": _header("The tag of the answer, for If-None-Match."),
    "Idempotency-Replayed": _header("Whether the request had been answered before.", enum=["true"]),
    "Link": _header("The address of what follows."),
    "RateLimit": _header("What is left in the bucket, and when it is full again."),
    "RateLimit-Policy": _header("The bucket in which the request was counted."),
    "Retry-After": _header("Whole seconds to wait.", pattern=r"^\d+$"),
    "Sunset": _header("From when on the route may be gone."),
    "Vary": _header("Which headers of the request the answer depends on."),
    "WWW-Authenticate": _header("That an access token is expected.", pattern="^Bearer"),
    "X-As-Of": _header("When the newest part of the answer was last true."),
    "X-Gap-Count": _header("How many gaps there are.", pattern=r"^\d+$"),
    "X-Gaps": _header("The first gaps, and their reasons."),
    "X-Next": _header("The `since` of the next request."),
    "X-Request-ID": _header(
        "What the log calls this request.", required=True, pattern=r"^[A-Za-z0-9._-]{8,64}$"
    ),
    "X-Timeframe": _header("How long a bar is, as the service writes it."),
    "X-Stale": _header("Whether the exchange could not be asked.", enum=["true", "false"]),
}
