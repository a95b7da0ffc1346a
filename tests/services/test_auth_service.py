"""Making users and signing in, on a real PostgreSQL."""

import asyncio
import hashlib
import logging
from dataclasses import replace
from uuid import uuid4

import pytest

from services.accounts import NOBODY, check_username
from services.hash_pool import HASH_QUEUE_MAX, HASH_THREADS_MAX
from services.sessions import TokenPair
from tests.services.conftest import PASSWORD, SETTINGS, House
from utils.accounts import Caller, Role
from utils.errors import Conflict, Forbidden, InvalidRequest, NotFound, Unauthorized, Unavailable


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
    for number, (username, password) in enumerate(WRONG):
        # So far apart that nobody is asked to wait.
        house.now_ms += 600_000
        with pytest.raises(Unauthorized) as caught:
            await house.auth.sign_in(username, password, Caller(f"192.0.2.{number}"))

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
    house.now_ms += 11_000
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
    ours = ("services.auth_service", "services.sessions")
    assert {record.getMessage() for record in caplog.records if record.name in ours} == {
        "signed in",
        "refresh token used twice",
        "sign-in refused",
    }


async def test_a_changed_cost_makes_the_hash_again_at_the_next_sign_in(house: House) -> None:
    house.auth.close()
    house.auth = house.restarted(replace(SETTINGS, bcrypt_cost=5))
    with pytest.raises(Unauthorized):
        await house.auth.sign_in("Ada", "not the right password")
    assert (await house.pool.fetchval("SELECT password_hash FROM app_user")).startswith("v1$2b$04$")

    await house.auth.sign_in("Ada", PASSWORD)
    assert (await house.pool.fetchval("SELECT password_hash FROM app_user")).startswith("v1$2b$05$")
    assert await house.is_good(await house.auth.sign_in("Ada", PASSWORD))


async def test_a_changed_password_ends_every_session_and_the_old_password(house: House) -> None:
    pairs = [await house.auth.sign_in("Ada", PASSWORD) for _ in range(3)]
    principal = await house.auth.authenticate(pairs[0].access_token)
    await house.auth.change_password(principal, PASSWORD, "another sentence of mine", NOBODY)

    assert [await house.is_good(pair) for pair in pairs] == [False] * 3
    assert [await house.refresh_or_none(pair.refresh_token) for pair in pairs] == [None] * 3
    with pytest.raises(Unauthorized):
        await house.auth.sign_in("Ada", PASSWORD)
    assert await house.is_good(await house.auth.sign_in("Ada", "another sentence of mine"))


async def test_a_sign_in_that_was_begun_before_the_password_changed_begins_no_session(house: House) -> None:
    principal = await house.auth.authenticate((await house.auth.sign_in("Ada", PASSWORD)).access_token)
    outcomes = await asyncio.gather(
        house.auth.change_password(principal, PASSWORD, "another sentence of mine", NOBODY),
        *(house.auth.sign_in("Ada", PASSWORD, Caller(f"192.0.2.{number}")) for number in range(3)),
        return_exceptions=True,
    )

    assert outcomes[0] is None
    good = [pair for pair in outcomes[1:] if isinstance(pair, TokenPair) and await house.is_good(pair)]
    assert good == []


async def test_more_than_fifty_sessions_end_the_oldest(house: House) -> None:
    pairs = []
    for _ in range(52):
        house.now_ms += 1
        pairs.append(await house.auth.sign_in("Ada", PASSWORD))

    assert [await house.is_good(pair) for pair in pairs] == [False] * 2 + [True] * 50


async def test_a_user_sees_and_ends_only_sessions_of_their_own(house: House) -> None:
    await house.auth.create_user("grace", PASSWORD, Role.USER)
    ada = await house.auth.authenticate(
        (await house.auth.sign_in("Ada", PASSWORD, Caller("192.0.2.1", "a browser"))).access_token
    )
    other = await house.auth.sign_in("Ada", PASSWORD)
    graces = await house.auth.sign_in("grace", PASSWORD)
    grace = await house.auth.authenticate(graces.access_token)

    seen = await house.auth.list_sessions(ada)
    assert len(seen) == 2
    assert {(each.address, each.client) for each in seen} == {("192.0.2.1", "a browser"), ("local", "")}
    # Another's session and one that never was are one answer.
    for session_id in (grace.session_id, uuid4()):
        with pytest.raises(NotFound, match="There is no such session"):
            await house.auth.end_session(ada, session_id, NOBODY)
    assert await house.is_good(graces)
    await house.auth.end_sessions(ada, NOBODY, spared_id=ada.session_id)
    assert not await house.is_good(other)
    assert [each.session_id for each in await house.auth.list_sessions(ada)] == [ada.session_id]
    assert await house.is_good(graces)


async def test_registering_needs_the_operators_leave(house: House) -> None:
    with pytest.raises(Forbidden, match="Ask the operator"):
        await house.auth.accounts.register("grace", PASSWORD, NOBODY)
    house.auth.close()
    house.auth = house.restarted(replace(SETTINGS, registration_open=True))

    assert (await house.auth.accounts.register("grace", PASSWORD, NOBODY)).role is Role.USER


async def test_a_ticket_opens_once_within_thirty_seconds_for_its_origin(house: House) -> None:
    pair = await house.auth.sign_in("Ada", PASSWORD)
    ada = await house.auth.authenticate(pair.access_token)
    page = "https://charts.example"

    async def opens(ticket: str, origin: str | None) -> bool:
        try:
            return await house.auth.tickets.spend(ticket, origin) == ada
        except Unauthorized:
            return False

    ticket = await house.auth.tickets.issue(ada, page)
    assert sorted(await asyncio.gather(*(opens(ticket, page) for _ in range(20)))) == [False] * 19 + [True]
    # Shown by another page it is spent too.
    ticket = await house.auth.tickets.issue(ada, page)
    assert [await opens(ticket, "https://evil.example"), await opens(ticket, page)] == [False, False]
    ticket = await house.auth.tickets.issue(ada, None)
    house.now_ms += 30_000
    assert not await opens(ticket, None)
    ticket = await house.auth.tickets.issue(ada, None)
    await house.auth.end_sessions(ada, NOBODY)
    assert not await opens(ticket, None)
    for text in ("", "x", pair.access_token, pair.refresh_token, "é" * 43):
        assert not await opens(text, None)


async def test_users_come_in_pages_by_id(house: House) -> None:
    for name in ("bob", "cleo", "dora"):
        await house.auth.create_user(name, PASSWORD, Role.ADMIN)

    first = await house.admin.list_users(after_user_id=0, limit=3)
    rest = await house.admin.list_users(after_user_id=first[-1].user_id, limit=3)

    assert [user.username for user in first + rest] == ["Ada", "bob", "cleo", "dora"]
    assert [user.role for user in rest] == [Role.ADMIN]
    assert {user.created_ms for user in first} == {house.now_ms}


async def test_of_a_crowd_that_signs_in_who_finds_no_place_is_refused_before_anything_is_asked(
    house: House,
) -> None:
    places = HASH_THREADS_MAX + HASH_QUEUE_MAX
    asked = (house.auth.sign_in(f"person{n}", PASSWORD, Caller(f"192.0.2.{n}")) for n in range(60))
    crowd = await asyncio.gather(*asked, return_exceptions=True)

    assert [type(each) for each in crowd].count(Unauthorized) == places
    refused = [each for each in crowd if isinstance(each, Unavailable)]
    assert len(refused) == 60 - places
    assert {each.error_code for each in refused} == {"busy"}
    # Counted for each by account and by address.
    assert await house.pool.fetchval("SELECT count(*) FROM sign_in_throttle") == 2 * places
    await house.auth.sign_in("Ada", PASSWORD)
