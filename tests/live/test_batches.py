"""More closes at once than a mailbox holds, told to a client that reads, by the real app."""

import asyncio
import json
from dataclasses import replace

from services.live.lease import Leases
from services.live.log import LiveLog, encode_event, stream_key
from services.live.log_reader import ENTRIES_A_READ
from tests.live.talk import DEADLINE_S
from utils.domain import Bar, BarState, Instrument, Timeframe, Topic

TOPIC = Topic(Instrument("simulated", "simex", "BTC/USD"), Timeframe.parse("1s"))
PATH = "/ws/subscribe?market=simulated&symbols=BTC/USD&timeframe=1s&batch=true"
BAR = Bar(2_000_000_000_000, 1.0, 1.0, 1.0, 1.0, 1.0, BarState.CLOSED)


async def test_who_wants_batches_is_not_slow_for_closes_that_come_between_two(app, client, redis):
    live = app.extensions["accessibletrader"].live
    live.limits = replace(live.limits, batch_s=1.0)
    # Another feeds the topic, so that nothing is told but what is written here.
    leases, log = Leases(redis), LiveLog(redis)
    assert await leases.take(TOPIC)
    position = await log.append(TOPIC, BAR, token=leases.token)
    count = ENTRIES_A_READ * 5
    async with client.websocket(PATH) as connection, asyncio.timeout(DEADLINE_S):
        while "snapshot" not in [message["type"] for message in json.loads(await connection.receive())]:
            pass
        async with redis.pipeline() as pipeline:
            for number in range(1, count + 1):
                event = encode_event(replace(BAR, open_time_ms=BAR.open_time_ms + number * 1_000))
                pipeline.xadd(stream_key(TOPIC), {"e": position.epoch, "d": event})
            await pipeline.execute()
        opens_ms: list[int] = []
        while len(opens_ms) < count:
            messages = json.loads(await connection.receive())
            opens_ms += [each["bar"]["open_time_ms"] for each in messages if each["type"] == "bar"]
    assert opens_ms == [BAR.open_time_ms + number * 1_000 for number in range(1, count + 1)]
