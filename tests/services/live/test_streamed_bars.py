"""What can be said of the interval in whose middle a stream of trades began."""

from services.live.streamed_bars import StreamedBars
from utils.domain import MINUTE_MS, Bar, BarState, Timeframe, Trade

OPEN_MS = 1_714_000_020_000
READ_MS = OPEN_MS + 20_000


def trade(number: int, time_ms: int, price: float) -> Trade:
    return Trade(str(number), time_ms, price, 1.0)


def test_where_nothing_is_known_of_the_interval_its_bar_is_not_shown() -> None:
    streamed = StreamedBars(Timeframe.parse("1m"))
    streamed.add([trade(1, READ_MS + 1_000, 5.0)])
    assert streamed.bar(OPEN_MS) is None


def test_trades_continue_the_exchanges_own_running_bar() -> None:
    streamed = StreamedBars(Timeframe.parse("1m"))
    streamed.begin(Bar(OPEN_MS, 4.0, 6.0, 3.0, 5.0, 2.0, BarState.FORMING), READ_MS)
    streamed.add([trade(1, READ_MS - 1_000, 9.0), trade(2, READ_MS + 1_000, 7.0)])
    bar = streamed.bar(OPEN_MS)
    assert bar is not None
    assert bar.values == (4.0, 7.0, 3.0, 7.0, 3.0)


def test_the_first_trade_of_an_interval_in_which_there_was_none_is_shown_at_once() -> None:
    streamed = StreamedBars(Timeframe.parse("1m"))
    streamed.begin_empty(READ_MS)
    streamed.add([trade(1, READ_MS + 1_000, 7.0), trade(2, READ_MS + 2_000, 6.0)])
    bar = streamed.bar(OPEN_MS)
    assert bar is not None
    assert bar.values == (7.0, 7.0, 6.0, 6.0, 2.0)
    # The exchange has the last word on a bar that the stream did not begin with.
    assert not streamed.whole(OPEN_MS)
    assert streamed.whole(OPEN_MS + MINUTE_MS)


def test_what_was_added_to_the_running_bar_is_not_lost_to_later_bars() -> None:
    streamed = StreamedBars(Timeframe.parse("1m"))
    streamed.begin(Bar(OPEN_MS, 4.0, 6.0, 3.0, 5.0, 2.0, BarState.FORMING), READ_MS)
    for number in range(50):
        streamed.add([trade(number, READ_MS + 1_000 + number * MINUTE_MS, 7.0)])
    bar = streamed.bar(OPEN_MS)
    assert bar is not None
    assert bar.values == (4.0, 7.0, 3.0, 7.0, 3.0)
