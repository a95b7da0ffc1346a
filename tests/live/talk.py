"""A WebSocket client that holds every message to its model and every sequence to its promise."""

import asyncio
import json

from blueprints.formats.ws_native_models import OUTGOING

DEADLINE_S = 15
# Bars may come for ever, and none of them what is waited for.
UNTIL_S = 60


class Talk:
    """Speak through one open connection."""

    def __init__(self, connection):
        self._connection = connection
        self._sequences = {}
        self.closed_opens = []

    async def next(self):
        async with asyncio.timeout(DEADLINE_S):
            message = json.loads(await self._connection.receive())
        OUTGOING.validate_python(message)
        if message["type"] in ("snapshot", "resync"):
            self._sequences[message["topic"]] = 0
        if message["type"] in ("bar", "status"):
            self._sequences.setdefault(message["topic"], 0)
            self._sequences[message["topic"]] += 1
            assert message["sequence"] == self._sequences[message["topic"]]
        if message["type"] == "bar" and message["bar"]["state"] != "forming":
            self.closed_opens.append(message["bar"]["open_time_ms"])
        return message

    async def until(self, kind, **facts):
        async with asyncio.timeout(UNTIL_S):
            while True:
                message = await self.next()
                if message["type"] == kind and facts.items() <= message.items():
                    return message

    async def closed_bars(self, count, topic):
        bars = []
        while len(bars) < count:
            message = await self.until("bar", topic=topic)
            if message["bar"]["state"] != "forming":
                bars.append(message)
        return bars

    async def say(self, **command):
        await self._connection.send(json.dumps(command))
