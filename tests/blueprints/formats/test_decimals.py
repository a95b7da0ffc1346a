"""Numbers as text that read back as the same number and never need an exponent."""

import math
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blueprints.formats.decimals import bar_texts, decimal_text, decimal_texts
from tests.blueprints.formats.samples import FIRST, SECOND

# No exponent, no sign of nothing, no zero that says nothing.
DECIMAL = re.compile(r"0|-?(0|[1-9]\d*)(\.\d*[1-9])?", re.ASCII)
finite = st.floats(allow_nan=False, allow_infinity=False)
# As an exchange prints prices and amounts: whole numbers of steps.
printed = st.builds(
    lambda units, digits: float(Decimal(units).scaleb(-digits)),
    st.integers(0, 10**15),
    st.integers(0, 12),
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (67123.45, "67123.45"),
        (0.00001234, "0.00001234"),
        (0.1, "0.1"),
        (100.0, "100"),
        (0.0, "0"),
        (-0.0, "0"),
        (1e-08, "0.00000001"),
        (1e22, "10000000000000000000000"),
        (123456789012345680.0, "123456789012345680"),
        (-1.5e-07, "-0.00000015"),
        (10.05, "10.05"),
        (0.1 + 0.2, "0.30000000000000004"),
        (5e-324, "0." + "0" * 323 + "5"),
    ],
)
def test_a_number_reads_as_people_write_it(value: float, text: str) -> None:
    assert decimal_text(value) == text


@given(st.lists(finite | printed, max_size=6))
def test_text_reads_back_as_the_same_number_without_an_exponent(values: list[float]) -> None:
    texts = decimal_texts(values)
    assert [float(text) for text in texts] == values
    for text, value in zip(texts, values, strict=True):
        assert DECIMAL.fullmatch(text), text
        # As short as Python's own shortest, which is what makes it the number that the exchange printed.
        assert Decimal(text) == Decimal(repr(value))


@given(
    st.lists(finite, max_size=6),
    st.sampled_from([math.nan, math.inf, -math.inf]),
    st.lists(finite, max_size=6),
)
def test_what_is_no_number_has_no_text(before: list[float], wrong: float, after: list[float]) -> None:
    with pytest.raises(ValueError, match="NaN and infinity"):
        decimal_texts([*before, wrong, *after])


def test_bars_become_rows_of_text() -> None:
    assert list(bar_texts([FIRST, SECOND])) == [
        ("67123.45", "67200", "67100.1", "67150", "0.1"),
        ("67150", "67150", "66000", "66000.5", "0.0000001"),
    ]
    assert list(bar_texts([])) == []
