"""Reading the logs of many topics at once, and waiting for what is new in any of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from redis.asyncio import Redis

from services.live.log import LogEntry, decode_entry, stream_key
from utils.domain import Topic
from utils.tasks import heed_cancellation

# Half of what a mailbox holds: between two reads there is time to empty it.
ENTRIES_A_READ = 128


async def read_many(
    blocking: Redis, positions: Mapping[Topic, str], wake_key: str, wake_offset: str, wait_ms: int
) -> tuple[str, Sequence[LogEntry]]:
    """Wait for news of any topic, or for the wake stream; return its offset and the new entries in order."""
    by_key = {stream_key(topic).encode(): topic for topic in positions}
    streams: Any = {stream_key(topic): offset for topic, offset in positions.items()}
    streams[wake_key] = wake_offset
    answer: Any = await heed_cancellation(blocking.xread(streams, count=ENTRIES_A_READ, block=wait_ms))
    entries: list[LogEntry] = []
    # RESP2 answers a list of pairs, RESP3 a mapping of key to a list of batches.
    pairs = answer.items() if isinstance(answer, dict) else answer or []
    for key, batches in pairs:
        rows = batches[0] if isinstance(answer, dict) else batches
        if key == wake_key.encode():
            wake_offset = rows[-1][0].decode()
        else:
            entries += [decode_entry(by_key[key], raw_id, fields) for raw_id, fields in rows]
    return wake_offset, entries
