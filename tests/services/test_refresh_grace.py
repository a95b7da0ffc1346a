"""A refresh token used twice: the retry of somebody who did not hear the answer, or a thief.

The rule, as a model: a session is a chain of refresh tokens. The last one makes the next. The one before the
last, within ten seconds of its use, gives the last one again. Any other ends the session for good.
"""

import asyncio
import random
from dataclasses import dataclass, field, replace

import pytest

from services.sessions import GRACE_MS, TokenPair
from tests.services.conftest import PASSWORD, SETTINGS, House

ROTATED = replace(SETTINGS, secret_keys=("a newer secret, long enough to be one too", *SETTINGS.secret_keys))


@dataclass
class Chain:
    """What a session should be: its refresh tokens in order, when each was used, and whether it is over."""

    tokens: list[str]
    used_ms: list[int] = field(default_factory=list)
    dead: bool = False

    def expects(self, token: str, now_ms: int) -> str | None:
        """Return what using a token gives: ``new``, the same token as before, or None."""
        place = self.tokens.index(token)
        if self.dead:
            return None
        if place == len(self.used_ms):
            self.used_ms.append(now_ms)
            return "new"
        is_parent = place == len(self.used_ms) - 1
        if is_parent and now_ms - self.used_ms[place] <= GRACE_MS:
            return self.tokens[place + 1]
        self.dead = True
        return None


async def use(house: House, chain: Chain, token: str, times: int = 1) -> list[TokenPair]:
    """Use a token, perhaps several times at once, and hold what happens to the model."""
    outcomes = await asyncio.gather(*(house.refresh_or_none(token) for _ in range(times)))
    expected = chain.expects(token, house.now_ms)
    if expected is None:
        assert outcomes == [None] * times
        return []
    pairs = [pair for pair in outcomes if pair is not None]
    # A crowd shares one child: the first makes it, the others are within the grace.
    assert len(pairs) == times
    (successor,) = {pair.refresh_token for pair in pairs}
    assert len({pair.access_token for pair in pairs}) == times
    if expected == "new":
        assert successor not in chain.tokens
        chain.tokens.append(successor)
    else:
        assert successor == expected
    return pairs


async def one_interleaving(house: House, seed: int) -> None:
    rng = random.Random(seed)
    house.auth = house.restarted(SETTINGS)
    pair = await house.auth.sign_in("Ada", PASSWORD)
    chain, pairs = Chain([pair.refresh_token]), [pair]
    for _ in range(8):
        house.now_ms += rng.choice([0, 1, 3_000, GRACE_MS, GRACE_MS + 1])
        if rng.random() < 0.2:
            house.auth.close()
            house.auth = house.restarted(ROTATED)
        token = chain.tokens[-1] if rng.random() < 0.5 else rng.choice(chain.tokens)
        pairs += await use(house, chain, token, times=rng.choice([1, 1, 1, 2, 5]))
        for held in {rng.choice(pairs), pairs[-1]}:
            assert await house.is_good(held) == (not chain.dead), seed
    if chain.dead:
        assert [await house.refresh_or_none(token) for token in chain.tokens] == [None] * len(chain.tokens)


async def interleave(house: House, seeds: range) -> None:
    for seed in seeds:
        await one_interleaving(house, seed)
        await house.pool.execute("DELETE FROM session")
    house.auth.close()


async def test_no_descendant_of_a_reused_token_ever_succeeds(house: House) -> None:
    await interleave(house, range(60))


@pytest.mark.long
async def test_no_descendant_of_a_reused_token_ever_succeeds_in_1000_interleavings(house: House) -> None:
    await interleave(house, range(10_000, 11_000))


async def test_a_retry_within_the_grace_gets_the_same_refresh_token_and_a_new_access_token(
    house: House,
) -> None:
    first = await house.auth.sign_in("Ada", PASSWORD)
    second = await house.auth.refresh(first.refresh_token)
    house.now_ms += GRACE_MS
    again = await house.auth.refresh(first.refresh_token)

    assert again.refresh_token == second.refresh_token
    assert again.access_token != second.access_token
    assert await house.is_good(again)
    assert await house.is_good(second)
    assert await house.pool.fetchval("SELECT count(*) FROM refresh_token") == 2


async def test_a_millisecond_after_the_grace_a_retry_is_a_theft(house: House) -> None:
    first = await house.auth.sign_in("Ada", PASSWORD)
    second = await house.auth.refresh(first.refresh_token)
    house.now_ms += GRACE_MS + 1

    assert await house.refresh_or_none(first.refresh_token) is None
    assert not await house.is_good(second)
    assert await house.refresh_or_none(second.refresh_token) is None


async def test_the_grace_is_for_the_immediate_parent_only(house: House) -> None:
    first = await house.auth.sign_in("Ada", PASSWORD)
    second = await house.auth.refresh(first.refresh_token)
    third = await house.auth.refresh(second.refresh_token)

    assert await house.refresh_or_none(first.refresh_token) is None
    assert not await house.is_good(third)
    assert await house.refresh_or_none(third.refresh_token) is None


async def test_fifty_refreshes_at_once_share_one_child(house: House) -> None:
    pair = await house.auth.sign_in("Ada", PASSWORD)

    outcomes = await asyncio.gather(*(house.auth.refresh(pair.refresh_token) for _ in range(50)))

    assert len({child.refresh_token for child in outcomes}) == 1
    assert await house.pool.fetchval("SELECT count(*) FROM refresh_token") == 2


async def test_a_changed_secret_signs_nobody_out_while_the_old_one_is_known(house: House) -> None:
    old = await house.auth.sign_in("Ada", PASSWORD)
    child = await house.auth.refresh(old.refresh_token)
    house.auth.close()
    house.auth = house.restarted(ROTATED)

    assert await house.is_good(old)
    # Also a retry that was begun with the old secret.
    assert (await house.auth.refresh(old.refresh_token)).refresh_token == child.refresh_token
    newer = await house.auth.refresh(child.refresh_token)
    house.auth.close()
    house.auth = house.restarted(replace(ROTATED, secret_keys=ROTATED.secret_keys[:1]))

    assert not await house.is_good(old)
    assert await house.is_good(newer)
    assert await house.refresh_or_none(newer.refresh_token) is not None


async def test_reuse_is_noted_for_admins(house: House) -> None:
    pair = await house.auth.sign_in("Ada", PASSWORD)
    await house.auth.refresh(pair.refresh_token)
    house.now_ms += GRACE_MS + 1
    for _ in range(3):
        await house.refresh_or_none(pair.refresh_token)

    events = await house.admin.list_events(before_event_id=None, limit=10)
    assert [event.action for event in events] == ["refresh_token_reused", "user_created"]
