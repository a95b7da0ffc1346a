"""What dies between the work of a request with a key and its kept answer: the work is done once anyway."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import asyncpg
import pytest
from quart.testing.app import TestApp as ServedApp
from quart.typing import TestClientProtocol as Client

from app import create_app
from config import Config
from services.auth_service import AuthService
from tests.given_up import let_claims_grow_old
from utils.accounts import Role

PASSWORD = "a horse in a field of corn"
KEYED = {"Idempotency-Key": "a-key-of-this-test"}
ALERT = {"market": "simulated", "exchange": "simex", "symbol": "BTC/USD", "kind": "cross_above"}
# The server itself ends the connection in the moment in which an answer is to be kept.
DIE_WHEN_KEEPING = """
CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_terminate_backend(pg_backend_pid());
    RETURN NEW;
END
$$;
CREATE TRIGGER die BEFORE UPDATE OF status ON idempotency_key FOR EACH ROW EXECUTE FUNCTION die();
"""
DIE_NO_MORE = "DROP FUNCTION die CASCADE"


@dataclass(frozen=True, slots=True)
class Work:
    """A request that takes a key, how it is answered, and what counts how often it was done."""

    path: str
    body: dict[str, str] | None
    status: int
    counted: str


WORKS = {
    "alert": Work("/api/v1/alerts", ALERT | {"level": "1"}, 201, "SELECT count(*) FROM price_alert"),
    "account": Work(
        "/auth/register",
        {"username": "carol", "password": PASSWORD},
        201,
        "SELECT count(*) FROM app_user WHERE username = 'carol'",
    ),
    "symbol": Work(
        "/api/symbols", {"symbol": "simex:ETH/USD"}, 201, "SELECT count(*) FROM collected_symbol_asker"
    ),
    "order": Work(
        "/api/v1/admin/jobs/run",
        {"job": "tidy"},
        202,
        "SELECT count(*) FROM audit_event WHERE action = 'job_ordered' AND detail LIKE '%tidy%'",
    ),
    "cancellation": Work(
        "/api/v1/admin/jobs/1/cancel",
        None,
        200,
        "SELECT count(*) FROM audit_event WHERE action = 'job_cancelled'",
    ),
    "disabling": Work(
        "/api/v1/admin/users/2/disable",
        None,
        200,
        "SELECT count(*) FROM audit_event WHERE action = 'user_disabled'",
    ),
}


@pytest.fixture
async def client(config: Config) -> AsyncIterator[Client]:
    created = create_app(replace(config, registration="open"))
    created.config["PROPAGATE_EXCEPTIONS"] = False
    async with ServedApp(created):
        yield created.test_client()


@pytest.fixture
async def root(client: Client, accounts: AuthService) -> dict[str, str]:
    """The headers of an admin, beside whom there are another user and a run that waits."""
    await accounts.create_user("root", PASSWORD, Role.ADMIN)
    await accounts.create_user("bob", PASSWORD, Role.USER)
    signed_in = await client.post("/auth/login", json={"username": "root", "password": PASSWORD})
    mine = {"Authorization": f"Bearer {(await signed_in.get_json())['access_token']}"}
    ordered = await client.post("/api/v1/admin/jobs/run", json={"job": "collect_symbols"}, headers=mine)
    assert (await ordered.get_json())["id"] == 1
    return mine


@pytest.mark.parametrize("work", WORKS.values(), ids=WORKS)
async def test_a_connection_that_dies_when_the_answer_is_kept_leaves_nothing_done(
    client: Client, root: dict[str, str], pool: asyncpg.Pool, work: Work
) -> None:
    await pool.execute(DIE_WHEN_KEEPING)
    try:
        died = await client.post(work.path, json=work.body, headers=root | KEYED)
    finally:
        await pool.execute(DIE_NO_MORE)
    assert (died.status_code, (await died.get_json())["code"]) == (503, "database_unavailable")
    assert await pool.fetchval(work.counted) == 0
    await let_claims_grow_old(pool)
    again, once_more = [await client.post(work.path, json=work.body, headers=root | KEYED) for _ in range(2)]
    assert again.status_code == once_more.status_code == work.status
    assert await again.get_data() == await once_more.get_data()
    assert again.headers["Content-Type"] == once_more.headers["Content-Type"]
    assert "Idempotency-Replayed" not in again.headers
    assert once_more.headers["Idempotency-Replayed"] == "true"
    assert await pool.fetchval(work.counted) == 1
