"""The simulated exchange answers as the plugin contract says, and always the same."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.base import LiveMode, PluginContext
from plugins.simulated import PAGE_BARS, TIMEFRAMES, SimulatedPlugin, create_plugin
from plugins.simulated_faults import SimulatedFaults
from plugins.simulated_path import ORIGIN_MS
from utils.clock import Clock
from utils.domain import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, BarSource, Instrument, Timeframe
from utils.errors import NotFound, UpstreamDown

NOW_MS = ORIGIN_MS + 700 * DAY_MS + 5 * HOUR_MS + 123_456
HOUR = Timeframe.parse("1h")
BTC = Instrument("simulated", "simex", "BTC/USD")
QUIET = Instrument("simulated", "simex", "QUIET/USD")
instruments = st.sampled_from([BTC, QUIET, Instrument("simulated", "simex", "PEPE/USDT")])


def plugin_at(now_ms: int = NOW_MS, **settings_: str) -> SimulatedPlugin:
    return create_plugin(PluginContext(Clock(now_ms=lambda: now_ms), settings_))


@given(instruments, st.sampled_from(TIMEFRAMES), st.integers(1, 60), st.integers(0, 2_000))
@settings(max_examples=20)
async def test_two_plugins_of_one_seed_answer_alike_whenever_they_are_asked(
    instrument: Instrument, timeframe: Timeframe, limit: int, later_days: int
) -> None:
    start_ms = timeframe.shift(NOW_MS, -limit - 5)
    one = await plugin_at(SIMULATED_SEED="42").fetch_bars(
        instrument, timeframe, start_ms=start_ms, limit=limit
    )
    later = plugin_at(NOW_MS + later_days * DAY_MS, SIMULATED_SEED="42")
    other = await later.fetch_bars(instrument, timeframe, start_ms=start_ms, limit=limit)
    closed = [row for row in one.rows if timeframe.next(row[0]) <= NOW_MS]
    assert list(other.rows[: len(closed)]) == closed


async def test_another_seed_shows_another_market() -> None:
    asked = {"start_ms": NOW_MS - DAY_MS, "limit": 10}
    one, two = [await plugin_at(SIMULATED_SEED=seed).fetch_bars(BTC, HOUR, **asked) for seed in ("1", "2")]
    assert [row[0] for row in one.rows] == [row[0] for row in two.rows]
    assert all(left[1:] != right[1:] for left, right in zip(one.rows, two.rows, strict=True))


@given(instruments, st.sampled_from(TIMEFRAMES), st.lists(st.integers(1, 120), min_size=1, max_size=6))
@settings(max_examples=20)
async def test_paging_in_any_steps_gives_the_same_bars(
    instrument: Instrument, timeframe: Timeframe, limits: list[int]
) -> None:
    plugin = plugin_at()
    start_ms = cursor_ms = timeframe.shift(NOW_MS, -400)
    paged: list[tuple[object, ...]] = []
    for limit in limits:
        page = await plugin.fetch_bars(instrument, timeframe, start_ms=cursor_ms, limit=limit)
        assert len(page.rows) <= limit
        paged += page.rows
        cursor_ms = page.rows[-1][0] + 1 if page.rows else cursor_ms
    whole = await plugin.fetch_bars(instrument, timeframe, start_ms=start_ms, limit=sum(limits))
    assert paged == list(whole.rows)


async def test_the_first_bars_at_or_after_the_start_are_returned() -> None:
    page = await plugin_at().fetch_bars(BTC, HOUR, start_ms=NOW_MS - 10 * HOUR_MS, limit=3)
    first_ms = HOUR.ceil(NOW_MS - 10 * HOUR_MS)
    assert [row[0] for row in page.rows] == [first_ms, first_ms + HOUR_MS, first_ms + 2 * HOUR_MS]
    assert page.exchange_time_ms == NOW_MS


async def test_the_forming_bar_comes_last_and_grows_with_the_clock() -> None:
    open_ms = HOUR.floor(NOW_MS)
    seen = []
    for now_ms in (NOW_MS, NOW_MS + SECOND_MS, open_ms + HOUR_MS - 1, open_ms + 5 * HOUR_MS):
        page = await plugin_at(now_ms).fetch_bars(BTC, HOUR, start_ms=open_ms, limit=1)
        seen.append(page.rows[0])
    volumes = [row[5] for row in seen]
    assert {row[0] for row in seen} == {open_ms}
    assert volumes[0] < volumes[1] < volumes[2] == volumes[3]
    assert seen[2] == seen[3]


async def test_a_trade_shows_in_its_very_millisecond_and_not_before() -> None:
    second = Timeframe.parse("1s")
    early, sharp = [
        await plugin_at(now_ms).fetch_bars(BTC, second, start_ms=ORIGIN_MS + HOUR_MS, limit=5)
        for now_ms in (ORIGIN_MS + HOUR_MS - 1, ORIGIN_MS + HOUR_MS)
    ]
    assert early.rows == ()
    assert [row[0] for row in sharp.rows] == [ORIGIN_MS + HOUR_MS]


async def test_history_begins_when_the_market_opened_and_ends_now() -> None:
    plugin = plugin_at()
    first = await plugin.fetch_bars(BTC, HOUR, start_ms=0, limit=2)
    after = await plugin.fetch_bars(BTC, HOUR, start_ms=NOW_MS + HOUR_MS, limit=2)
    before = await plugin_at(ORIGIN_MS - 1).fetch_bars(BTC, HOUR, start_ms=0, limit=2)
    assert [row[0] for row in first.rows] == [ORIGIN_MS, ORIGIN_MS + HOUR_MS]
    assert after.rows == before.rows == ()


async def test_a_thin_instrument_fills_its_page_across_its_silences() -> None:
    start_ms = NOW_MS - 30 * DAY_MS
    page = await plugin_at().fetch_bars(QUIET, Timeframe.parse("5s"), start_ms=start_ms, limit=PAGE_BARS)
    assert len(page.rows) == PAGE_BARS
    assert page.rows[-1][0] - page.rows[0][0] > DAY_MS


async def test_trades_of_the_last_hour_are_remembered_and_make_up_the_bars() -> None:
    plugin = plugin_at()
    minute_ms = NOW_MS // MINUTE_MS * MINUTE_MS - MINUTE_MS
    trades = await plugin.fetch_trades(BTC, since_ms=minute_ms)
    (bar,) = (await plugin.fetch_bars(BTC, Timeframe.parse("1m"), start_ms=minute_ms, limit=1)).rows
    inside = [trade for trade in trades if trade.time_ms < minute_ms + MINUTE_MS]
    assert bar[1:] == (
        inside[0].price,
        max(trade.price for trade in inside),
        min(trade.price for trade in inside),
        inside[-1].price,
        sum(trade.amount for trade in inside),
    )
    assert len({trade.id for trade in trades}) == len(trades)
    everything = await plugin.fetch_trades(BTC, since_ms=0)
    assert len(everything) == HOUR_MS // SECOND_MS + 1
    assert everything[-1].time_ms == NOW_MS // SECOND_MS * SECOND_MS
    assert (await plugin.fetch_trades(BTC, since_ms=everything[-1].time_ms + 1)) == ()


async def test_long_stretches_are_computed_off_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threaded = []
    to_thread = asyncio.to_thread

    async def counted(*args: object) -> object:
        threaded.append(args)
        return await to_thread(*args)

    monkeypatch.setattr(asyncio, "to_thread", counted)
    plugin = plugin_at()
    await plugin.fetch_bars(BTC, Timeframe.parse("1m"), start_ms=NOW_MS - HOUR_MS, limit=60)
    assert threaded == []
    await plugin.fetch_bars(BTC, Timeframe.parse("1d"), start_ms=NOW_MS - 40 * DAY_MS, limit=41)
    # More than one piece, so that a request nobody waits for stops early.
    assert len(threaded) == 3


async def test_instruments_are_sorted_and_carry_their_facts() -> None:
    specs = await plugin_at().fetch_instruments("simex")
    by_symbol = {spec.instrument.symbol: spec for spec in specs}
    assert list(by_symbol) == sorted(by_symbol)
    assert {"BTC/USD", "ETH/USD", "SOL/USD", "DOGE/USD", "PEPE/USDT", "QUIET/USD"} <= set(by_symbol)
    assert by_symbol["BTC/USD"].price_step == 0.01
    assert by_symbol["PEPE/USDT"].price_step == 1e-8
    assert all(spec.listed_ms == ORIGIN_MS and spec.spoken_name for spec in specs)


async def test_the_profile_states_what_the_exchange_offers() -> None:
    plugin = plugin_at()
    profile = await plugin.profile("simex")
    assert await plugin.list_exchanges() == ("simex",)
    assert profile.live_mode is LiveMode.BARS
    assert profile.source is BarSource.SIMULATED
    assert profile.page_bars == 1_000
    texts = " ".join(timeframe.text for timeframe in profile.timeframes)
    assert texts == "1s 5s 15s 1m 5m 15m 30m 1h 4h 1d"
    assert plugin.exchange_time_ms("simex") == NOW_MS


async def test_an_unknown_name_is_answered_with_what_was_probably_meant() -> None:
    plugin = plugin_at()
    with pytest.raises(NotFound, match=r"no exchange simx\. Did you mean simex\?"):
        await plugin.profile("simx")
    wrong = Instrument("simulated", "simex", "btc-usd")
    with pytest.raises(NotFound, match=r"Did you mean BTC/USD.*The symbols are BTC/USD, DOGE/USD"):
        await plugin.fetch_bars(wrong, HOUR, start_ms=0, limit=1)
    with pytest.raises(NotFound):
        plugin.watch_bars(wrong, HOUR)
    with pytest.raises(NotFound):
        await plugin.fetch_trades(Instrument("simulated", "simx", "BTC/USD"), since_ms=0)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("SIMULATED_FAULTS", "late, lost", "SIMULATED_FAULTS names lost, which is no fault: use late, dup"),
        ("SIMULATED_SEED", "one", "SIMULATED_SEED is one: set a whole number, 0 or more."),
        ("SIMULATED_SEED", "-1", "SIMULATED_SEED is -1: set a whole number, 0 or more."),
    ],
)
def test_a_setting_that_cannot_be_read_is_refused_in_a_sentence(name: str, text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        plugin_at(**{name: text})


async def test_every_fifth_request_fails_while_errors_are_switched_on() -> None:
    plugin = plugin_at(SIMULATED_FAULTS="error")
    outcomes = []
    for _ in range(15):
        try:
            await plugin.fetch_bars(BTC, HOUR, start_ms=NOW_MS - HOUR_MS, limit=1)
            outcomes.append("answered")
        except UpstreamDown as error:
            outcomes.append(f"failed, wait {error.retry_after_s}")
    assert outcomes == ["answered", "answered", "answered", "answered", "failed, wait 1.0"] * 3
    plugin.faults = SimulatedFaults()
    assert len([await plugin.fetch_instruments("simex") for _ in range(10)]) == 10


async def test_faults_never_change_history() -> None:
    faulty = plugin_at(SIMULATED_FAULTS="late,duplicate,dropped,reordered,stalled")
    asked = {"start_ms": NOW_MS - DAY_MS, "limit": 100}
    assert await faulty.fetch_bars(BTC, HOUR, **asked) == await plugin_at().fetch_bars(BTC, HOUR, **asked)
