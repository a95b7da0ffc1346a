"""What a search found, as JSON shows it; pure."""

from collections.abc import Iterable, Sequence

from services.search.found import Found, Match

WORDS = {
    Match.SYMBOL: "symbol",
    Match.EXACT: "exact",
    Match.PREFIX: "prefix",
    Match.WORD: "word",
    Match.TYPO: "typo",
}


def format_search(text: str, found: Sequence[Found], unread: Iterable[tuple[str, str]]) -> dict[str, object]:
    """Return ``{"query": "bitcoin", "instruments": [{"symbol": "BTC/USD", …}], "unread": []}``."""
    return {
        "query": text,
        "instruments": [_format_found(each) for each in found],
        "unread": [{"market": market, "exchange": exchange} for market, exchange in unread],
    }


def _format_found(found: Found) -> dict[str, object]:
    return {
        "market": found.instrument.market,
        "exchange": found.instrument.exchange,
        "symbol": found.instrument.symbol,
        "kind": found.kind.value,
        "base": found.base,
        "quote": found.quote,
        "name": found.name,
        "description": found.spec.description,
        "match": WORDS[found.match],
        # A dollar more or less says nothing about a day's trade.
        "daily_turnover_usd": None if found.turnover is None else round(found.turnover),
        "delisted": found.delisted,
        "sentence": found.sentence,
    }
