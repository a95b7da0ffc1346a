"""How often somebody may try: the ceilings, the growing delay, and the owner who still gets in."""

import asyncio
import contextlib
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.jobs.tidying import do_chores
from services.sign_in_throttle import (
    ACCOUNT,
    ADDRESS,
    KNOWN_FOR_MS,
    KNOWN_PLACE,
    PLACES_MAX,
    SignInThrottle,
)
from tests.services.conftest import PASSWORD, House
from utils.accounts import Caller, Role
from utils.domain import DAY_MS, MINUTE_MS
from utils.errors import Forbidden, TooManyRequests, Unauthorized, Unavailable

HOME = Caller("203.0.113.7")


async def fails(house: House, username: str, caller: Caller) -> bool:
    """Try a wrong password; tell whether it was looked at, and not only asked to wait."""
    return await refusal(house, username, caller) == 0


async def refusal(house: House, username: str, caller: Caller) -> float:
    """Try a wrong password, and return how long to wait; 0 when it was looked at."""
    with pytest.raises((Unauthorized, TooManyRequests, Unavailable)) as caught:
        await house.auth.sign_in(username, "not the right password", caller)
    return caught.value.retry_after_s or 0.0


def most_within(times_ms: Sequence[int], window_ms: int) -> int:
    return max((sum(start <= each < start + window_ms for each in times_ms) for start in times_ms), default=0)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pauses_s=st.lists(st.sampled_from([0, 1, 2, 5, 20, 100, 301]), min_size=20, max_size=60))
async def test_no_pattern_of_attempts_passes_the_ceilings(house: House, pauses_s: list[int]) -> None:
    throttle = SignInThrottle(house.pool, 2.0)
    await house.pool.execute("DELETE FROM sign_in_throttle")
    now_ms, done_ms = house.now_ms, []
    for number, pause_s in enumerate(pauses_s):
        now_ms += pause_s * 1000
        try:
            # From another address each time: only the account can see that these belong together.
            await throttle.take("ada", f"198.51.100.{number}", now_ms)
        except TooManyRequests as error:
            # Whoever waits as long as was said is let through.
            now_ms += round((error.retry_after_s or 0) * 1000) + 1
            await throttle.take("ada", f"192.0.2.{number}", now_ms)
        done_ms.append(now_ms)
    assert most_within(done_ms, 15 * MINUTE_MS) <= 10
    assert most_within(done_ms, 60 * MINUTE_MS) <= 100


async def test_two_hundred_addresses_at_once_stay_below_the_ceiling_and_the_owner_gets_in(
    house: House,
) -> None:
    await house.auth.sign_in("Ada", PASSWORD, HOME)
    attackers = [Caller(f"127.0.{number // 100}.{number % 100}") for number in range(200)]
    looked_at = 0
    for _ in range(3):
        outcomes = await asyncio.gather(*(fails(house, "Ada", caller) for caller in attackers))
        looked_at += sum(outcomes)
        # The owner, from where the account is known, in the middle of it.
        assert await house.is_good(await house.auth.sign_in("Ada", PASSWORD, HOME))
        house.now_ms += 5 * MINUTE_MS
    assert 3 <= looked_at <= 10


@pytest.mark.parametrize("attempts", [1, ACCOUNT.free + 1, ACCOUNT.at_once])
async def test_a_clock_that_was_ahead_refuses_nobody_for_longer_than_it_would_have(
    house: House, attempts: int
) -> None:
    house.now_ms += 400 * DAY_MS
    for number in range(attempts):
        while wait_s := await refusal(house, "Ada", Caller(f"192.0.2.{number}")):
            house.now_ms += round(wait_s * 1000)
    away = Caller("198.51.100.1")
    told_s = await refusal(house, "Ada", away)
    house.now_ms -= 399 * DAY_MS

    waited_s = 0.0
    while wait_s := await refusal(house, "Ada", away):
        waited_s += wait_s
        house.now_ms += round(wait_s * 1000)
        assert waited_s <= told_s + 1
    assert waited_s >= told_s - 1


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(leaps_s=st.lists(st.sampled_from([0, 0, 1, 3, 60, -1, -60, -7_200, 7_200]), min_size=20, max_size=60))
async def test_setting_the_clock_back_gives_nobody_more_attempts(house: House, leaps_s: list[int]) -> None:
    throttle = SignInThrottle(house.pool, 2.0)
    await house.pool.execute("DELETE FROM sign_in_throttle")
    now_ms, taken, onward_s = house.now_ms, 0, 0
    for number, leap_s in enumerate(leaps_s):
        now_ms, onward_s = now_ms + leap_s * 1000, onward_s + max(0, leap_s)
        with contextlib.suppress(TooManyRequests):
            await throttle.take("ada", f"198.51.100.{number}", now_ms)
            taken += 1
    # Only what the clock went on wears anything off.
    assert taken <= ACCOUNT.at_once + onward_s / ACCOUNT.wears_off_s


async def test_a_place_becomes_known_whatever_clock_the_others_were_seen_by(house: House) -> None:
    house.now_ms += 400 * DAY_MS
    for number in range(PLACES_MAX):
        await house.auth.sign_in("Ada", PASSWORD, Caller(f"192.0.2.{number}"))
    house.now_ms -= 399 * DAY_MS
    for number in range(PLACES_MAX):
        house.now_ms += 1
        await house.auth.sign_in("Ada", PASSWORD, Caller(f"198.51.100.{number}"))

    places = await house.pool.fetch("SELECT place FROM known_place ORDER BY seen_at")
    assert [row["place"] for row in places] == [f"198.51.100.{number}" for number in range(PLACES_MAX)]


async def test_from_where_somebody_signed_in_is_forgotten_when_it_counts_no_more(house: House) -> None:
    await house.auth.sign_in("Ada", PASSWORD, Caller("192.0.2.1"))
    house.now_ms += KNOWN_FOR_MS - DAY_MS
    await house.auth.sign_in("Ada", PASSWORD, Caller("198.51.100.1"))
    await do_chores(house.admin.chores())
    assert await house.pool.fetchval("SELECT count(*) FROM known_place") == 2
    house.now_ms += DAY_MS + 1
    await do_chores(house.admin.chores())
    assert await house.pool.fetchval("SELECT place FROM known_place") == "198.51.100.1"
    assert await house.pool.fetchval("SELECT count(*) FROM known_place") == 1


async def test_one_address_against_many_accounts_stays_below_its_ceiling(house: House) -> None:
    caller, done_ms = Caller("198.51.100.1"), []
    for number in range(150):
        house.now_ms += 2_000
        if await fails(house, f"user{number}", caller):
            done_ms.append(house.now_ms)
    assert len(done_ms) > 15
    assert most_within(done_ms, 5 * MINUTE_MS) <= 30


async def test_the_delay_grows_from_one_attempt_to_the_next(house: House) -> None:
    waits = []
    for number in range(ACCOUNT.at_once + 1):
        caller = Caller(f"192.0.2.{number}")
        if wait_s := await refusal(house, "Ada", caller):
            waits.append(round(wait_s))
            house.now_ms += round(wait_s * 1000)
            assert await fails(house, "Ada", caller)
    assert waits[:3] == [2, 4, 8]
    assert waits == sorted(waits)
    assert waits[-1] > 100


async def test_a_right_password_is_not_counted(house: House) -> None:
    for number in range(30):
        assert await house.is_good(
            await house.auth.sign_in("Ada", PASSWORD, Caller(f"192.0.2.{number % 20}"))
        )


async def test_an_unknown_user_is_counted_as_a_known_one(house: House) -> None:
    def attempts(username: str) -> list[Caller]:
        return [Caller(f"192.0.2.{number}") for number in range(10)]

    known = [await fails(house, "Ada", caller) for caller in attempts("Ada")]
    unknown = [await fails(house, "nobody", Caller(f"198.51.100.{number}")) for number in range(10)]
    assert known == unknown == [True] * 4 + [False] * 6


async def test_what_fills_an_account_at_a_known_place_is_not_held_against_others_there(house: House) -> None:
    await house.auth.sign_in("Ada", PASSWORD, HOME)
    while await fails(house, "Ada", HOME):
        house.now_ms += 100
    # It counts as from anywhere else: else a stranger's account would be told from a known one by that.
    assert not await fails(house, "Ada", Caller("192.0.2.1"))
    await house.auth.create_user("bob", PASSWORD, Role.USER)
    assert await house.is_good(await house.auth.sign_in("bob", PASSWORD, HOME))


async def test_only_the_newest_places_are_known(house: House) -> None:
    for number in range(PLACES_MAX + 3):
        house.now_ms += 1
        await house.auth.sign_in("Ada", PASSWORD, Caller(f"192.0.2.{number}"))
    places = await house.pool.fetch("SELECT place FROM known_place ORDER BY seen_at")
    assert [row["place"] for row in places] == [f"192.0.2.{number}" for number in range(3, PLACES_MAX + 3)]


async def test_no_name_and_no_password_is_in_the_counts(house: House) -> None:
    await fails(house, "my password in the wrong field", HOME)
    rows = await house.pool.fetch("SELECT * FROM sign_in_throttle")
    assert len(rows) == 2
    assert all(len(row["throttle_key"]) == 32 for row in rows)


async def test_changing_a_password_is_throttled_like_signing_in(house: House) -> None:
    principal = await house.auth.authenticate((await house.auth.sign_in("Ada", PASSWORD, HOME)).access_token)
    for _ in range(ACCOUNT.free + 1):
        with pytest.raises(Forbidden, match="current password is not right"):
            await house.auth.change_password(principal, "wrong", "another sentence of mine", HOME)
    for _ in range(KNOWN_PLACE.free + 1):
        with pytest.raises(TooManyRequests):
            await house.auth.change_password(principal, "wrong", "another sentence of mine", HOME)
    with pytest.raises(TooManyRequests):
        await house.auth.change_password(principal, PASSWORD, "another sentence of mine", HOME)


def test_the_rules_keep_to_the_ceilings_they_name() -> None:
    assert ACCOUNT.at_once + 15 * 60 / ACCOUNT.wears_off_s <= 10
    assert ADDRESS.at_once + 5 * 60 / ADDRESS.wears_off_s <= 30
    assert KNOWN_PLACE.at_once + 15 * 60 / KNOWN_PLACE.wears_off_s <= 15
