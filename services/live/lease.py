"""The lease of a topic: at most one worker feeds it, and another takes over when that one dies."""

import secrets

from redis.asyncio import Redis

from services.key_lease import KeyLease
from services.live.log import lease_key, status_key
from services.live.log_scripts import TAKE
from services.worker_name import worker_name
from utils.domain import Topic
from utils.tasks import heed_cancellation

LEASE_MS = 6_000
RENEW_S = 2.0
# How often a worker that lost the race looks again.
RETRY_S = 1.0


class Leases:
    """Take, renew and give back the leases of topics, each under a token of this worker."""

    def __init__(self, redis: Redis) -> None:
        self._lease = KeyLease(redis, LEASE_MS)
        self._take = redis.register_script(TAKE)
        # The name is for people who look; what nobody else can know keeps the topic.
        self.token = f"{worker_name()}:{secrets.token_hex(16)}"

    async def take(self, topic: Topic) -> bool:
        """Return whether this worker now holds the topic."""
        keys = [lease_key(topic), status_key(topic)]
        return bool(await heed_cancellation(self._take(keys=keys, args=[self.token, LEASE_MS])))

    async def renew(self, topic: Topic) -> bool:
        """Return whether this worker still holds the topic, and for another full term."""
        return await self._lease.renew(lease_key(topic), self.token)

    async def release(self, topic: Topic) -> None:
        """Give the topic back, so that another worker need not wait for the term to end."""
        await self._lease.release(lease_key(topic), self.token)
