"""A request with a key is done once, whoever sends it again, and whatever dies in between."""

import asyncio
import hashlib

import asyncpg
import pytest

from services.idempotency import GIVEN_UP_MS, Claim, IdempotentRequests, KeptAnswer
from utils.clock import Clock
from utils.errors import Conflict, InvalidRequest

ANSWER = KeptAnswer(201, "application/json", b'{"id":1}')


class Hand:
    now_ms = 1_795_000_000_000


@pytest.fixture
def requests(pool: asyncpg.Pool) -> IdempotentRequests:
    return of_secrets(pool, "new")


def of_secrets(pool: asyncpg.Pool, *secrets: str) -> IdempotentRequests:
    return IdempotentRequests(pool, Clock(now_ms=lambda: Hand.now_ms), secrets)


@pytest.mark.parametrize("times", [1, pytest.param(100, marks=pytest.mark.long)])
async def test_of_fifty_at_once_one_does_it_and_all_get_its_answer(
    requests: IdempotentRequests, times: int
) -> None:
    for number in range(times):
        await send_fifty_at_once(requests, f"key {number}")


async def send_fifty_at_once(requests: IdempotentRequests, name: str) -> None:
    effects: list[int] = []

    async def send(number: int) -> KeptAnswer:
        while True:
            try:
                claim = await requests.begin(name=name, content=b"{}")
            except Conflict as busy:
                assert busy.error_code == "request_in_progress"  # noqa: PT017 - asked again until it is done
                await asyncio.sleep(0.001)
                continue
            if isinstance(claim, KeptAnswer):
                return claim
            effects.append(number)
            await asyncio.sleep(0.01)
            await requests.finish(claim, ANSWER)
            return ANSWER

    async with asyncio.timeout(20):
        answers = await asyncio.gather(*(send(number) for number in range(50)))
    assert len(effects) == 1
    assert set(answers) == {ANSWER}


async def test_another_body_under_the_same_key_is_refused(requests: IdempotentRequests) -> None:
    claim = await requests.begin(name="key", content=b"one")
    assert isinstance(claim, Claim)
    for _ in range(2):
        with pytest.raises(InvalidRequest) as refused:
            await requests.begin(name="key", content=b"two")
        assert refused.value.error_code == "idempotency_key_reused"
        await requests.finish(claim, ANSWER)
    assert await requests.begin(name="key", content=b"one") == ANSWER


async def test_what_failed_may_be_tried_again(requests: IdempotentRequests) -> None:
    claim = await requests.begin(name="key", content=b"one")
    assert isinstance(claim, Claim)
    await requests.forget(claim)
    assert isinstance(await requests.begin(name="key", content=b"two"), Claim)


async def test_a_claim_whose_worker_died_ends_after_a_minute(requests: IdempotentRequests) -> None:
    dead = await requests.begin(name="key", content=b"one")
    assert isinstance(dead, Claim)
    with pytest.raises(Conflict):
        await requests.begin(name="key", content=b"one")
    Hand.now_ms += GIVEN_UP_MS + 1
    outcomes = await asyncio.gather(
        *(requests.begin(name="key", content=b"one") for _ in range(20)), return_exceptions=True
    )
    claims = [outcome for outcome in outcomes if isinstance(outcome, Claim)]
    assert len(claims) == 1
    # It comes back to life too late: what it says is not kept, and what it gives back is not given back.
    await requests.finish(dead, KeptAnswer(500, "text/plain", b"late"))
    await requests.forget(dead)
    await requests.finish(claims[0], ANSWER)
    assert await requests.begin(name="key", content=b"one") == ANSWER


@pytest.mark.parametrize("name", ["", "\0", "\ud800", "x" * 10_000])
async def test_any_name_is_a_name(requests: IdempotentRequests, name: str) -> None:
    assert isinstance(await requests.begin(name=name, content=b""), Claim)


async def test_what_was_asked_for_cannot_be_guessed_from_the_database(
    requests: IdempotentRequests, pool: asyncpg.Pool
) -> None:
    content = b'{"username":"ada","password":"a horse in a field of corn"}'
    await requests.begin(name="register", content=content)
    stored = await pool.fetchval("SELECT request_hash FROM idempotency_key")
    assert stored != hashlib.sha256(content).digest()
    assert len(stored) == 32


async def test_a_request_is_known_again_after_the_secret_was_changed(
    requests: IdempotentRequests, pool: asyncpg.Pool
) -> None:
    claim = await requests.begin(name="a", content=b"{}")
    assert isinstance(claim, Claim)
    await requests.finish(claim, ANSWER)
    assert await of_secrets(pool, "newer", "new").begin(name="a", content=b"{}") == ANSWER
    with pytest.raises(InvalidRequest):
        await of_secrets(pool, "newer").begin(name="a", content=b"{}")


async def test_a_claim_whose_worker_died_ends_after_a_minute_though_the_secret_was_changed(
    requests: IdempotentRequests, pool: asyncpg.Pool
) -> None:
    await requests.begin(name="key", content=b"one")
    changed = of_secrets(pool, "newer", "new")
    with pytest.raises(Conflict):
        await changed.begin(name="key", content=b"one")
    Hand.now_ms += GIVEN_UP_MS + 1
    with pytest.raises(InvalidRequest):
        await changed.begin(name="key", content=b"two")
    outcomes = await asyncio.gather(
        *(changed.begin(name="key", content=b"one") for _ in range(20)), return_exceptions=True
    )
    claims = [outcome for outcome in outcomes if isinstance(outcome, Claim)]
    assert len(claims) == 1
    await changed.finish(claims[0], ANSWER)
    # It is known by the new secret from then on, also once the old one has gone.
    assert await of_secrets(pool, "newer").begin(name="key", content=b"one") == ANSWER
