"""Signing in, refreshing and being known, on a real PostgreSQL."""

import asyncio
import hashlib
import logging
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from uuid import uuid4

import asyncpg
import pytest

from services.auth_service import AuthService, AuthSettings, TokenPair
from services.tokens import AccessTokenCodec, SigningKeys, new_refresh_token
from utils.accounts import Principal, Role
from utils.clock import Clock
from utils.errors import Conflict, InvalidRequest, Unauthorized

PASSWORD = "a horse in a field of corn"
SETTINGS = AuthSettings(
    secret_keys=("a secret of a test, long enough to be one",),
    access_token_life_s=900,
    session_life_s=30 * 86_400,
    bcrypt_cost=4,
)
DAY_MS = 86_400_000


@dataclass
class House:
    """An AuthService and the clock it reads, which tests move by hand."""

    pool: asyncpg.Pool
    now_ms: int = 1_795_000_000_000
    auth: AuthService = field(init=False)

    def __post_init__(self) -> None:
        self.auth = AuthService(pool=self.pool, clock=Clock(now_ms=lambda: self.now_ms), settings=SETTINGS)

    async def is_good(self, pair: TokenPair) -> bool:
        try:
            await self.auth.authenticate(pair.access_token)
        except Unauthorized:
            return False
        return True

    async def refresh_or_none(self, refresh_token: str) -> TokenPair | None:
        try:
            return await self.auth.refresh(refresh_token)
        except Unauthorized:
            return None


@pytest.fixture
async def house(pool: asyncpg.Pool) -> AsyncIterator[House]:
    house = House(pool)
    await house.auth.create_user("Ada", PASSWORD, Role.USER)
    yield house
    house.auth.close()


async def test_signing_in_makes_a_pair_that_tells_who_it_is(house: House) -> None:
    pair = await house.auth.sign_in("Ada", PASSWORD)
    principal = await house.auth.authenticate(pair.access_token)

    assert (principal.username, principal.role) == ("Ada", Role.USER)
    assert pair.expires_in_s == 900


async def test_a_name_is_the_same_in_any_case(house: House) -> None:
    pair = await house.auth.sign_in("aDA", PASSWORD)

    assert (await house.auth.authenticate(pair.access_token)).username == "Ada"


@pytest.mark.parametrize(
    ("username", "password"),
    [
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
    ],
)
async def test_whoever_cannot_sign_in_hears_one_sentence(house: House, username: str, password: str) -> None:
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
async def test_a_name_that_does_not_fit_is_refused_in_a_sentence(house: House, username: str) -> None:
    with pytest.raises(InvalidRequest, match="3 to 64 letters") as caught:
        await house.auth.create_user(username, PASSWORD, Role.USER)

    assert [error.field for error in caught.value.errors] == ["username"]


@pytest.mark.parametrize("username", ["abc", "a" * 64, "ada@example.org", "Ada.Lovelace-2_x+y", "4da"])
async def test_a_name_that_fits_can_sign_in(house: House, username: str) -> None:
    await house.auth.create_user(username, PASSWORD, Role.USER)

    assert await house.is_good(await house.auth.sign_in(username, PASSWORD))


async def test_a_short_password_makes_no_user(house: House) -> None:
    with pytest.raises(InvalidRequest, match="at least 15 characters"):
        await house.auth.create_user("grace", "only 14 chars!", Role.USER)

    assert await house.pool.fetchval("SELECT count(*) FROM app_user") == 1


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


async def test_refreshing_never_moves_the_end_of_a_session(house: House) -> None:
    pair = await house.auth.sign_in("Ada", PASSWORD)
    for _ in range(30):
        house.now_ms += DAY_MS - 1
        pair = await house.auth.refresh(pair.refresh_token)
    assert await house.is_good(pair)

    house.now_ms += 30
    assert not await house.is_good(pair)
    assert await house.refresh_or_none(pair.refresh_token) is None


@pytest.mark.parametrize("replayed", [0, 1, 2])
async def test_a_refresh_token_used_twice_ends_its_session_and_every_descendant(
    house: House, replayed: int
) -> None:
    pairs = [await house.auth.sign_in("Ada", PASSWORD)]
    for _ in range(3):
        pairs.append(await house.auth.refresh(pairs[-1].refresh_token))

    assert await house.refresh_or_none(pairs[replayed].refresh_token) is None

    assert [await house.is_good(pair) for pair in pairs] == [False] * 4
    assert [await house.refresh_or_none(pair.refresh_token) for pair in pairs] == [None] * 4
    assert await house.pool.fetchval("SELECT revoked_reason FROM session") == "refresh_token_reused"


async def test_a_replay_leaves_other_sessions_of_the_user_alone(house: House) -> None:
    stolen = await house.auth.sign_in("Ada", PASSWORD)
    other = await house.auth.sign_in("Ada", PASSWORD)
    await house.auth.refresh(stolen.refresh_token)
    await house.refresh_or_none(stolen.refresh_token)

    assert await house.is_good(other)
    assert await house.refresh_or_none(other.refresh_token) is not None


async def test_twenty_refreshes_at_once_have_one_child_at_most(house: House) -> None:
    pair = await house.auth.sign_in("Ada", PASSWORD)

    outcomes = await asyncio.gather(*(house.refresh_or_none(pair.refresh_token) for _ in range(20)))

    children = [child for child in outcomes if child is not None]
    assert len(children) == 1
    assert await house.pool.fetchval("SELECT count(*) FROM refresh_token WHERE parent_hash IS NOT NULL") == 1
    # The other nineteen were reuse, so that the one child is worth nothing either.
    assert not await house.is_good(children[0])
    assert await house.refresh_or_none(children[0].refresh_token) is None


@pytest.mark.parametrize("seed", range(20))
async def test_after_a_replay_nothing_of_the_session_ever_succeeds(house: House, seed: int) -> None:
    rng = random.Random(seed)
    tokens = [(await house.auth.sign_in("Ada", PASSWORD)).refresh_token]
    dead = False
    for _ in range(15):
        # Mostly the newest token, as an honest client would; sometimes any of them, some twice at once.
        chosen = tokens[-1] if rng.random() < 0.7 else rng.choice(tokens)
        times = rng.choice([1, 1, 1, 2])
        outcomes = await asyncio.gather(*(house.refresh_or_none(chosen) for _ in range(times)))
        children = [child for child in outcomes if child is not None]
        assert len(children) == (0 if dead or chosen != tokens[-1] else 1)
        dead = dead or chosen != tokens[-1] or times > 1
        tokens += [child.refresh_token for child in children]
        assert [await house.is_good(child) for child in children] == [not dead] * len(children)


@pytest.mark.parametrize("token", ["", "x", "a" * 43, "é" * 43, "\0", new_refresh_token()])
async def test_an_unknown_refresh_token_is_refused(house: House, token: str) -> None:
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
