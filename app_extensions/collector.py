"""When Python looks for objects that only hold each other: often and little, so that nobody feels it.

Every look through the objects of a generation stops the event loop for a microsecond an object. With a look
at each 220,000 new objects, which a thousand connections make, everybody waited 125 to 290 ms for each; a
look at everything after they had come took 1.5 s. So the young are looked through early, and what is there
when the worker has settled is left out for good.

A connection that ends leaves nothing to look for. One that breaks, to a client, a database or an exchange,
leaves what its exception went through: ten thousand objects in two minutes of faults. All that is old is
looked through once a minute, or as seldom as keeps this below a thousandth of the time. The source that was
read to log a traceback is forgotten then, up to 800 kB of it. What is free goes back to the system: the C
library keeps it in pieces, up to 19 MiB of it in a worker of a soak.
"""

import asyncio
import ctypes
import gc
import linecache
import time
from collections.abc import Callable

NEW_OBJECTS = 1_000
YOUNG_LOOKS = 2
NEVER = 1_000_000_000
# The first questions load ccxt and draw the history of the simulated market, all of which stays.
SETTLED_AFTER_S = 60.0
LOOK_EVERY_S = 60.0
# So many times what a look at everything took pass before the next.
LOOK_SELDOM = 1_000


def _nothing_to_give_back(_: int) -> int:
    return 0


# malloc_trim(3), which only the GNU C library has.
_give_back: Callable[[int], int] = getattr(ctypes.CDLL(None), "malloc_trim", _nothing_to_give_back)


def settle_collector(loop: asyncio.AbstractEventLoop) -> None:
    """Leave out of every look what is there now and what is there in a minute; then look once a minute."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, YOUNG_LOOKS, NEVER)

    def settled() -> None:
        gc.freeze()
        loop.call_later(LOOK_EVERY_S, look)

    def look() -> None:
        # What it worked and not what it waited: on a busy machine the next would be put off for minutes.
        began_s = time.thread_time()
        gc.collect()
        linecache.clearcache()
        _give_back(0)
        took_s = time.thread_time() - began_s
        loop.call_later(max(LOOK_EVERY_S, took_s * LOOK_SELDOM), look)

    loop.call_later(SETTLED_AFTER_S, settled)
