"""The rules of TradingView's public protocol, held to a simulated market and to recorded exchanges.

Each rule is written after the protocol's own text: the pages UDF, Datafeed API and Datafeed issues of the
Charting Library's documentation, and the tests that data vendors are told to pass (historyTimeCorrectness,
historyNoDataChanges, historyOutsideBarsInclusion, historyFutureMinutes). Read 2026-11-21.
"""

import itertools
from datetime import UTC, datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.datafeed.feed import Feed

FAR_S = 4_000_000_000
# After 2100.
BEYOND_S = 4_200_000_000
MANY = {"from": 0, "to": FAR_S}
ASKED_IN_ONE_APP = settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])


# Places in what there is, whichever source it is: from its beginning, 0, to its end, 1.
PLACE = st.floats(0, 1, exclude_max=True)


@given(
    asked=st.tuples(PLACE, PLACE, PLACE, st.integers(0, 4)),
    cuts=st.lists(PLACE, max_size=4, unique=True),
)
@ASKED_IN_ONE_APP
async def test_how_a_range_is_asked_for_does_not_change_its_bars(
    feed: Feed, asked: tuple[float, float, float, int], cuts: list[float]
) -> None:
    """historyOutsideBarsInclusion: exactly N bars before ``to``. Short queries equal one large one."""
    end, count, off_grid, start = asked
    place = 20 + int(end * (len(feed.bars) - 20))
    bars_count = 1 + int(count * (place if feed.whole else 20))
    end_s = feed.times[place] - int(off_grid * feed.step_s)
    start_s = (0, -8_640_000, feed.times[0], end_s - 1, end_s + 5)[start]
    expected = [bar for bar in feed.bars if bar[0] < end_s * 1000][-bars_count:]
    assert await feed.rows(start_s, end_s, countback=bars_count) == expected
    first_s, last_s = feed.times[0], feed.times[-1] + feed.step_s
    edges = sorted({first_s, last_s, *(first_s + int(cut * (last_s - first_s)) for cut in cuts)})
    pieces = [
        row for left_s, right_s in itertools.pairwise(edges) for row in await feed.rows(left_s, right_s)
    ]
    assert pieces == feed.bars == await feed.rows(first_s, last_s)


async def test_holes_are_passed_over_by_countback_and_named_by_no_data(feed: Feed) -> None:
    before_s, after_s = feed.hole
    assert after_s - before_s > 3 * feed.step_s
    place = feed.times.index(after_s)
    for end_s in (before_s + 1, before_s + feed.step_s, after_s - 1, after_s, after_s + 1):
        held = place + 1 if end_s > after_s else place
        assert await feed.rows(end_s - 60, end_s, countback=10) == feed.bars[held - 10 : held]
    answer = await feed.history(before_s + feed.step_s, after_s)
    assert answer == {"s": "no_data", "nextTime": before_s}
    # Whoever goes there finds it.
    assert await feed.rows(answer["nextTime"], answer["nextTime"] + 1) == feed.between(before_s, before_s + 1)
    asked = {"symbol": feed.ticker, "resolution": feed.resolution, "to": after_s}
    named = await feed.get("/api/v1/datafeed/bars", **asked, **{"from": before_s + feed.step_s})
    assert (named["bars"], named["no_data"], named["next_time"]) == ([], True, before_s * 1000)


async def test_the_future_and_the_time_before_everything_are_empty(feed: Feed) -> None:
    """historyFutureMinutes: nothing is made up, and the last bar is the one that forms."""
    newest_s, now_s = feed.times[-1], feed.now_ms // 1000
    future_s = now_s + 10 * feed.step_s
    assert await feed.history(future_s, FAR_S) == {"s": "no_data", "nextTime": newest_s}
    assert await feed.rows(newest_s, FAR_S) == [feed.bars[-1]]
    assert await feed.rows(future_s, FAR_S, countback=7) == feed.bars[-7:]
    # UDF clients poll like this, every ten seconds.
    more = {"countback": 2, "firstDataRequest": "false", "currencyCode": "USD", "unitId": "coin"}
    assert await feed.rows(now_s - 10 * feed.step_s, now_s, **more) == feed.bars[-2:]
    first_s = feed.times[0] if feed.whole else 1_704_067_200
    for more in ({}, {"countback": 300}):
        assert await feed.history(1_000_000, first_s, **more) == {"s": "no_data"}
    # Charts scroll on into the time before 1970, and ask for no end at all.
    assert await feed.history(-1_000, -500) == {"s": "no_data"}
    assert await feed.history(BEYOND_S, BEYOND_S + 1) == {"s": "no_data", "nextTime": newest_s}
    if feed.whole:
        # Fewer than were asked for, because there are no more.
        assert await feed.rows(0, feed.times[4] + 1, countback=300) == feed.bars[:5]


async def test_what_was_said_once_is_said_again(feed: Feed) -> None:
    """historyTimeCorrectness, historyNoDataChanges: a later, wider question contains the earlier answer."""
    middle = len(feed.times) // 2
    start_s, end_s = feed.times[middle], feed.times[middle + 12]
    earlier = await feed.history(start_s, end_s)
    assert await feed.history(start_s, end_s) == earlier
    wider = await feed.rows(feed.times[middle - 10], feed.times[middle + 15])
    rows = await feed.rows(start_s, end_s)
    place = wider.index(rows[0])
    assert wider[place : place + len(rows)] == rows == feed.bars[middle : middle + 12]
    # What was empty stays empty, and its neighbours do not move.
    before_s, after_s = feed.hole
    assert await feed.rows(before_s + feed.step_s, after_s) == []
    around = await feed.rows(before_s, after_s + feed.step_s)
    assert [row[0] // 1000 for row in around[:2]] == [before_s, after_s]
    assert await feed.rows(before_s + feed.step_s, after_s) == []
    # The first second of a bar is in, the one before is not.
    first_s, second_s = feed.times[30], feed.times[31]
    assert await feed.rows(first_s, second_s) == [feed.bars[30]]
    assert await feed.rows(first_s, second_s + 1) == feed.bars[30:32]
    assert await feed.rows(first_s + 1, second_s + 1) == [feed.bars[31]]


async def test_every_route_gives_the_same_bars_and_longer_ones_begin_where_they_should(feed: Feed) -> None:
    start_s, end_s = feed.times[10], feed.times[-1] + feed.step_s
    market, exchange, symbol = feed.ticker.split(":")
    bars = await feed.get(
        "/market/fetch_ohlcv",
        market=market,
        exchange=exchange,
        symbol=symbol,
        timeframe=feed.resolution,
        since=start_s * 1000,
        until=end_s * 1000,
        limit=5000,
    )
    assert [tuple(row) for row in bars["ohlcv"]] == feed.bars[10:] == await feed.rows(start_s, end_s)
    asked = {"symbol": feed.ticker, "resolution": feed.resolution, "to": end_s}
    for how in ({"from": start_s}, {"countback": len(feed.bars) - 10}):
        answer = await feed.get("/api/v1/datafeed/bars", **asked, **how)
        assert [tuple(bar.values()) for bar in answer["bars"]] == feed.bars[10:]
        assert (answer["no_data"], answer["next_time"], answer["last_bar_state"]) == (False, None, "forming")
    longer = {"symbol": feed.ticker, "countback": 2, **MANY}
    opens = {}
    for resolution in ("1D", "D", "1W", "1M", "M"):
        answer = await feed.get("/udf/history", **longer, resolution=resolution)
        opens[resolution] = [datetime.fromtimestamp(time, UTC) for time in answer["t"]]
        assert all((each.hour, each.minute, each.second) == (0, 0, 0) for each in opens[resolution])
        assert answer["c"][-1] == feed.bars[-1][4]
    assert (opens["D"], opens["M"]) == (opens["1D"], opens["1M"])
    assert {each.weekday() for each in opens["1W"]} == {0}
    assert {each.day for each in opens["1M"]} == {1}


async def test_a_symbol_is_found_resolved_and_quoted_by_its_names(feed: Feed) -> None:
    _, exchange, symbol = feed.ticker.split(":")
    base = symbol.partition("/")[0]
    await feed.get("/udf/symbols", symbol=feed.ticker)
    found = await feed.get("/udf/search", query=base, type="", exchange=exchange, limit=30)
    (mine,) = (each for each in found if each["ticker"] == feed.ticker)
    assert list(mine) == ["symbol", "full_name", "description", "exchange", "ticker", "type"]
    for name in (mine["ticker"], mine["full_name"], f"{exchange}:{symbol}", feed.ticker.upper()):
        info = await feed.get("/udf/symbols", symbol=name)
        assert (info["ticker"], info["name"], "s" in info) == (feed.ticker, symbol, False)
        assert await feed.get(f"/api/v1/datafeed/resolve/{name}") == info
    assert (info["minmov"], info["pricescale"]) == feed.price_scale
    assert (info["session"], info["timezone"]) == ("24x7", "Etc/UTC")
    config = await feed.get("/udf/config")
    assert {feed.resolution, "1D", "1W", "1M"} <= set(info["supported_resolutions"])
    assert set(info["supported_resolutions"]) <= set(config["supported_resolutions"])
    await check_quote(feed)


async def check_quote(feed: Feed) -> None:
    answer = await feed.get("/udf/quotes", symbols=f"{feed.ticker},nowhere:NIX/USD")
    good, bad = answer["d"]
    day = [bar for bar in feed.bars if bar[0] >= feed.now_ms - feed.now_ms % 86_400_000]
    values = good["v"]
    assert (answer["s"], good["s"], good["n"]) == ("ok", "ok", feed.ticker)
    assert values["lp"] == feed.bars[-1][4]
    assert values["high_price"] == max(bar[2] for bar in day)
    assert values["low_price"] == min(bar[3] for bar in day)
    assert values["open_price"] == day[0][1]
    if "prev_close_price" in values:
        change = values["lp"] - values["prev_close_price"]
        assert abs(values["ch"] - change) < 1e-9
        assert abs(values["chp"] - 100 * change / values["prev_close_price"]) < 1e-4
    assert (bad["s"], bad["n"], bad["v"]) == ("error", "nowhere:NIX/USD", {})
    posted = await feed.client.post("/api/v1/datafeed/quotes", json={"symbols": [feed.ticker]})
    assert (await posted.get_json())["d"] == [good]
