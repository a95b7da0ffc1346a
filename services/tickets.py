"""One-time tickets: what a page shows that opens a WebSocket, since a browser sends no header with one."""

from typing import Protocol

import asyncpg

from services.sessions import ACQUIRE_TIMEOUT_S, Sessions
from services.stores import socket_tickets
from services.tokens import new_refresh_token, refresh_token_hash
from utils.accounts import Principal
from utils.clock import Clock
from utils.errors import Unauthorized

TICKET_LIFE_S = 30


class TicketQuestion(Protocol):
    """Ask the store who a ticket stands for."""

    async def __call__(
        self, pool: asyncpg.Pool, ticket_hash: bytes, *, origin: str | None, now_ms: int, idle_ms: int
    ) -> Principal | None:
        """Return the principal; None when the ticket is not good."""


class Tickets:
    """Give tickets, and take each of them once."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock, sessions: Sessions) -> None:
        self._pool = pool
        self._clock = clock
        self._sessions = sessions

    async def issue(self, principal: Principal, origin: str | None) -> str:
        """Return a ticket that opens one WebSocket within 30 seconds, for a page of the same origin."""
        ticket = new_refresh_token()
        ticket_hash = refresh_token_hash(ticket)
        assert ticket_hash is not None
        expires_ms = self._clock.now_ms() + TICKET_LIFE_S * 1000
        async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            await socket_tickets.insert_ticket(
                connection, ticket_hash, principal.session_id, origin=origin, expires_ms=expires_ms
            )
        return ticket

    async def look_at(self, ticket: str, origin: str | None) -> Principal:
        """Return who a ticket stands for, and leave it as it is; one that is not good is spent.

        Raises: Unauthorized.
        """
        principal = await self._ask(socket_tickets.select_ticket, ticket, origin)
        return principal or await self.spend(ticket, origin)

    async def spend(self, ticket: str, origin: str | None) -> Principal:
        """Return who a ticket stands for; it is worth nothing afterwards. Raises: Unauthorized."""
        principal = await self._ask(socket_tickets.spend_ticket, ticket, origin)
        if principal is None:
            raise Unauthorized(
                "The ticket is not valid, or no longer. Get another at /auth/ws-ticket and connect at once.",
                code="invalid_token",
            )
        return principal

    async def _ask(self, question: TicketQuestion, ticket: str, origin: str | None) -> Principal | None:
        ticket_hash = refresh_token_hash(ticket)
        if ticket_hash is None:
            return None
        now_ms = self._clock.now_ms()
        idle_ms = self._sessions.idle_ms(now_ms)
        return await question(self._pool, ticket_hash, origin=origin, now_ms=now_ms, idle_ms=idle_ms)
