"""Live subscriptions: what ccxt has read from a WebSocket, handed on without loss or doubles.

ccxt keeps trades and bars in caches and wakes whoever awaits ``watch_*``; a frame that comes while nobody
does stays unseen until the next. So the caches are read after every frame instead, and ``watch_*`` is awaited
only to subscribe and to hear of failure. A channel is shared by all who listen to the same thing: ccxt would
end them all when one is cancelled.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Generic, TypeVar

from plugins.crypto_errors import lost
from utils.domain import Bar, BarState, Trade
from utils.errors import AppError, UpstreamDown

# What one listener may leave unread: at 1,000 trades a second, some twenty seconds.
UNREAD_MAX = 20_000
RECENT_IDS_MAX = 5_000
# An exchange may touch the bar before the newest, not older ones.
COMPARED_BARS = 3

log = logging.getLogger(__name__)

Item = TypeVar("Item")


class CacheOverrunError(Exception):
    """Say that more came at once than ccxt's cache holds, so that some of it was never seen."""


class CacheReader(Generic[Item]):
    """Find what is new in one of ccxt's caches; a subclass for each kind."""

    def prime(self, cache: Any) -> None:
        """Take what the cache holds now as already seen."""
        self.read(cache)

    def read(self, cache: Any) -> list[Item]:
        """Return what has come since the last call, oldest first."""
        raise NotImplementedError


class TradeReader(CacheReader[Trade]):
    """Find new trades; an exchange that repeats trades after a reconnect is not believed twice."""

    def __init__(self, parse: Callable[[Any], Trade | None]) -> None:
        self._parse = parse
        self._last: object = None
        self._recent_ids: OrderedDict[str, None] = OrderedDict()

    def read(self, cache: Any) -> list[Trade]:
        """Return the trades after the last one seen, in the order received. Raises: CacheOverrunError."""
        if not cache or cache[-1] is self._last:
            return []
        fresh: list[Any] = []
        for raw in reversed(cache):
            if raw is self._last:
                break
            fresh.append(raw)
        if self._last is not None and len(fresh) == cache.max_size:
            raise CacheOverrunError
        self._last = fresh[0]
        parsed = (self._parse(raw) for raw in reversed(fresh))
        return [trade for trade in parsed if trade is not None and self._unseen(trade)]

    def _unseen(self, trade: Trade) -> bool:
        if not trade.id:
            return True
        if trade.id in self._recent_ids:
            return False
        self._recent_ids[trade.id] = None
        if len(self._recent_ids) > RECENT_IDS_MAX:
            self._recent_ids.popitem(last=False)
        return True


class BarReader(CacheReader[Bar]):
    """Find bars that changed among the newest of a cache."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[object, ...]] = {}

    def read(self, cache: Any) -> list[Bar]:
        """Return the newest bars that differ from what was seen, oldest first, all of them forming."""
        if not cache:
            return []
        newest = {row[0]: tuple(row[:6]) for row in cache[-COMPARED_BARS:]}
        changed = [row for time_ms, row in newest.items() if self._seen.get(time_ms) != row]
        self._seen = newest
        return [bar for bar in map(parse_bar, changed) if bar is not None]


def parse_bar(row: Sequence[Any]) -> Bar | None:
    """Return a row of ccxt as a forming bar, None (and a log line) where it is no bar."""
    try:
        opened, high, low, close = (float(value) for value in row[1:5])
        return Bar(int(row[0]), opened, high, low, close, float(row[5] or 0), BarState.FORMING)
    except (TypeError, ValueError, IndexError):
        log.warning("live row refused", extra={"row": repr(row)[:200]})
        return None


def parse_trade(raw: Mapping[str, Any]) -> Trade | None:
    """Return a trade of ccxt as ours, None (and a log line) where it is no trade."""
    try:
        return Trade(str(raw["id"] or ""), int(raw["timestamp"]), float(raw["price"]), float(raw["amount"]))
    except (TypeError, ValueError, LookupError):
        log.warning("trade refused", extra={"trade": repr(raw)[:200]})
        return None


class Listener(Generic[Item]):
    """Hold what one listener has not read yet."""

    def __init__(self) -> None:
        self._unread: list[Item] = []
        self._error: AppError | None = None
        self._changed = asyncio.Event()

    def put(self, items: Sequence[Item]) -> None:
        """Add what has come; a listener too far behind is failed rather than given less than all."""
        if len(self._unread) + len(items) > UNREAD_MAX:
            self.fail(UpstreamDown("The live feed was read too slowly. Connect again.", retry_after_s=1))
            return
        self._unread += items
        self._changed.set()

    def fail(self, error: AppError) -> None:
        """End the listener after what it has not read yet; the first error counts."""
        self._error = self._error or error
        self._changed.set()

    async def take(self) -> tuple[Item, ...]:
        """Wait for something new and return it all, oldest first. Raises: what ended the channel."""
        await self._changed.wait()
        self._changed.clear()
        items, self._unread = tuple(self._unread), []
        if self._error is not None:
            self._changed.set()
            if not items:
                raise self._error
        return items


class Channel(Generic[Item]):
    """Run one subscription of one exchange for all who listen to it.

    ``watch`` awaits ccxt's next update, ``cached`` returns the mapping that holds under ``key`` what ccxt has
    read so far, ``translate`` makes our error of ccxt's.
    """

    def __init__(
        self,
        *,
        name: str,
        watch: Callable[[], Awaitable[object]],
        cached: Callable[[], MutableMapping[str, Any]],
        key: str,
        reader: CacheReader[Item],
        translate: Callable[[Exception], AppError],
    ) -> None:
        self.connection: Any = None
        self.error: AppError | None = None
        self._name = name
        self._watch = watch
        self._cached = cached
        self._key = key
        self._reader = reader
        self._translate = translate
        self._listeners: set[Listener[Item]] = set()
        self._task: asyncio.Task[None] | None = None

    @property
    def idle(self) -> bool:
        """Tell whether nobody listens."""
        return not self._listeners

    def start(self) -> None:
        """Subscribe; what ccxt has cached from before is not news."""
        self._reader.prime(self._cached().get(self._key))
        self._task = asyncio.create_task(self._run(), name=f"watch {self._name}")

    async def stop(self) -> None:
        """End the subscription on our side."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def collect(self) -> None:
        """Hand on what ccxt's cache holds that is new."""
        try:
            items = self._reader.read(self._cached().get(self._key))
        except CacheOverrunError:
            self.fail(UpstreamDown(f"{self._name} sent too much at once. Connect again.", retry_after_s=1))
            return
        if items:
            for listener in self._listeners:
                listener.put(items)

    def forget(self) -> None:
        """Empty ccxt's cache, which nobody else reads: ccxt would keep it for good."""
        self._cached().pop(self._key, None)

    def fail(self, error: AppError) -> None:
        """End every listener with an error; the first counts."""
        self.error = self.error or error
        for listener in self._listeners:
            listener.fail(self.error)

    @contextmanager
    def listening(self) -> Iterator[Listener[Item]]:
        """Give a listener that hears what comes from now on; a failed channel fails it at once."""
        listener: Listener[Item] = Listener()
        if self.error is not None:
            listener.fail(self.error)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    async def _run(self) -> None:
        current_channel.set(self)
        try:
            # No other await in this loop: between two of them a failure would go unheard.
            while True:
                await self._watch()
        except asyncio.CancelledError:
            # ccxt cancels its futures when a connection is closed; our own stop has no listeners left.
            self.fail(lost(self._name))
            raise
        except Exception as error:  # noqa: BLE001  # a feed loop: whatever ended it, the listeners are told
            log.info("live channel ended", extra={"channel": self._name, "error": repr(error)[:200]})
            self.fail(self._translate(error))


current_channel: ContextVar["Channel[Any] | None"] = ContextVar("current_channel", default=None)
