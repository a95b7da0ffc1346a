"""From a place where an account is known: the owner gets in, and a wrong password tells nothing."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from services.passwords import PasswordHasher
from services.sign_in_throttle import ADDRESS, KNOWN_PLACE
from tests.services.conftest import PASSWORD, House
from utils.accounts import Caller, Role
from utils.errors import AppError, TooManyRequests, Unauthorized

HOME = Caller("203.0.113.7")
ELSEWHERE = Caller("198.51.100.1")
WRONG = "not the right password"


@dataclass(frozen=True, slots=True)
class CountingHasher(PasswordHasher):
    """Note each comparison of a password, which is what takes the time of a sign-in."""

    compared: list[str | None] = field(default_factory=list)

    def verify(self, password: str, stored: str | None) -> bool:
        self.compared.append(stored)
        return PasswordHasher.verify(self, password, stored)


async def answer(house: House, username: str, caller: Caller, password: str = WRONG) -> tuple[object, ...]:
    with pytest.raises((Unauthorized, TooManyRequests)) as caught:
        await house.auth.sign_in(username, password, caller)
    error: AppError = caught.value
    return error.status, error.error_code, error.detail, error.retry_after_s


async def use_up_the_address(house: House, caller: Caller) -> None:
    """Try unknown names from an address until it has to wait."""
    number = 0
    while (await answer(house, f"stranger{number}", caller))[0] == 401:
        number += 1
    assert number == ADDRESS.free + 1


async def use_up_the_account(house: House, username: str) -> None:
    """Try wrong passwords from elsewhere until the account has to wait."""
    while (await answer(house, username, ELSEWHERE))[0] == 401:
        pass


@pytest.fixture
async def home(house: House) -> House:
    """Ada is known at home; Bob has an account, and was never there."""
    await house.auth.sign_in("Ada", PASSWORD, HOME)
    await house.auth.create_user("bob", PASSWORD, Role.USER)
    return house


UseUp = Callable[[House, str], Awaitable[None]]


async def _nothing(house: House, username: str) -> None:
    pass


async def _address(house: House, username: str) -> None:
    await use_up_the_address(house, HOME)


@pytest.mark.parametrize("use_up", [_nothing, _address, use_up_the_account])
async def test_who_is_known_somewhere_is_answered_there_as_who_does_not_exist(
    home: House, use_up: UseUp
) -> None:
    hasher = home.auth._hasher = CountingHasher(home.auth._hasher.cost)
    heard, compared = [], []
    for username in ("Ada", "bob", "nobody"):
        await home.pool.execute("DELETE FROM sign_in_throttle")
        await use_up(home, username)
        answers, counts = [], []
        # Past the growing distance, past what is allowed at once, and on for half an hour.
        for pause_s in (0, 0, 2, 4, 8, 16, 0, 20, 40, 100, 0, 300, 300, 0, 0, 600, 0, 0):
            home.now_ms += pause_s * 1000
            before = len(hasher.compared)
            answers.append(await answer(home, username, HOME))
            counts.append(len(hasher.compared) - before)
        heard.append(answers)
        compared.append(counts)

    assert heard[0] == heard[1] == heard[2]
    assert {status for status, *_ in heard[0]} == {401, 429}
    # The comparison takes a quarter of a second, so that it tells as much as a word.
    assert compared[0] == compared[1] == compared[2]


async def test_trying_a_known_account_leaves_as_little_for_others_as_trying_a_stranger(home: House) -> None:
    left = []
    for username in ("Ada", "nobody"):
        await home.pool.execute("DELETE FROM sign_in_throttle")
        await answer(home, username, HOME)
        number = 0
        while (await answer(home, f"stranger{number}", HOME))[0] == 401:
            number += 1
        left.append(number)

    assert left[0] == left[1]


@pytest.mark.parametrize("use_up", [_address, use_up_the_account])
async def test_the_owner_gets_in_where_a_stranger_has_to_wait(home: House, use_up: UseUp) -> None:
    await use_up(home, "Ada")

    assert (await answer(home, "Ada", HOME))[0] == 429
    assert await home.is_good(await home.auth.sign_in("Ada", PASSWORD, HOME))


@pytest.mark.parametrize("use_up", [_address, use_up_the_account])
async def test_a_right_password_of_somebody_who_is_not_known_there_has_to_wait(
    home: House, use_up: UseUp
) -> None:
    await use_up(home, "bob")

    assert (await answer(home, "bob", HOME, PASSWORD))[0] == 429
    assert await home.pool.fetchval("SELECT count(*) FROM known_place") == 1


async def test_where_nobody_is_known_no_time_is_spent_on_whom_to_refuse(house: House) -> None:
    await use_up_the_address(house, HOME)
    hasher = house.auth._hasher = CountingHasher(house.auth._hasher.cost)

    assert (await answer(house, "Ada", HOME))[0] == 429
    assert hasher.compared == []


async def test_what_is_allowed_beside_has_an_end_too(home: House) -> None:
    await use_up_the_address(home, HOME)
    for _ in range(KNOWN_PLACE.free + 1):
        await answer(home, "Ada", HOME)

    # Whoever shares the address has used up what was there for the owner as well.
    assert (await answer(home, "Ada", HOME, PASSWORD))[0] == 429
