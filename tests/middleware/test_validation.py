from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, model_validator
from quart import Quart, websocket
from quart.testing import WebsocketResponseError
from werkzeug.datastructures import MultiDict

from middleware.validation import RequestModel, json_body, query, read_body, read_query
from utils.errors import AppError, InvalidRequest, MalformedRequest
from utils.field_types import CommaSeparated, TimeMs

HOSTILE_BODIES = {
    "empty": b"",
    "blank": b"  \n",
    "a list": b"[]",
    "a number": b"7",
    "half": b'{"name": "a"',
    "two keys of one name": b'{"name": "a", "name": "b"}',
    "two keys of one name, inside": b'{"name": "a", "more": {"role": "user", "role": "admin"}}',
    "NaN": b'{"name": NaN}',
    "infinity": b'{"name": -Infinity}',
    "a number beyond float": b'{"name": 1e999}',
    "a number of 5000 digits": b'{"name": ' + b"9" * 5_000 + b"}",
    "sixty thousand brackets": b"[" * 60_000,
    "sixty thousand objects": b'{"a":' * 10_000,
    "no UTF-8": b'{"name": "\xff"}',
    "overlong UTF-8": b'{"name": "\xc0\xaf"}',
    "UTF-16": '{"name": "a"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"name": "a"}',
    "half a character": b'{"name": "\\ud800"}',
    "half a character as a key": b'{"\\udfff": 1}',
    "a raw control character": b'{"name": "a\x00"}',
}


class Bars(RequestModel):
    market: str
    limit: Annotated[int, Field(ge=1, le=5000)] = 500
    since: TimeMs | None = None
    until: TimeMs | None = None
    form: Annotated[Literal["rows", "columns"], Field(alias="format")] = "rows"
    symbols: CommaSeparated = ()

    @model_validator(mode="after")
    def _in_order(self) -> "Bars":
        if self.since is not None and self.until is not None and self.since > self.until:
            raise ValueError("since must be before until: exchange them.")
        return self


class Inner(RequestModel):
    note: str


class Account(RequestModel):
    name: Annotated[str, Field(min_length=2)]
    inner: Inner | None = None


def refusal(model: type[RequestModel], *pairs: tuple[str, str]) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        read_query(model, MultiDict(pairs))
    return caught.value


@pytest.mark.parametrize(
    ("pairs", "sentence"),
    [
        ([("market", "x"), ("limit", "5001")], "limit must be at most 5000."),
        ([("market", "x"), ("limit", "0")], "limit must be at least 1."),
        ([("market", "x"), ("limit", "many")], "limit must be a whole number."),
        ([("market", "x"), ("limit", "1.5")], "limit must be a whole number."),
        ([], "market is missing: add it."),
        ([("market", "x"), ("limt", "5")], "There is no parameter limt. Did you mean limit?"),
        ([("market", "x"), ("zzz", "5")], "There is no parameter zzz. Leave it out."),
        ([("market", "x"), ("form", "rows")], "There is no parameter form. Did you mean format?"),
        ([("market", "x"), ("format", "csv")], "format must be rows or columns."),
        ([("market", "a"), ("market", "a")], "market is given 2 times: give it once."),
        ([("market", "x" * 257)], "market is too long: at most 256 characters."),
        ([("market", "a\x00b")], "market holds a control character: remove it."),
        ([("market", "a\nb")], "market holds a control character: remove it."),
        ([("market", "x"), ("symbols", "A,\x1b[31m")], "symbols holds a control character: remove it."),
        (
            [("market", "x"), ("since", "2026-01-02"), ("until", "2026-01-01")],
            "since must be before until: exchange them.",
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(pairs: list[tuple[str, str]], sentence: str) -> None:
    assert refusal(Bars, *pairs).detail == sentence


def test_every_wrong_field_is_named_at_once() -> None:
    error = refusal(
        Bars, ("limit", "0"), ("since", "soon"), ("timefram", "1h"), ("format", "a"), ("format", "b")
    )
    assert [(field.field, field.code) for field in error.errors] == [
        ("format", "repeated"),
        ("market", "missing"),
        ("limit", "greater_than_equal"),
        ("since", "value_error"),
        ("format", "literal_error"),
        ("timefram", "unknown_parameter"),
    ]
    assert error.detail == (
        "6 parameters do not fit: format, market, limit and 3 more. The list of errors says why for each."
    )


def test_a_flood_of_parameters_gets_a_short_answer() -> None:
    error = refusal(Bars, *((f"p{number}", "x" * 300) for number in range(10_000)))
    assert error.detail == "There are too many parameters: 10000. Send at most 100."
    error = refusal(Bars, *((f"p{number}", "x" * 300) for number in range(100)))
    assert len(error.errors) == 20
    assert len(error.detail) <= 200


def test_good_parameters_are_read() -> None:
    pairs = [("market", "crypto"), ("limit", "10"), ("symbols", "BTC/USD, ETH/USD"), ("format", "columns")]
    read = read_query(Bars, MultiDict(pairs))
    assert (read.market, read.limit, read.form, read.symbols) == (
        "crypto",
        10,
        "columns",
        ("BTC/USD", "ETH/USD"),
    )


@given(
    st.lists(
        st.tuples(st.sampled_from(["market", "limit", "since", "format", "zzz"]) | st.text(), st.text()),
        max_size=8,
    )
)
def test_any_query_is_read_or_refused_in_sentences_that_can_be_heard(pairs: list[tuple[str, str]]) -> None:
    refused: InvalidRequest | None = None
    try:
        read_query(Bars, MultiDict(pairs))
    except InvalidRequest as error:
        refused = error
    if refused is None:
        assert "market" in dict(pairs)
        return
    assert refused.errors
    assert 0 < len(refused.detail) <= 200
    for sentence in (refused.detail, *(field.detail for field in refused.errors)):
        assert sentence.isprintable()
        assert sentence[-1] in ".?"


@pytest.mark.parametrize("body", HOSTILE_BODIES.values(), ids=HOSTILE_BODIES.keys())
def test_a_body_that_is_no_strict_json_object_is_a_400(body: bytes) -> None:
    with pytest.raises(MalformedRequest) as caught:
        read_body(Account, body)
    assert caught.value.error_code == "malformed_json"
    assert len(caught.value.detail) <= 200


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b'{"name": "a"}', "name is too short: at least 2 characters."),
        (b'{"name": 5}', "name must be text."),
        (b'{"name": "ann", "inner": {}}', "inner.note is missing: add it."),
        (b'{"name": "ann", "inner": 5}', "inner must be an object."),
        (
            b'{"name": "ann", "inner": {"note": "\\u0000"}}',
            "inner.note holds a control character: remove it.",
        ),
        (b'{"name": "ann", "admin": true}', "There is no field admin. Leave it out."),
        (b'{"naem": "ann"}', "name is missing: add it. There is no field naem. Did you mean name?"),
    ],
)
def test_wrong_fields_of_a_body_are_named(body: bytes, sentence: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_body(Account, body)
    assert caught.value.detail == sentence


@given(
    st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
def test_no_body_does_more_than_be_refused(body: bytes) -> None:
    with pytest.raises(AppError):
        read_body(Account, body)


@pytest.fixture
def serving(app: Quart) -> Quart:
    @app.get("/bars")
    @query(Bars)
    async def bars(query: Bars) -> dict[str, Any]:
        return {"market": query.market, "since": query.since}

    @app.post("/accounts")
    @json_body(Account)
    async def accounts(body: Account) -> dict[str, Any]:
        return {"name": body.name}

    @app.websocket("/ws")
    @query(Bars)
    async def ws(query: Bars) -> None:
        await websocket.send(query.market)

    return app


async def test_a_view_receives_the_checked_query(serving: Quart) -> None:
    search = urlencode({"market": "BTC/USD é", "since": "2026-11-21T12:00:00Z"})
    response = await serving.test_client().get(f"/bars?{search}")
    assert await response.get_json() == {"market": "BTC/USD é", "since": 1_795_262_400_000}


@pytest.mark.parametrize("search", ["market=%00", "market=%ff%fe", "%00=1", "&&&==&", "market=%ed%a0%80"])
async def test_a_broken_query_string_is_no_server_error(serving: Quart, search: str) -> None:
    response = await serving.test_client().get(f"/bars?{search}")
    assert response.status_code in (200, 422)


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded", "a/b/c;;"])
async def test_a_body_that_is_no_json_by_name_is_a_415(serving: Quart, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    response = await serving.test_client().post("/accounts", data=b'{"name": "ann"}', headers=headers)
    assert response.status_code == 415
    assert (await response.get_json())["code"] == "unsupported_media_type"


async def test_json_with_a_charset_is_json(serving: Quart) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    response = await serving.test_client().post("/accounts", data=b'{"name": "ann"}', headers=headers)
    assert await response.get_json() == {"name": "ann"}


@pytest.mark.parametrize(("size", "status"), [(64 * 1024, 200), (64 * 1024 + 1, 413)])
async def test_a_body_may_have_64_kilobytes(serving: Quart, size: int, status: int) -> None:
    body = b'{"name": "ann"}'.ljust(size)
    headers = {"Content-Type": "application/json"}
    response = await serving.test_client().post("/accounts", data=body, headers=headers)
    assert response.status_code == status


async def test_a_body_that_hides_its_size_is_cut_all_the_same(serving: Quart) -> None:
    headers = {"Content-Type": "application/json"}
    async with serving.test_client().request("/accounts", method="POST", headers=headers) as connection:
        for _ in range(3):
            await connection.send(b" " * 30_000)
        await connection.send_complete()
        await connection.receive()
    assert connection.status_code == 413


async def test_a_websocket_query_is_checked_before_the_socket_opens(serving: Quart) -> None:
    client = serving.test_client()
    async with client.websocket("/ws?market=crypto") as connection:
        assert await connection.receive() == "crypto"
    with pytest.raises(WebsocketResponseError) as caught:
        async with client.websocket("/ws?market=crypto&limit=0") as connection:
            await connection.receive()
    assert caught.value.response.status_code == 422


def test_views_show_what_they_read(serving: Quart) -> None:
    assert serving.view_functions["bars"].query_model is Bars
    assert serving.view_functions["accounts"].body_model is Account


class Numbers(RequestModel):
    whole: int = 0
    bounded: Annotated[int, Field(ge=-5, le=5)] = 0
    perhaps: Annotated[int, Field(ge=0)] | None = None
    when: TimeMs | None = None


ODD_NUMBERS = [
    "5_0", "+5", "05", "-0", "5.0", " 5", "5 ", "5e1", "0x5", "٥", "5\n", "", "true", "NaN", "9" * 65,
]  # fmt: skip


@pytest.mark.parametrize("text", ODD_NUMBERS)
def test_a_number_in_an_address_is_written_in_one_way(text: str) -> None:
    for name in ("whole", "bounded", "perhaps"):
        with pytest.raises(InvalidRequest) as refused:
            read_query(Numbers, MultiDict({name: text}))
        assert [(error.field, error.code) for error in refused.value.errors] == [(name, "int_parsing")]


@pytest.mark.parametrize("value", ["5.5", "true", '"+5"', "5e-1", "[5]", "{}"])
def test_a_number_in_a_body_is_a_whole_one(value: str) -> None:
    for name in ("whole", "bounded", "perhaps"):
        with pytest.raises(InvalidRequest) as refused:
            read_body(Numbers, f'{{"{name}": {value}}}'.encode())
        assert [error.field for error in refused.value.errors] == [name]


@given(st.integers(-(10**18), 10**18))
def test_any_whole_number_is_read_as_itself(number: int) -> None:
    assert read_query(Numbers, MultiDict({"whole": str(number)})).whole == number
    assert read_body(Numbers, f'{{"whole": {number}}}'.encode()).whole == number


def test_a_time_has_its_own_way_to_be_written() -> None:
    assert read_query(Numbers, MultiDict({"when": "2025-01-01"})).when == 1_735_689_600_000
