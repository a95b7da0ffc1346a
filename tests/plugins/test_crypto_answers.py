"""What is read from an answer's headers and body."""

import asyncio

import pytest

from plugins.crypto_answers import RETRY_AFTER_MAX_S, Answer, current_answer, read_date_ms, recorded

DATE = "Wed, 29 Nov 2017 05:07:34 GMT"
DATE_MS = 1_511_932_054_000


def test_the_date_header_is_the_exchanges_clock() -> None:
    assert read_date_ms({"date": DATE}) == DATE_MS
    assert read_date_ms({}) is None
    assert read_date_ms({"date": "yesterday"}) is None


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [
        ("7", 7.0),
        (" 120 ", 120.0),
        ("0", 0.0),
        ("99999999999", RETRY_AFTER_MAX_S),
        ("Wed, 29 Nov 2017 05:09:34 GMT", 120.0),
        ("Wed, 29 Nov 2017 05:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        ("-5", None),
        ("٣", None),
    ],
)
def test_the_waiting_time_comes_as_seconds_or_as_a_date(text: str, wait_s: float | None) -> None:
    answer = Answer(strict=True, headers={"retry-after": text, "date": DATE})
    assert answer.retry_after_s == wait_s


def test_a_date_to_wait_for_needs_a_date_to_count_from() -> None:
    assert Answer(strict=True, headers={"retry-after": DATE}).retry_after_s is None


@pytest.mark.parametrize(
    ("body", "may_be_empty"),
    [
        ([], True),
        ({"data": {"ohlc": []}}, True),
        ({"result": {"XXBTZUSD": [], "last": 1}}, True),
        ({"rows": None}, True),
        ({}, False),
        ({"data": {}}, False),
        ({"message": "welcome", "status": 1}, False),
        ("text", False),
    ],
)
def test_an_empty_page_is_believed_where_rows_could_have_been(body: object, may_be_empty: bool) -> None:  # noqa: FBT001
    assert Answer(strict=True, body=body).may_be_empty is may_be_empty


async def test_questions_asked_at_once_do_not_mix_their_answers() -> None:
    async def ask(status: int) -> int:
        with recorded(strict=True) as answer:
            await asyncio.sleep(0)
            current = current_answer()
            assert current is not None
            current.status = status
            await asyncio.sleep(0)
            return answer.status

    assert await asyncio.gather(*(ask(status) for status in range(200, 220))) == list(range(200, 220))
    assert current_answer() is None
