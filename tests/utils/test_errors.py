"""What can go wrong, as callers are told it."""

import difflib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils import errors
from utils.errors import AppError, FieldError, NotFound, UpstreamLimited, near_misses, shorten, unknown

EXCHANGES = ("binance", "bitfinex", "bitstamp", "coinbase", "kraken")


def family(parent: type[AppError]) -> list[type[AppError]]:
    children = [child for child in parent.__subclasses__() if child.__module__ == errors.__name__]
    return [parent] + [one for child in children for one in family(child)]


def test_the_tree_in_the_module_is_the_tree_of_the_classes() -> None:
    drawn = re.findall(r"^[| ]*[|`]-- (\w+) *(\d{3})?", errors.__doc__ or "", re.MULTILINE | re.ASCII)
    statuses = {kind.__name__: kind.status for kind in family(AppError) if kind is not AppError}
    assert {name for name, _ in drawn} == set(statuses)
    for name, status in drawn:
        assert not status or int(status) == statuses[name], name


@pytest.mark.parametrize("kind", family(AppError))
def test_every_error_carries_its_status_code_and_sentence(kind: type[AppError]) -> None:
    error = kind("The bars are away. Try again.", retry_after_s=5)
    assert 400 <= error.status <= 599
    assert re.fullmatch(r"[a-z_]+", error.error_code)
    assert error.title
    assert error.detail == str(error) == "The bars are away. Try again."
    assert error.retry_after_s == 5


def test_an_error_may_name_its_fields_and_a_code_of_its_own() -> None:
    field = FieldError("limit", "less_than_equal", "must be at most 5000.")
    error = errors.InvalidRequest("limit is too large.", code="too_large", errors=(field,))
    assert error.error_code == "too_large"
    assert error.code == "invalid_request"
    assert error.errors == (field,)


@pytest.mark.parametrize("kind", family(AppError))
def test_an_error_made_anew_says_the_same_and_has_no_past(kind: type[AppError]) -> None:
    field = FieldError("limit", "less_than_equal", "must be at most 5000.")
    with pytest.raises(kind) as caught:
        raise kind("Try again.", code="own", errors=(field,), retry_after_s=5) from ValueError("why")
    anew = caught.value.anew()
    assert type(anew) is kind
    assert vars(anew) == vars(caught.value)
    assert str(anew) == "Try again."
    assert anew.__traceback__ is anew.__cause__ is anew.__context__ is None


def test_whoever_catches_what_an_exchange_does_catches_all_of_it() -> None:
    upstream = {kind.__name__ for kind in family(errors.UpstreamError)}
    assert upstream == {
        *("UpstreamError", "UpstreamLimited", "UpstreamBusy", "UpstreamDown"),
        *("UpstreamGarbage", "UpstreamTimeout"),
    }
    assert issubclass(UpstreamLimited, errors.Unavailable)


def test_what_is_unknown_is_named_with_what_was_probably_meant() -> None:
    error = unknown("exchange", "BitStmp", EXCHANGES, advice="Ask for the list.")
    assert isinstance(error, NotFound)
    assert error.error_code == "unknown_exchange"
    assert error.detail == "There is no exchange BitStmp. Did you mean bitstamp? Ask for the list."


def test_several_near_misses_are_all_named_best_first() -> None:
    error = unknown("exchange", "binanx", (*EXCHANGES, "binanceus"), advice="Ask for the list.")
    assert "Did you mean binance or binanceus?" in error.detail


def test_where_nothing_is_near_nothing_is_guessed() -> None:
    error = unknown("exchange", "zzz", EXCHANGES, advice="Ask for the list.")
    assert error.detail == "There is no exchange zzz. Ask for the list."


def test_what_was_given_is_made_fit_to_be_said() -> None:
    error = unknown("symbol", "A\x1b[2J\n" + "B" * 500, (), advice="Ask for the list.")
    assert error.detail.isprintable()
    assert len(error.detail) < 100


def test_of_a_long_list_few_names_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[list[str]] = []
    find = difflib.get_close_matches

    def count(word: str, among: list[str], **how: float) -> list[str]:
        compared.append(list(among))
        return find(word, among, **how)

    monkeypatch.setattr(difflib, "get_close_matches", count)
    symbols = [f"{letter}{number:03}/USDT" for letter in "ABC" for number in range(900)]
    assert near_misses("b5551/USDT", symbols)[0].startswith("B555")
    assert near_misses("zzz", symbols) == []
    assert near_misses("", symbols) == []
    assert [len(among) for among in compared] == [100, 0, 200]


@given(st.text(max_size=12), st.sets(st.text(min_size=1, max_size=12), max_size=8))
def test_near_misses_are_known_names_and_three_at_most(given_name: str, known: set[str]) -> None:
    near = near_misses(given_name, known)
    assert len(near) <= 3
    assert set(near) <= known
    if given_name in known:
        assert near[0].casefold() == given_name.casefold()


@given(st.sampled_from(EXCHANGES))
def test_case_does_not_matter_to_a_near_miss(name: str) -> None:
    assert near_misses(name.upper(), EXCHANGES)[0] == name


@given(st.text(), st.integers(1, 60))
def test_shortened_text_is_printable_and_short(text: str, length: int) -> None:
    short = shorten(text, length)
    assert len(short) <= length
    assert short.isprintable()
    if text.isprintable() and len(text) <= length:
        assert short == text
    if len(text) > length:
        assert short.endswith("…")


def test_a_name_that_is_right_but_for_its_case_stands_alone() -> None:
    assert near_misses("btc/usd", ["BTC/USD", "ETH/USD", "BTC/USDT"]) == ["BTC/USD"]
