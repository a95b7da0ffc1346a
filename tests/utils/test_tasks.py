"""Starting tasks that belong to nobody's call."""

import asyncio

import structlog

from utils.tasks import start_apart


async def test_what_goes_on_for_everybody_carries_nobodys_id() -> None:
    async def ids() -> dict[str, object]:
        return structlog.contextvars.get_contextvars()

    with structlog.contextvars.bound_contextvars(request_id="of-one-listener"):
        assert await asyncio.create_task(ids()) == {"request_id": "of-one-listener"}
        task = start_apart(ids(), name="for everybody")
    assert await task == {}
    assert task.get_name() == "for everybody"
