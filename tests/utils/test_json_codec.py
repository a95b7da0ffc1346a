import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.json_codec import DEPTH_MAX, JsonError, decode_json, encode_json

WHOLE_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | WHOLE_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WHOLE_TEXT, inner, max_size=4),
    max_leaves=20,
)


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Point:
    x: float
    label: str | None = None


@given(VALUES)
def test_what_is_written_is_read_back_the_same(value: Any) -> None:
    assert decode_json(encode_json(value)) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_price_survives_the_round_trip_bit_for_bit(price: float) -> None:
    assert math.copysign(1, decode_json(encode_json([price]))[0]) == math.copysign(1, price)
    assert decode_json(encode_json([price]))[0] == price


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Point(1.5, "a"), b'{"x":1.5,"label":"a"}'),
        ({"state": Colour.RED}, b'{"state":"red"}'),
        ({"money": Decimal("0.10")}, b'{"money":"0.10"}'),
        (datetime(2026, 11, 21, 12, tzinfo=UTC), b'"2026-11-21T12:00:00Z"'),
        (0.1, b"0.1"),
        ("é\x1b", '"é\\u001b"'.encode()),
    ],
)
def test_our_own_values_have_a_form(value: Any, text: bytes) -> None:
    assert encode_json(value) == text


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda number: number,
        lambda number: [1.0, number],
        lambda number: {"a": {"b": (number,)}},
        Point,
        lambda number: [Point(1.0), {"p": Point(number)}],
    ],
)
def test_what_is_no_number_is_never_written(number: float, wrap: Any) -> None:
    with pytest.raises(ValueError, match="NaN or infinity"):
        encode_json(wrap(number))


def test_null_and_the_word_null_may_be_written() -> None:
    assert (
        encode_json({"a": None, "b": "null", "c": Point(1.0)})
        == b'{"a":null,"b":"null","c":{"x":1.0,"label":null}}'
    )


@pytest.mark.parametrize("value", [object(), {1: 2}, 2**70, "\ud800", b"bytes", Decimal("NaN")])
def test_what_json_cannot_carry_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="cannot be written as JSON"):
        encode_json(value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b"", "is empty"),
        (b"{", "not well-formed JSON at line 1, column 2"),
        (b'{"a":1,}', "not well-formed"),
        (b"{'a':1}", "not well-formed"),
        (b'"a\nb"', "not well-formed"),
        (b'{"a":1}{"a":1}', "not well-formed"),
        (b"\xff", "not UTF-8"),
        ('{"a":1}'.encode("utf-16"), "not UTF-8"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        (b'{"a":1,"a":1}', "one field twice"),
        (b'[{"b":{"a":1,"a":2}}]', "one field twice"),
        (b'{"a":1,"\\u0061":2}', "one field twice"),
        (b"NaN", "NaN"),
        (b"[-Infinity]", "-Infinity"),
        (b"1e999", "too large"),
        (b"-1e999", "too large"),
        (b"1" * 5_000, "too long"),
        (b'"\\ud800"', "half a Unicode character"),
        (b'{"a":["\\udc00\\ud800"]}', "half a Unicode character"),
        (b'{"\\ud800":1}', "half a Unicode character"),
    ],
)
def test_anything_but_strict_json_is_refused_with_a_sentence(text: bytes, complaint: str) -> None:
    with pytest.raises(JsonError, match=complaint) as caught:
        decode_json(text)
    assert len(str(caught.value)) <= 200
    assert str(caught.value).endswith(".")


def test_a_whole_character_may_be_written_as_two_escapes() -> None:
    assert decode_json(b'"\\ud83d\\ude00"') == "😀"


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_depth_has_a_limit(opening: bytes) -> None:
    closing = b"]" if opening == b"[" else b"}"
    assert decode_json(opening * DEPTH_MAX + b"1" + closing * DEPTH_MAX)
    with pytest.raises(JsonError, match="nested deeper than 32 levels"):
        decode_json(opening * (DEPTH_MAX + 1) + b"1" + closing * (DEPTH_MAX + 1))
    with pytest.raises(JsonError, match="nested deeper"):
        decode_json(opening * 100_000)


def test_brackets_inside_of_texts_do_not_count() -> None:
    value = ["[" * 100, '\\"{[' * 50, "\\"]
    assert decode_json(json.dumps(value).encode()) == value
    siblings = b"[" + b",".join([b"[]"] * 1_000) + b"]"
    assert len(decode_json(siblings)) == 1_000


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        value = decode_json(data)
    except JsonError:
        value = None
    assert json.dumps(value) is not None
