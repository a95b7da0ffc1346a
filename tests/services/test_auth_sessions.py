"""Staying signed in, and what ends it: time, reuse, a disabled user."""

from uuid import uuid4

import pytest

from services.tokens import AccessTokenCodec, SigningKeys, new_refresh_token
from tests.services.conftest import PASSWORD, SETTINGS, House
from utils.accounts import Principal, Role
from utils.domain import DAY_MS
from utils.errors import Unauthorized


async def test_refreshing_gives_a_new_pair_of_the_same_session(house: House) -> None:
    first = await house.auth.sign_in("Ada", PASSWORD)
    second = await house.auth.refresh(first.refresh_token)

    before = await house.auth.authenticate(first.access_token)
    after = await house.auth.authenticate(second.access_token)
    assert before == after
    assert second.refresh_token != first.refresh_token
    assert second.access_token != first.access_token


async def test_an_access_token_ends_and_a_refreshed_one_goes_on(house: House) -> None:
    first = await house.auth.sign_in("Ada", PASSWORD)
    house.now_ms += 910_000
    second = await house.auth.refresh(first.refresh_token)

    assert not await house.is_good(first)
    assert await house.is_good(second)


async def test_a_session_that_nobody_refreshed_for_a_week_has_ended(house: House) -> None:
    pair = await house.auth.sign_in("Ada", PASSWORD)
    house.now_ms += 7 * DAY_MS - 1
    pair = await house.auth.refresh(pair.refresh_token)
    assert len(await house.auth.list_sessions(await house.auth.authenticate(pair.access_token))) == 1
    house.now_ms += 7 * DAY_MS

    assert await house.refresh_or_none(pair.refresh_token) is None
    assert not await house.is_good(pair)


async def test_refreshing_never_moves_the_end_of_a_session(house: House) -> None:
    pair = await house.auth.sign_in("Ada", PASSWORD)
    for _ in range(30):
        house.now_ms += DAY_MS - 1
        pair = await house.auth.refresh(pair.refresh_token)
    assert await house.is_good(pair)

    house.now_ms += 30
    assert not await house.is_good(pair)
    assert await house.refresh_or_none(pair.refresh_token) is None


async def test_a_refresh_token_used_twice_ends_its_session_and_every_descendant(house: House) -> None:
    for replayed in range(3):
        pairs = [await house.auth.sign_in("Ada", PASSWORD)]
        for _ in range(3):
            pairs.append(await house.auth.refresh(pairs[-1].refresh_token))
        house.now_ms += 10_001

        assert await house.refresh_or_none(pairs[replayed].refresh_token) is None

        assert [await house.is_good(pair) for pair in pairs] == [False] * 4
        assert [await house.refresh_or_none(pair.refresh_token) for pair in pairs] == [None] * 4
    reasons = await house.pool.fetch("SELECT revoked_reason FROM session")
    assert [row["revoked_reason"] for row in reasons] == ["refresh_token_reused"] * 3


async def test_a_replay_leaves_other_sessions_of_the_user_alone(house: House) -> None:
    stolen = await house.auth.sign_in("Ada", PASSWORD)
    other = await house.auth.sign_in("Ada", PASSWORD)
    await house.auth.refresh(stolen.refresh_token)
    house.now_ms += 10_001
    await house.refresh_or_none(stolen.refresh_token)

    assert await house.is_good(other)
    assert await house.refresh_or_none(other.refresh_token) is not None


async def test_an_unknown_refresh_token_is_refused(house: House) -> None:
    for token in ("", "x", "a" * 43, "é" * 43, "\0", new_refresh_token()):
        with pytest.raises(Unauthorized, match="Sign in again"):
            await house.auth.refresh(token)


async def test_an_access_token_is_no_refresh_token_and_the_other_way_round(house: House) -> None:
    pair = await house.auth.sign_in("Ada", PASSWORD)

    with pytest.raises(Unauthorized):
        await house.auth.refresh(pair.access_token)
    with pytest.raises(Unauthorized):
        await house.auth.authenticate(pair.refresh_token)
    assert await house.is_good(pair)


async def test_a_disabled_user_is_refused_at_the_next_request(house: House) -> None:
    pair = await house.auth.sign_in("Ada", PASSWORD)
    await house.pool.execute("UPDATE app_user SET disabled_at = now()")

    assert not await house.is_good(pair)
    assert await house.refresh_or_none(pair.refresh_token) is None


async def test_a_changed_role_counts_at_the_next_request(house: House) -> None:
    pair = await house.auth.sign_in("Ada", PASSWORD)
    await house.pool.execute("UPDATE app_user SET role = 'admin'")
    assert (await house.auth.authenticate(pair.access_token)).role is Role.ADMIN

    refreshed = await house.auth.refresh(pair.refresh_token)
    await house.pool.execute("UPDATE app_user SET role = 'user'")
    assert (await house.auth.authenticate(refreshed.access_token)).role is Role.USER


async def test_a_deleted_user_is_refused_and_takes_the_sessions_along(house: House) -> None:
    pair = await house.auth.sign_in("Ada", PASSWORD)
    await house.pool.execute("DELETE FROM app_user")

    assert not await house.is_good(pair)
    assert await house.pool.fetchval("SELECT count(*) FROM refresh_token") == 0


async def test_a_well_signed_token_needs_its_own_session_and_user(house: House) -> None:
    await house.auth.create_user("grace", PASSWORD, Role.ADMIN)
    pair = await house.auth.sign_in("Ada", PASSWORD)
    ada = await house.auth.authenticate(pair.access_token)
    codec = AccessTokenCodec(SigningKeys.derive(SETTINGS.secret_keys), 900)

    for principal in (
        Principal(ada.user_id + 1, "grace", Role.ADMIN, ada.session_id),
        Principal(ada.user_id, "Ada", Role.USER, uuid4()),
        Principal(2**63 - 1, "Ada", Role.USER, ada.session_id),
    ):
        with pytest.raises(Unauthorized):
            await house.auth.authenticate(codec.encode(principal, house.now_ms))


async def test_signing_in_forgets_the_expired_sessions_of_that_user(house: House) -> None:
    await house.auth.sign_in("Ada", PASSWORD)
    house.now_ms += 29 * DAY_MS
    await house.auth.sign_in("Ada", PASSWORD)
    house.now_ms += DAY_MS
    await house.auth.sign_in("Ada", PASSWORD)

    assert await house.pool.fetchval("SELECT count(*) FROM session") == 2
    assert await house.pool.fetchval("SELECT count(*) FROM refresh_token") == 2
