"""One of each message that a dialect may have to say, about one bar."""

from dataclasses import replace

from services.live.dialect import Told
from services.live.log import FeedStatus, LogEntry, Position
from services.live.messages import Update
from utils.domain import Bar, BarSource, BarState, Instrument, Timeframe, Topic

OPEN_MS = 1_795_219_200_000
NOW_MS = 1_795_267_990_271
TOPIC = Topic(Instrument("crypto", "bitstamp", "BTC/USD"), Timeframe.parse("1h"))
DAYS = replace(TOPIC, timeframe=Timeframe.parse("1d"))
POSITION = Position("1795267990287925", "1795267990100-0")
FORMING = Bar(OPEN_MS, 76_900.0, 77_010.5, 76_850.25, 76_984.01, 12.5, BarState.FORMING, 0, BarSource.TRADES)
CLOSED = replace(FORMING, state=BarState.CLOSED)
CORRECTED = replace(FORMING, state=BarState.CORRECTED, revision=2, close=76_900.5)
STATUS = FeedStatus("stale", NOW_MS, "The live feed was lost. It is being opened again.")


def update(event, topic=TOPIC):
    return Update(LogEntry(topic, POSITION, event))


def told(name, sequence=3, newest_open_ms=0):
    return Told(NOW_MS, name, sequence, newest_open_ms)
