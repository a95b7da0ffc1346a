"""Folding what was typed, and counting the slips between two words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.search.text import TEXT_LENGTH_MAX, count_slips, fold, slips_allowed, words_of

WORDS = st.text("abcdef", max_size=9)


def slow_count(left: str, right: str) -> int:
    """Optimal string alignment as its definition has it, letter by letter."""
    if not left or not right:
        return len(left) + len(right)
    best = min(
        slow_count(left[1:], right) + 1,
        slow_count(left, right[1:]) + 1,
        slow_count(left[1:], right[1:]) + (left[0] != right[0]),
    )
    if left[:2] == right[1::-1] and len(left) > 1 and len(right) > 1 and left[0] != left[1]:
        best = min(best, slow_count(left[2:], right[2:]) + 1)
    return best


@given(st.text("abc", max_size=5), st.text("abc", max_size=5))
def test_slips_are_counted_as_the_definition_has_it(left: str, right: str) -> None:
    assert count_slips(left, right, 9) == slow_count(left, right)


@given(WORDS, WORDS, st.integers(0, 4))
def test_more_slips_than_asked_for_are_none_and_fewer_are_exact(left: str, right: str, most: int) -> None:
    exact = count_slips(left, right, 99)
    assert exact is not None
    assert count_slips(left, right, most) == (exact if exact <= most else None)


@pytest.mark.parametrize(
    ("left", "right", "slips"),
    [
        ("bitcoin", "bitcoin", 0),
        ("bitcon", "bitcoin", 1),
        ("btc", "btx", 1),
        ("dgoe", "doge", 1),
        ("", "ab", 2),
    ],
)
def test_a_slip_is_a_letter_too_few_too_many_wrong_or_swapped(left: str, right: str, slips: int) -> None:
    assert count_slips(left, right, 2) == slips == count_slips(right, left, 2)


def test_writings_of_a_symbol_fold_to_one() -> None:
    assert {
        fold(text) for text in ("BTC/USD", "btc-usd", "BTC_USD", " btc usd", "BTCUSD", "ＢＴＣ／ＵＳＤ")
    } == {"btcusd"}


@given(st.text())
def test_any_text_has_few_short_words(text: str) -> None:
    words = words_of(text)
    assert len(words) <= 6
    assert sum(map(len, words)) <= 20 * TEXT_LENGTH_MAX
    assert all(word.isalnum() for word in words)


def test_short_words_have_to_be_right() -> None:
    assert [slips_allowed(word) for word in ("", "op", "btc", "solana", "bitcoin")] == [0, 0, 1, 1, 2]
