"""Every script that any test runs, held to the rule of a Redis Cluster: all its keys lie in one slot.

The service uses one server. What would keep it from a cluster is then known, and does not grow unseen.
"""

import functools
from collections.abc import Iterable
from typing import Any

from redis.commands.core import AsyncScript
from redis.crc import key_slot

Key = str | bytes


class ManySlots(AssertionError):
    """Say which keys of a script a cluster would not find in one place."""


def slots_of(keys: Iterable[Key]) -> set[int]:
    """Return where a cluster keeps these keys."""
    return {key_slot(key.encode() if isinstance(key, str) else key) for key in keys}


@functools.cache
def hold_to_one_slot() -> None:
    """Refuse from now on, in this process, every call of a script whose keys lie in several slots."""
    run = AsyncScript.__call__

    async def checked(script: AsyncScript, keys: Any = None, args: Any = None, client: Any = None) -> Any:
        if len(slots_of(keys or ())) > 1:
            raise ManySlots(f"these keys of one script lie in several slots: {keys}")
        return await run(script, keys, args, client)

    AsyncScript.__call__ = checked  # type: ignore[method-assign]
