"""The live channels of one exchange: who shares one, and which WebSocket is still needed."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from plugins.crypto_streams import Channel, Listener, current_channel
from utils.errors import AppError, UpstreamDown

CLOSE_TIMEOUT_S = 2.0

log = logging.getLogger(__name__)

Unwatch = Callable[[], Awaitable[object]]


class LiveChannels:
    """Share channels by key; the last listener gone ends the subscription at the exchange."""

    def __init__(
        self,
        forget_connection: Callable[[Any], None],
        faults: tuple[type[Exception], ...],
        *,
        unwatch_timeout_s: float,
        left_over_max: int,
    ) -> None:
        self._unwatch_timeout_s = unwatch_timeout_s
        self._left_over_max = left_over_max
        self._forget_connection = forget_connection
        self._faults = faults
        self._channels: dict[str, Channel[Any]] = {}
        self._ending: dict[str, asyncio.Task[None]] = {}
        # By key: what an exchange still sends though nobody listens, since ccxt cannot tell it.
        self._left_over: dict[str, Channel[Any]] = {}

    @property
    def is_idle(self) -> bool:
        """Tell whether nobody follows anything, and nothing has yet to end."""
        return not self._channels and not self._ending

    @asynccontextmanager
    async def subscribed(
        self, key: str, make: Callable[[], Channel[Any]], unwatch: Unwatch | None
    ) -> AsyncIterator[Listener[Any]]:
        """Give a listener on the channel of this key, which is made and started if there is none."""
        while key in self._ending:
            await asyncio.wait([self._ending[key]])
        channel = self._channels.get(key)
        if channel is None or channel.error is not None:
            self._left_over.pop(key, None)
            channel = self._channels[key] = make()
            channel.start()
        try:
            with channel.listening() as listener:
                yield listener
        finally:
            if channel.idle:
                self._end(key, channel, unwatch)

    def connected(self, connection: Any) -> None:
        """Remember which WebSocket the channel that is subscribing runs over."""
        channel = current_channel.get()
        if channel is not None:
            channel.connection = connection

    def received(self, connection: Any) -> None:
        """Hand on what came over a WebSocket."""
        for channel in self._channels.values():
            if channel.connection is connection:
                channel.collect()

    def lost(self, connection: Any, error: AppError) -> None:
        """End the channels of a WebSocket."""
        for channel in self._channels.values():
            if channel.connection is connection:
                channel.fail(error)
        self._forget_left_over(connection)

    async def close(self) -> None:
        """End everything without telling the exchange, whose connections are closed next."""
        for ending in self._ending.values():
            ending.cancel()
        if self._ending:
            await asyncio.wait(list(self._ending.values()))
        for channel in list(self._channels.values()):
            await channel.stop()
        self._channels.clear()

    def _end(self, key: str, channel: Channel[Any], unwatch: Unwatch | None) -> None:
        if self._channels.get(key) is channel:
            del self._channels[key]
            work, task_key = self._unsubscribe(key, channel, unwatch), key
        else:
            # A channel that failed has a successor under its key already, which needs what ccxt has cached.
            work, task_key = self._stop(channel), f"{key} {id(channel)}"
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._ending[task_key] = task
        task.add_done_callback(lambda _: self._ending.pop(task_key, None))

    async def _unsubscribe(self, key: str, channel: Channel[Any], unwatch: Unwatch | None) -> None:
        connection = await self._stop(channel)
        if connection is not None and unwatch is None:
            # What still comes goes into the cache.
            self._left_over[key] = channel
            left_over = sum(other.connection is connection for other in self._left_over.values())
            if left_over > self._left_over_max:
                log.info("too much is sent that nobody follows", extra={"channel": key, "count": left_over})
                await self._renew(connection)
            return
        if connection is not None and unwatch is not None:
            try:
                async with asyncio.timeout(self._unwatch_timeout_s):
                    await unwatch()
            except self._faults as error:
                # ccxt may now believe in a subscription that is gone: only a new connection is sure.
                log.info("unsubscribing failed", extra={"error": repr(error)[:200]})
                await self._renew(connection)
        # Also where ccxt has not unsubscribed, which would have done it.
        channel.forget()

    async def _stop(self, channel: Channel[Any]) -> Any:
        """Return the channel's WebSocket if others still need it; one that nobody needs is closed."""
        await channel.stop()
        connection = channel.connection
        if connection is None or connection.closed():
            return None
        if any(other.connection is connection for other in self._channels.values()):
            return connection
        await self._drop(connection)
        return None

    async def _renew(self, connection: Any) -> None:
        await self._drop(connection)
        self.lost(connection, UpstreamDown("The live connection is made anew.", retry_after_s=1))

    async def _drop(self, connection: Any) -> None:
        # A successor may ask for the same address at once; it must not find this one.
        self._forget_connection(connection)
        with suppress(*self._faults):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await connection.close()
        self._forget_left_over(connection)

    def _forget_left_over(self, connection: Any) -> None:
        for key, channel in tuple(self._left_over.items()):
            if channel.connection is connection:
                del self._left_over[key]
                channel.forget()
