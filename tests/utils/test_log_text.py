import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.log_text import json_line, plain_line, safe_fields

CANARY = "canary-5up3r-s3cr3t"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJlLWNhbmFyeQ"
EVENT = {"timestamp": "2026-11-21T12:00:00Z", "level": "info", "logger": "a.b", "event": "happened"}


def rendered(**fields: Any) -> tuple[str, str]:
    safe = safe_fields(EVENT | fields)
    return json_line(safe), plain_line(safe)


@pytest.mark.parametrize(
    "key",
    [
        "password", "Password", "new_password", "passwd", "secret_key", "client-secret", "access_token",
        "refresh_token", "token", "authorization", "Proxy-Authorization", "cookie", "Set-Cookie", "api_key",
        "apikey", "X-API-Key", "db_connection_string", "dsn", "credentials",
    ],
)  # fmt: skip
@pytest.mark.parametrize("nest", [lambda field: field, lambda field: {"headers": [{"inner": field}]}])
def test_fields_named_like_secrets_are_never_written(key: str, nest: Any) -> None:
    for line in rendered(**nest({key: CANARY})):
        assert CANARY not in line
        assert "[redacted]" in line


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {TOKEN}",
        f"authorization: bearer {CANARY}",
        f"Basic {CANARY}=",
        f"token was {TOKEN} here",
        f"cannot connect to postgresql://user:{CANARY}@host/db",
        f"redis://:{CANARY}@host:6379/0 is away",
        f"Config(password='{CANARY}', port=1)",
        f'{{"password": "{CANARY}"}}',
        f"POST /login?token={CANARY}&x=1",
        f"api_key={CANARY}",
    ],
)
@pytest.mark.parametrize("key", ["event", "exception", "cause", "url"])
def test_secrets_inside_of_texts_are_never_written(text: str, key: str) -> None:
    for line in rendered(**{key: text}):
        assert CANARY not in line
        assert TOKEN not in line


@given(
    st.dictionaries(
        st.text(max_size=20), st.text() | st.floats() | st.binary() | st.lists(st.text()), max_size=5
    )
)
def test_whatever_is_logged_is_one_line_that_drives_no_terminal(fields: dict[str, Any]) -> None:
    safe = safe_fields({key: value for key, value in fields.items() if key != "exception"} | EVENT)
    as_json, as_text = json_line(safe), plain_line(safe)
    assert as_text.isprintable()
    assert as_json.isascii()
    assert as_json.isprintable()
    assert json.loads(as_json)["event"] == "happened"


@pytest.mark.parametrize(
    "text", ["a\r\nforged", "a\x1b[31mred", "a\x9b31m", "a\u2028b", "a\ud800b", "a\x00b", "a\u202eb"]
)
def test_line_ends_and_escapes_are_shown_instead_of_obeyed(text: str) -> None:
    as_json, as_text = rendered(event=text)
    assert as_text.isprintable()
    assert json.loads(as_json)["event"] == text


def test_the_stack_stands_indented_below_the_line() -> None:
    _, as_text = rendered(exception="Traceback:\n  File x\nValueError: a\x1b[31m")
    assert as_text.splitlines()[1:] == ["    Traceback:", "      File x", "    ValueError: a\\x1b[31m"]


def test_a_plain_line_reads_from_left_to_right() -> None:
    _, as_text = rendered(status=200, path="/a b", route=None, seconds=1.5, ready=True)
    assert as_text == '2026-11-21T12:00:00Z info a.b: happened status=200 path="/a b" seconds=1.5 ready=true'


def test_odd_values_become_plain_ones() -> None:
    line = json.loads(rendered(nan=math.nan, raw=b"12345", kind=ValueError("x"), deep=[[[[[[1]]]]]])[0])
    assert (line["nan"], line["raw"], line["kind"]) == ("nan", "5 bytes", "x")
    assert line["deep"] == [[[["[[1]]"]]]]


def test_no_value_is_endless() -> None:
    as_json, _ = rendered(
        text="x" * 1_000_000, many=list(range(100_000)), keys={str(n): n for n in range(10_000)}
    )
    assert len(as_json) < 20_000
