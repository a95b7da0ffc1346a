"""When Python looks for objects that only hold each other: often and little, so that nobody feels it.

Every look through the objects of a generation stops the event loop for a microsecond an object. With a look
at each 220,000 new objects, which a thousand connections make, everybody waited 125 to 290 ms for each; a
look at everything after they had come took 1.5 s. So the young are looked through early, what is there when
the worker has settled is left out for good, and the rest comes seldom: a connection that ends leaves nothing
to look for.
"""

import asyncio
import gc

NEW_OBJECTS = 2_000
YOUNG_LOOKS = 10
MIDDLE_LOOKS = 200
# The first questions load ccxt and draw the history of the simulated market, all of which stays.
SETTLED_AFTER_S = 60.0


def settle_collector(loop: asyncio.AbstractEventLoop) -> None:
    """Leave out of every look what is there now and what is there in a minute."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, YOUNG_LOOKS, MIDDLE_LOOKS)
    loop.call_later(SETTLED_AFTER_S, gc.freeze)
