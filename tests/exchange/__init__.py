"""A local exchange server: the real ccxt classes talk to it instead of to Bitstamp, Binance and Coinbase.

It speaks their own REST and WebSocket shapes, addressed with the real host as the first path segment, which
is what ``CRYPTO_ENDPOINT`` makes of every address::

    async with LocalExchange(time_ms=1_511_935_200_000) as exchange:
        venue = exchange.bitstamp                    # also .binance, .coinbase
        venue.hold_trades("BTC/USD", trades)         # past and future ones; the clock decides what is seen
        settings = {"CRYPTO_ENDPOINT": exchange.endpoint, "CRYPTO_EXCHANGES": "bitstamp,binance,coinbase"}
        ...
        await venue.until_subscribed("BTC/USD")      # someone's WebSocket listens to the symbol
        await exchange.play_until(1_511_935_260_000) # the clock moves; held trades on the way go out live
        await venue.push_trades("BTC/USD", more)     # hold and play at once; the clock follows the trades
        await exchange.drop_sockets()                # close all with 1012, as on a restart
        venue.fault = Fault.RATE_LIMITED             # until set to None; `venue.retry_after_s` goes with it
        venue.released.set()                         # what Fault.HANG holds back goes on
        exchange.calls_of("bitstamp", "bars")        # what was asked, in order

The clock (``exchange.time_ms``) is a plain number that only the test moves; every answer's ``Date`` header
shows it. Bars over REST are the fold of the trades up to the clock (`tests.exchange.fold`, our own oracle),
or those given by ``hold_bars``. Quiet minutes have no bar. Only the faults of `tests.exchange.faults` are not
what the real exchange would do.

Symbols are those of the small market lists in `tests.exchange.markets`, in each venue's documented shape:
BTC/USD, ETH/USD and ETH/BTC on Bitstamp and Coinbase, BTC/USDT, ETH/USDT and ETH/BTC on Binance. A test may
replace ``venue.market_list`` by a recorded one (`tests.exchange.recordings`).
"""

from tests.exchange.faults import Fault
from tests.exchange.fold import HeldTrade, fold, fold_floats
from tests.exchange.server import Call, LocalExchange

__all__ = ["Call", "Fault", "HeldTrade", "LocalExchange", "fold", "fold_floats"]
