"""Closes that are owed are asked for until the exchange has answered; none is given up because it is away."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.live.owed_closes import (
    ANSWERS_MAX,
    BARS_AT_ONCE,
    OWED_MAX,
    REREAD_EVERY_MAX_MS,
    REREAD_EVERY_MS,
    ClosesLost,
    OwedCloses,
)
from utils.domain import MINUTE_MS, Span, Timeframe

MINUTE = Timeframe.parse("1m")
START_MS = 28_000_000 * MINUTE_MS


class Exchange:
    """What an exchange says of closes, and when it was asked."""

    def __init__(self, *, away: bool = False, silent_of: Sequence[int] = ()) -> None:
        self.away = away
        self.silent_of = silent_of
        self.asked: list[Span] = []
        self.finals: set[int] = set()
        self.owed = OwedCloses("bars:x", MINUTE, self.reread, self.finals.__contains__)

    async def reread(self, span: Span) -> bool:
        self.asked.append(span)
        if self.away:
            return False
        opens = range(span.start_ms, span.end_ms, MINUTE_MS)
        self.finals.update(open_ms for open_ms in opens if open_ms not in self.silent_of)
        return True


def opened(number: int) -> int:
    return START_MS + number * MINUTE_MS


async def test_a_close_is_owed_for_as_long_as_the_exchange_is_away() -> None:
    exchange = Exchange(away=True)
    now_ms = opened(0)
    for number in range(60):
        exchange.owed.owe(opened(number), opened(number + 1))
        now_ms = opened(number + 1)
        await exchange.owed.pay(now_ms)
    assert all(opened(number) in exchange.owed for number in range(60))
    exchange.away = False
    await exchange.owed.pay(now_ms + REREAD_EVERY_MAX_MS)
    assert exchange.finals == {opened(number) for number in range(60)}
    assert not any(opened(number) in exchange.owed for number in range(60))


async def test_an_exchange_that_is_away_is_asked_ever_less_often() -> None:
    exchange = Exchange(away=True)
    exchange.owed.owe(opened(0), opened(1))
    times_ms = range(opened(1), opened(11), 500)
    for now_ms in times_ms:
        await exchange.owed.pay(now_ms)
        assert now_ms == times_ms[0] or min(exchange.owed.due_ms) > now_ms - REREAD_EVERY_MS
    assert 10 * MINUTE_MS // REREAD_EVERY_MAX_MS <= len(exchange.asked) <= 25


async def test_a_close_that_the_exchange_does_not_know_is_given_up_after_some_answers() -> None:
    exchange = Exchange(silent_of=[opened(0)])
    exchange.owed.owe(opened(0), opened(1))
    for number in range(2 * ANSWERS_MAX):
        await exchange.owed.pay(opened(1) + number * REREAD_EVERY_MS)
    assert opened(0) not in exchange.owed
    assert len(exchange.asked) == ANSWERS_MAX + 1


async def test_more_closes_than_are_kept_end_the_session() -> None:
    exchange = Exchange(away=True)
    for number in range(OWED_MAX):
        exchange.owed.owe(opened(number), opened(number + 1))
    exchange.owed.owe_unless_owed(opened(0), opened(1))
    with pytest.raises(ClosesLost):
        exchange.owed.owe(opened(OWED_MAX), opened(OWED_MAX + 1))


@given(st.sets(st.integers(0, OWED_MAX - 1), min_size=1, max_size=80), st.integers(0, OWED_MAX))
async def test_what_is_due_is_asked_for_in_order_and_nothing_else_is_left_out(
    numbers: set[int], now: int
) -> None:
    exchange = Exchange()
    for number in numbers:
        exchange.owed.owe(opened(number), opened(number))
    due = {number for number in numbers if number <= now}
    for _ in due:
        await exchange.owed.pay(opened(now))
    assert {number for number in numbers if opened(number) not in exchange.owed} == due
    starts = [span.start_ms for span in exchange.asked]
    assert starts == sorted(set(starts))
    assert all(span.end_ms - span.start_ms <= BARS_AT_ONCE * MINUTE_MS for span in exchange.asked)
    assert all(span.end_ms <= opened(now + 1) for span in exchange.asked)
