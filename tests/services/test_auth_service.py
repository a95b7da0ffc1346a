"""Making users and signing in, on a real PostgreSQL."""

import asyncio
import hashlib
import logging

import pytest

from services.auth_service import check_username
from tests.services.conftest import PASSWORD, SETTINGS, House
from utils.accounts import Role
from utils.errors import Conflict, InvalidRequest, Unauthorized


async def test_signing_in_makes_a_pair_that_tells_who_it_is(house: House) -> None:
    pair = await house.auth.sign_in("Ada", PASSWORD)
    principal = await house.auth.authenticate(pair.access_token)

    assert (principal.username, principal.role) == ("Ada", Role.USER)
    assert pair.expires_in_s == 900


async def test_a_name_is_the_same_in_any_case(house: House) -> None:
    pair = await house.auth.sign_in("aDA", PASSWORD)

    assert (await house.auth.authenticate(pair.access_token)).username == "Ada"


WRONG = [
    ("Ada", PASSWORD + "x"),
    ("Ada", PASSWORD.upper()),
    ("Ada", ""),
    ("Ada", "x" * 1024),
    ("Ada", "half a character \ud800"),
    ("nobody", PASSWORD),
    ("", PASSWORD),
    ("Ada ", PASSWORD),
    ("Ada' OR '1'='1", PASSWORD),
    ("Ada\0", PASSWORD),
    ("\ud800", PASSWORD),
]


async def test_whoever_cannot_sign_in_hears_one_sentence(house: House) -> None:
    for username, password in WRONG:
        with pytest.raises(Unauthorized) as caught:
            await house.auth.sign_in(username, password)

        assert caught.value.detail == "The username or the password is not right. Check both and try again."
        assert caught.value.error_code == "invalid_credentials"


async def test_a_disabled_user_hears_the_same_sentence_as_nobody(house: House) -> None:
    await house.pool.execute("UPDATE app_user SET disabled_at = now()")

    with pytest.raises(Unauthorized) as disabled:
        await house.auth.sign_in("Ada", PASSWORD)
    with pytest.raises(Unauthorized) as unknown:
        await house.auth.sign_in("nobody", PASSWORD)

    assert (disabled.value.detail, disabled.value.error_code) == (
        unknown.value.detail,
        unknown.value.error_code,
    )
    assert await house.pool.fetchval("SELECT count(*) FROM session") == 0


async def test_a_name_can_be_taken_once_whatever_its_case(house: House) -> None:
    outcomes = await asyncio.gather(
        *(house.auth.create_user(name, PASSWORD, Role.USER) for name in ("Grace", "grace", "GRACE")),
        return_exceptions=True,
    )

    refused = [outcome for outcome in outcomes if isinstance(outcome, Conflict)]
    assert len(refused) == 2
    assert all("Choose another name" in error.detail for error in refused)


@pytest.mark.parametrize(
    "username", ["", "ab", "a" * 65, "-ada", "ada lovelace", "ädä", "ada\n", "а" * 5, "a\0b", "ada;"]
)
def test_a_name_that_does_not_fit_is_refused_in_a_sentence(username: str) -> None:
    with pytest.raises(InvalidRequest, match="3 to 64 letters") as caught:
        check_username(username)

    assert [error.field for error in caught.value.errors] == ["username"]


async def test_a_name_that_fits_can_sign_in(house: House) -> None:
    for username in ("abc", "a" * 64, "ada@example.org", "Ada.Lovelace-2_x+y", "4da"):
        await house.auth.create_user(username, PASSWORD, Role.USER)

        assert await house.is_good(await house.auth.sign_in(username, PASSWORD))


async def test_a_name_that_does_not_fit_makes_no_user(house: House) -> None:
    with pytest.raises(InvalidRequest, match="3 to 64 letters"):
        await house.auth.create_user("ada lovelace", PASSWORD, Role.USER)


async def test_a_short_password_makes_no_user(house: House) -> None:
    with pytest.raises(InvalidRequest, match="at least 15 characters"):
        await house.auth.create_user("grace", "only 14 chars!", Role.USER)

    assert await house.pool.fetchval("SELECT count(*) FROM app_user") == 1


async def test_the_database_holds_neither_passwords_nor_tokens(house: House) -> None:
    pair = await house.auth.sign_in("Ada", PASSWORD)

    hashes = [row["token_hash"] for row in await house.pool.fetch("SELECT token_hash FROM refresh_token")]
    assert hashes == [hashlib.sha256(pair.refresh_token.encode()).digest()]
    assert (await house.pool.fetchval("SELECT password_hash FROM app_user")).startswith("v1$2b$04$")


async def test_nothing_secret_is_logged_or_shown(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    pair = await house.auth.sign_in("Ada", PASSWORD)
    refreshed = await house.auth.refresh(pair.refresh_token)
    await house.refresh_or_none(pair.refresh_token)
    with pytest.raises(Unauthorized):
        await house.auth.sign_in("Ada", PASSWORD + "x")

    shown = repr([vars(record) for record in caplog.records]) + repr([pair, SETTINGS])
    secrets = [
        PASSWORD,
        pair.access_token,
        pair.refresh_token,
        refreshed.access_token,
        refreshed.refresh_token,
        SETTINGS.secret_keys[0],
        "2b$04",
    ]
    assert [secret for secret in secrets if secret in shown] == []
    assert {record.getMessage() for record in caplog.records if record.name == "services.auth_service"} == {
        "signed in",
        "refresh token used twice",
        "sign-in refused",
    }


async def test_users_come_in_pages_by_id(house: House) -> None:
    for name in ("bob", "cleo", "dora"):
        await house.auth.create_user(name, PASSWORD, Role.ADMIN)

    first = await house.auth.list_users(after_user_id=0, limit=3)
    rest = await house.auth.list_users(after_user_id=first[-1].user_id, limit=3)

    assert [user.username for user in first + rest] == ["Ada", "bob", "cleo", "dora"]
    assert [user.role for user in rest] == [Role.ADMIN]
    assert {user.created_ms for user in first} == {house.now_ms}
