"""Strict JSON in, safe JSON out; not for the shapes that the JSON carries.

What comes in is refused rather than guessed at: two keys of one name, NaN, half a character, a hundred
levels. What goes out never holds NaN, which JSON has no word for.
"""

import dataclasses
import json
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NoReturn

import orjson

DEPTH_MAX = 32
# A string, or a bracket outside of strings; an unfinished string swallows the rest, and json refuses it.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")


class JsonError(ValueError):
    """Say in one sentence why a text is not taken as JSON."""


def encode_json(value: object) -> bytes:
    """Return compact UTF-8 JSON; dataclasses become objects and Decimal becomes text.

    Raises: ValueError for NaN, infinity, and what JSON cannot carry.
    """
    try:
        encoded = orjson.dumps(value, default=_encode_other, option=orjson.OPT_UTC_Z)
    except TypeError as error:
        raise ValueError(f"This value cannot be written as JSON: {error}.") from error
    # orjson writes NaN as null, so only an answer that says null needs the slow look.
    if b"null" in encoded and _holds_non_finite(value):
        raise ValueError("This value cannot be written as JSON: it holds NaN or infinity.")
    return encoded


def encode_json_lines(value: object) -> str:
    """Return JSON for people and for version control: a line a member, and a newline at the end."""
    return json.dumps(orjson.loads(encode_json(value)), indent=2, ensure_ascii=False) + "\n"


def decode_json(data: bytes, max_depth: int = DEPTH_MAX) -> Any:
    """Read one JSON text, strictly.

    Raises: JsonError for anything but well-formed UTF-8 JSON with unique keys, finite numbers, whole
    characters and at most ``max_depth`` levels.
    """
    if not data.strip():
        raise JsonError("The body is empty. Send JSON.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise JsonError("The body is not UTF-8 text. Send JSON in UTF-8.") from error
    _refuse_deep(data, max_depth)
    try:
        value = json.loads(
            text, object_pairs_hook=_unique_pairs, parse_constant=_refuse_number, parse_float=_finite
        )
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise JsonError(f"The body is not well-formed JSON at {place}. Correct it there.") from error
    except JsonError:
        raise
    except ValueError as error:
        # Python refuses to read whole numbers of thousands of digits.
        raise JsonError("The body holds a number that is too long. Send a shorter one.") from error
    # Half a character can only arrive as an escape; written out again it is found at any depth.
    if "\\u" in text and _SURROGATE.search(json.dumps(value, ensure_ascii=False)):
        raise JsonError("The body holds half a Unicode character. Send whole characters.")
    return value


def _encode_other(value: object) -> object:
    if isinstance(value, Decimal) and value.is_finite():
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _holds_non_finite(value: object) -> bool:
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, Mapping):
        return any(_holds_non_finite(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(_holds_non_finite(item) for item in value)
    if dataclasses.is_dataclass(value):
        return any(_holds_non_finite(getattr(value, field.name)) for field in dataclasses.fields(value))
    return False


def _refuse_deep(data: bytes, max_depth: int) -> None:
    depth = 0
    for match in _TOKEN.finditer(data):
        token = match[0]
        if token in b"[{":
            depth += 1
            if depth > max_depth:
                raise JsonError(f"The body is nested deeper than {max_depth} levels. Send it flatter.")
        elif token in b"]}":
            depth -= 1


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        raise JsonError("The body names one field twice. Send each field once.")
    return unique


def _refuse_number(constant: str) -> NoReturn:
    raise JsonError(f"The body holds {constant}, which is no JSON number. Send a finite number.")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise JsonError("The body holds a number that is too large. Send a smaller one.")
    return number
