"""Log lines that hold no secret and cannot be forged; not for where the lines go."""

import functools
import json
import math
import re
from collections.abc import Mapping
from typing import Any

REDACTED = "[redacted]"
TEXT_LENGTH_MAX = 4_000
STACK_LENGTH_MAX = 16_000
ITEMS_MAX = 50
DEPTH_MAX = 4
SECRET_KEY = re.compile(
    r"pass(word|wd|phrase)|secret|token|authorization|cookie|credential|api_?key|connection_string|dsn",
    re.IGNORECASE,
)
# Secrets that arrive inside a text, such as another library's exception: what to find, what to leave.
SECRET_TEXTS = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), rf"\1 {REDACTED}"),
    (re.compile(r"\beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*"), REDACTED),
    (re.compile(r"://[^/\s@]*:[^/\s@]*@"), f"://{REDACTED}@"),
    (
        re.compile(
            r"(?i)((?:password|passwd|secret|token|api_?key|cookie)\w*)(['\"]?\s*[=:]\s*['\"]?)[^\s'\"&,;)]+"
        ),
        rf"\1\2{REDACTED}",
    ),
)
# Most texts hold none of these and need no second look.
SUSPICIOUS = re.compile(r"(?i)bearer|basic|eyJ|://|pass|secret|token|key|cookie")
FIRST_KEYS = ("timestamp", "level", "logger", "event")
# Written by the service itself and never anybody's words.
OURS = frozenset(("timestamp", "level", "logger"))
# Made once: json.dumps with other separators makes an encoder for each call.
_to_json = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def safe_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a log event as plain values without secrets."""
    return {key: value if key in OURS else _safe_field(key, value, depth=0) for key, value in fields.items()}


def json_line(fields: Mapping[str, Any]) -> str:
    """Return one line of ASCII JSON; the fields are safe ones, in the order in which they are to stand."""
    return _to_json(fields)


def plain_line(fields: Mapping[str, Any]) -> str:
    """Return one readable line, and the stack below it, indented.

    ``2026-11-21T12:00:00.000000Z info middleware.request_log: request answered method=GET status=200``
    """
    timestamp, level, logger, event = (_neutral(str(fields.get(key, ""))) for key in FIRST_KEYS)
    words = [f"{timestamp} {level} {logger}: {event}"]
    for key, value in fields.items():
        if key not in FIRST_KEYS and key != "exception" and value is not None:
            words.append(f"{_neutral(key)}={_word(value)}")
    stack = [f"    {_neutral(line)}" for line in str(fields.get("exception", "")).splitlines()]
    return "\n".join([" ".join(words), *stack])


def without_secrets(text: str) -> str:
    """Return the text with everything that looks like a secret replaced."""
    if not SUSPICIOUS.search(text):
        return text
    for pattern, replacement in SECRET_TEXTS:
        text = pattern.sub(replacement, text)
    return text


def _safe_field(key: str, value: Any, *, depth: int) -> Any:
    if names_secret(key):
        return REDACTED
    limit = STACK_LENGTH_MAX if key == "exception" else TEXT_LENGTH_MAX
    return _safe_value(value, limit, depth)


@functools.lru_cache(maxsize=1_000)
def names_secret(key: str) -> bool:
    """Tell whether what stands under this name is nobody's business."""
    return SECRET_KEY.search(key.replace("-", "_")) is not None


def _safe_value(value: Any, limit: int, depth: int) -> Any:
    if type(value) is str:
        return without_secrets(value[:limit])
    return value if value is None or isinstance(value, int) else _plain_value(value, limit, depth)


def _plain_value(value: Any, limit: int, depth: int) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return f"{len(value)} bytes"
    if depth < DEPTH_MAX and isinstance(value, Mapping):
        items = list(value.items())[:ITEMS_MAX]
        return {str(key): _safe_field(str(key), item, depth=depth + 1) for key, item in items}
    if depth < DEPTH_MAX and isinstance(value, list | tuple | set | frozenset):
        return [_safe_value(item, limit, depth + 1) for item in list(value)[:ITEMS_MAX]]
    # Cut first: no pattern is run over a megabyte.
    return without_secrets(str(value)[:limit])


def _word(value: Any) -> str:
    bare = isinstance(value, str) and not re.search(r"[\s\"=]", value)
    return _neutral(value if bare else json.dumps(value, ensure_ascii=False))


def _neutral(text: str) -> str:
    # Line ends would forge a line, escape sequences would drive the terminal.
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )
