"""Requests that are done once however often they are sent: those that carry an Idempotency-Key.

The key, the caller and the address of the request together name it. An answer is kept for two days. What
failed is not kept: nothing was done, and the same key may try again.

Who does the work keeps the answer in the transaction of the work: both are there, or neither.
"""

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID, uuid4

import asyncpg

from services.stores import idempotency
from services.tokens import derive_key
from utils.clock import Clock
from utils.errors import Conflict, InvalidRequest

# A request that was not answered by then never will be: its worker is gone.
GIVEN_UP_MS = 60_000
RETRY_AFTER_S = 1.0

Result = TypeVar("Result")
# Called with what was done, over the connection and before the end of the transaction that does it.
Keep = Callable[[asyncpg.Connection, Result], Awaitable[None]]


async def keep_nothing(_connection: asyncpg.Connection, _result: object) -> None:
    """Keep no answer: the request has no key, or is none."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to do what a request asks for."""

    key_hash: bytes
    claim: UUID


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What the same request was answered before."""

    status: int
    content_type: str
    body: bytes


class IdempotentRequests:
    """Know which requests were answered, and let each be done once."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock, secret_keys: Sequence[str]) -> None:
        self._pool = pool
        self._clock = clock
        self._keys = tuple(derive_key(secret, "idempotency content") for secret in secret_keys)

    async def begin(self, *, name: str, content: bytes) -> Claim | KeptAnswer:
        """Return what the request of this name was answered before, or the right to do it now.

        Raises: Conflict while it is being done; InvalidRequest when it held something else before.
        """
        claim = Claim(hashlib.sha256(name.encode("utf-8", "replace")).digest(), uuid4())
        # Under a key: what is asked for may hold a password, and whoever reads the database could try words
        # as fast as they are hashed.
        hashes = tuple(hmac.digest(key, content, hashlib.sha256) for key in self._keys)
        now_ms = self._clock.now_ms()
        kept = await idempotency.claim_key(
            self._pool,
            claim.key_hash,
            hashes,
            claim.claim,
            now_ms=now_ms,
            given_up_ms=now_ms - GIVEN_UP_MS,
        )
        if kept.request_hash not in hashes:
            raise InvalidRequest(
                "This Idempotency-Key came with another request before. Use a new key for a new request.",
                code="idempotency_key_reused",
            )
        if kept.claim == claim.claim:
            return claim
        if kept.status is None:
            raise _in_progress()
        return KeptAnswer(kept.status, kept.content_type or "", kept.body or b"")

    async def finish(self, claim: Claim, answer: KeptAnswer) -> None:
        """Keep the answer to what left nothing behind, or nothing that may not be done again."""
        await _keep(self._pool, claim, answer)

    def keeper(self, claim: Claim, answer: Callable[[Result], Awaitable[KeptAnswer]]) -> Keep[Result]:
        """Return what keeps the answer to a result together with what its transaction does.

        It raises Conflict when somebody else has taken the request over, so that nothing is done here.
        """

        async def keep(connection: asyncpg.Connection, result: Result) -> None:
            if not await _keep(connection, claim, await answer(result)):
                raise _in_progress()

        return keep

    async def forget(self, claim: Claim) -> None:
        """Give the right back, since nothing was done."""
        await idempotency.release_key(self._pool, claim.key_hash, claim.claim)


async def _keep(connection: asyncpg.Connection | asyncpg.Pool, claim: Claim, answer: KeptAnswer) -> bool:
    return await idempotency.keep_answer(
        connection,
        claim.key_hash,
        claim.claim,
        status=answer.status,
        content_type=answer.content_type,
        body=answer.body,
    )


def _in_progress() -> Conflict:
    return Conflict(
        "The same request is being answered at this moment. Send it again in a second.",
        code="request_in_progress",
        retry_after_s=RETRY_AFTER_S,
    )
