"""Finding instruments in one list: what fits, in which order, and with which slips."""

import functools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.search.found import Found, InstrumentKind, Match
from services.search.listing_index import Listed, ListingIndex
from services.search.text import fold
from tests.search.listings import LETTERS, index_of, many_symbols, spec_of

ALL = 10_000
SYMBOLS = many_symbols(4_000)


@functools.cache
def large() -> ListingIndex:
    return index_of(SYMBOLS)


def search(index: ListingIndex, text: str, limit: int = 30) -> list[Found]:
    return index.search(text, kind=None, limit=limit)


def symbols_of(found: list[Found]) -> list[str]:
    return [each.instrument.symbol for each in found]


@st.composite
def misspelled(draw: st.DrawFn) -> tuple[str, str]:
    """Return a symbol of the large list and its letters with one slip."""
    symbol = draw(st.sampled_from(SYMBOLS))
    place = draw(st.integers(0, len(symbol) - 1))
    letter = draw(st.sampled_from(LETTERS))
    typed = draw(
        st.sampled_from(
            (
                symbol[:place] + symbol[place + 1 :],
                symbol[:place] + letter + symbol[place:],
                symbol[:place] + letter + symbol[place + 1 :],
                symbol[:place] + symbol[place + 1 : place + 2] + symbol[place] + symbol[place + 2 :],
            )
        )
    )
    return symbol, typed.replace("/", draw(st.sampled_from(("", "/", "-"))))


@given(misspelled())
def test_a_symbol_with_one_slip_is_found_among_thousands(case: tuple[str, str]) -> None:
    symbol, typed = case
    assert symbol in symbols_of(search(large(), typed, ALL))
    # Nothing that fits better stands before it but what is typed without a slip.
    for each in search(large(), typed):
        if each.instrument.symbol == symbol:
            break
        assert each.match <= Match.TYPO


@given(st.sampled_from(SYMBOLS), st.sampled_from(("{}", "kraken:{}", "crypto:kraken:{}", "{} kraken")))
def test_the_symbol_itself_always_comes_first(symbol: str, writing: str) -> None:
    for text in (symbol, symbol.lower(), symbol.replace("/", "-"), symbol.replace("/", "")):
        first = search(large(), writing.format(text))[0]
        assert first.match is Match.SYMBOL
        assert fold(first.instrument.symbol) == fold(symbol)
    assert search(large(), symbol)[0].instrument.symbol == symbol


@given(st.text() | st.text(LETTERS + "/:-_ 0123456789"))
def test_no_text_is_too_much_for_a_search(text: str) -> None:
    found = search(large(), text)
    assert len(found) <= 30
    assert [each.match for each in found] == sorted(each.match for each in found)


def test_better_fits_come_first_and_then_the_most_traded() -> None:
    symbols = ("BTC/EUR", "BTC/USD", "BTCST/USD", "BCH/USD", "WBTC/USD", "ETH/BTC", "BTG/USD", "BTC/USDT")
    turnovers = {"BTC/EUR": 5.0, "BTC/USDT": 9.0, "ETH/BTC": 1e9}
    index = index_of(symbols, turnovers)
    found = search(index, "btc")
    assert symbols_of(found) == [
        *("BTC/USDT", "BTC/EUR", "BTC/USD"),
        "BTCST/USD",
        "ETH/BTC",
        *("BTG/USD", "WBTC/USD"),
    ]
    assert [each.match.name for each in found] == ["EXACT"] * 3 + ["PREFIX"] + ["WORD"] + ["TYPO"] * 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bitcoin", ["BTC/USD", "BCH/USD", "WBTC/USD"]),
        ("bitcoin cash", ["BCH/USD"]),
        ("cash", ["BCH/USD"]),
        ("wrapped bitcoin", ["WBTC/USD"]),
        ("xbt", ["BTC/USD"]),
        ("ripple", ["XRP/USDT"]),
        ("usd coin", ["USDC/EUR"]),
        ("pepe", ["1000PEPE/USDT"]),
        ("xrp tether", ["XRP/USDT"]),
        ("kraken ripple", ["XRP/USDT"]),
        ("crypto ripple", ["XRP/USDT"]),
        ("kraken", ["BCH/USD", "BTC/USD", "WBTC/USD", "XRP/USDT", "1000PEPE/USDT", "USDC/EUR"]),
        ("krakn ripple", ["XRP/USDT"]),
        ("binance ripple", []),
    ],
)
def test_names_of_assets_and_places_lead_to_their_pairs(text: str, expected: list[str]) -> None:
    index = index_of(("BTC/USD", "BCH/USD", "WBTC/USD", "XRP/USDT", "USDC/EUR", "1000PEPE/USDT"))
    assert symbols_of(search(index, text)) == expected


def test_kinds_are_told_from_symbols_and_can_be_asked_for() -> None:
    index = index_of(
        ("BTC/USDT", "BTC/USDT:USDT", "BTC/USDT:USDT-261225", "BTC/USDT:USDT-261225-100000-C", "BTC")
    )
    for kind, symbols in (
        (InstrumentKind.SPOT, ["BTC", "BTC/USDT"]),
        (InstrumentKind.PERPETUAL, ["BTC/USDT:USDT"]),
        (InstrumentKind.FUTURE, ["BTC/USDT:USDT-261225"]),
        (InstrumentKind.OPTION, ["BTC/USDT:USDT-261225-100000-C"]),
    ):
        assert symbols_of(index.search("btc", kind=kind, limit=9)) == symbols
    # Where nothing is known of their trade, the thing itself comes before contracts on it.
    assert symbols_of(search(index, "bitcoin"))[:3] == ["BTC/USDT", "BTC", "BTC/USDT:USDT"]


def test_what_was_delisted_comes_after_what_is_not() -> None:
    listed = [
        Listed(spec_of("LUNA/USD"), 9e9, delisted=True, sentence="kraken no longer lists LUNA/USD."),
        Listed(spec_of("LUNA/USDT")),
    ]
    index = ListingIndex("crypto", "kraken", listed)
    found = search(index, "luna")
    assert [(each.instrument.symbol, each.delisted) for each in found] == [
        ("LUNA/USDT", False),
        ("LUNA/USD", True),
    ]
    assert found[1].sentence == "kraken no longer lists LUNA/USD."


def test_a_symbol_is_resolved_in_any_writing_and_not_by_guessing() -> None:
    index = index_of(("BTC/USD", "BTC/USD:BTC", "BTC/USDT"))
    assert (found := index.get("BTC/USD")) is not None
    for text in ("btc/usd", "BTC-USD", "btc_usd", "BTCUSD"):
        assert index.named(text) is found
        assert index.get(text) is None
    assert index.named("BTCUS") is None
    assert index.named("") is None


def test_of_symbols_with_the_same_letters_the_one_that_was_typed_comes_first() -> None:
    index = index_of(("AB/CD", "ABC/D", "A/BCD"), {"A/BCD": 9.0})
    for typed in ("AB/CD", "ABC/D", "A/BCD"):
        assert symbols_of(search(index, typed))[0] == typed
    assert symbols_of(search(index, "abcd"))[0] == "A/BCD"
