"""Numbers are exact: what is heard is the decimal that was printed, and no two prices sound alike."""

import math
from decimal import Decimal
from fractions import Fraction
from functools import reduce
from operator import add

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.narration.locales import CODES, LOCALES
from services.narration.numbers import (
    exact_amount,
    exact_price,
    exact_step,
    number_text,
    percent_change,
)
from tests.narration.lint import parse_number

STEPS = [
    Decimal(text) for text in ("0.00000001", "0.0001", "0.01", "0.05", "0.25", "0.5", "1", "5", "10", "1E-10")
]
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
POSITIVE = st.decimals(min_value="0.00000001", max_value="1000000000", places=8)
# What an exchange prints: at most fifteen digits, which a float keeps.
PRINTED = st.builds(
    lambda digits, places: Decimal(digits).scaleb(-places),
    st.integers(min_value=1, max_value=10**15 - 1),
    st.integers(min_value=0, max_value=12),
)


def text_of(value: Decimal, code: str) -> str:
    return number_text(value, LOCALES[code].decimal_mark, grouped=LOCALES[code].grouped)


@pytest.mark.parametrize(
    ("value", "step", "spoken"),
    [
        (60120.0, "0.01", "60,120.00"),
        (0.00001234, "0.00000001", "0.00001234"),
        (1.234e-05, None, "0.00001234"),
        (59399.99999999999, "0.01", "59,400.00"),
        (0.1 + 0.2, "0.1", "0.3"),
        (60179.5, "0.5", "60,179.5"),
        (60180.0, "0.25", "60,180.00"),
        (60180.0, "5", "60,180"),
        (60180.0, "1E+1", "60,180"),
        (60180.123, "0.01", "60,180.123"),
        (60120.0, None, "60,120"),
        (1e22, None, "10,000,000,000,000,000,000,000"),
    ],
)
def test_a_price_is_said_with_the_decimals_of_its_step(value: float, step: str | None, spoken: str) -> None:
    assert text_of(exact_price(value, Decimal(step) if step else None), "en") == spoken


@given(st.integers(min_value=1, max_value=10**14), st.sampled_from(STEPS))
def test_no_two_prices_next_to_each_other_share_a_text(ticks: int, step: Decimal) -> None:
    lower, upper = ticks * step, (ticks + 1) * step
    assume(len(upper.normalize().as_tuple().digits) <= 15)
    texts = [text_of(exact_price(float(price), step), "en") for price in (lower, upper)]
    assert texts[0] != texts[1]
    assert [parse_number(text, "en") for text in texts] == [lower, upper]


@given(PRINTED, st.none() | st.sampled_from(STEPS))
def test_no_printed_digit_is_lost_even_when_the_step_is_wrong(printed: Decimal, step: Decimal | None) -> None:
    assert exact_price(float(printed), step) == printed


@given(st.integers(min_value=1, max_value=10**12), st.sampled_from(STEPS), st.sampled_from([0.0, math.inf]))
def test_the_noise_of_arithmetic_is_not_said(ticks: int, step: Decimal, towards: float) -> None:
    noisy = math.nextafter(float(ticks * step), towards)
    assert exact_price(noisy, step) == ticks * step


@given(FLOATS, FLOATS, st.none() | st.sampled_from(STEPS))
def test_two_floats_become_one_price_only_on_the_same_step(
    first: float, second: float, step: Decimal | None
) -> None:
    if first != second and exact_price(first, step) == exact_price(second, step):
        assert step is not None
        assert exact_price(first, step) % step == 0 or abs(first) > 1e27


@given(FLOATS, st.sampled_from(CODES))
def test_every_number_is_read_back_exactly_in_every_language(value: float, code: str) -> None:
    exact = exact_price(value, None)
    text = text_of(exact, code)
    assert not set(text) - set("0123456789.,")
    assert parse_number(text, code) == exact.copy_abs()


@given(st.decimals(allow_nan=False, allow_infinity=False, places=8), st.sampled_from(CODES))
def test_every_decimal_keeps_its_decimals_in_every_language(value: Decimal, code: str) -> None:
    assert f"{parse_number(text_of(value, code), code):f}" == f"{value.copy_abs():f}"


def test_a_step_is_read_without_an_exponent() -> None:
    assert exact_step(None) is None
    assert exact_step(1e-8) == Decimal("0.00000001")
    assert str(exact_step(10.0)) == "10"


def test_the_noise_of_a_sum_is_not_said_of_a_volume() -> None:
    # One after the other, as trades come; since Python 3.12 ``sum`` keeps what is lost by that.
    volume = reduce(add, [0.1] * 10_000)
    assert volume != 1_000
    assert str(exact_amount(volume, Decimal("0.00000001"))) == "1000"
    assert str(exact_amount(1234.5, Decimal("0.00000001"))) == "1234.5"
    assert exact_amount(1234.5600000000002, None) == Decimal("1234.56")
    assert str(exact_amount(1e21, None)) == "1" + "0" * 21


@pytest.mark.parametrize(
    ("first", "last", "percent"),
    [
        ("100", "102.5", "2.5"),
        ("100", "97.5", "-2.5"),
        ("100", "100", "0.0"),
        ("100", "100.25", "0.2"),
        ("100", "100.35", "0.4"),
        ("100", "100.04", "0.04"),
        ("100", "99.96", "-0.04"),
        ("60000", "60000.01", "0.00002"),
        ("100", "100.0096", "0.01"),
        ("0.00001234", "0.00001235", "0.1"),
        ("100", "0.04", "-99.96"),
        ("100", "0.00096", "-99.999"),
        ("100", "0.06", "-99.9"),
        ("100", "0", "-100.0"),
        ("100", "200", "100.0"),
    ],
)
def test_a_change_keeps_one_decimal_or_its_first_digit(first: str, last: str, percent: str) -> None:
    change = percent_change(Decimal(first), Decimal(last))
    assert f"{change:f}" == percent


@given(POSITIVE, POSITIVE)
def test_a_change_is_right_and_never_hidden_by_rounding(first: Decimal, last: Decimal) -> None:
    change = percent_change(first, last)
    exact = (Fraction(last) - Fraction(first)) * 100 / Fraction(first)
    assert (change > 0) == (last > first)
    assert (change < 0) == (last < first)
    places = max(1, -int(change.as_tuple().exponent))
    assert abs(Fraction(change) - exact) <= Fraction(1, 2 * 10**places)
    assert change > -100
    if abs(exact) >= Fraction(1, 20) and exact > Fraction(-1999, 20):
        assert Fraction(change) == Fraction(round(exact * 10), 10)
