"""The feeds of all workers as one list, and the sentence that sums it up."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blueprints.formats.feeds import say_feeds
from services.fleet.feed_board import OPENING_MAX_MS, TOLD_WITHIN_MS, FeedMood, feed_rows, feed_totals
from services.fleet.report import HeardReport, TopicReport, WorkerReport, decode_report, encode_report
from services.upstream.state import ExchangeMood, ExchangeState
from utils.domain import Topic

BTC, ETH, PERPETUAL = (
    Topic.parse(f"bars:crypto:bitstamp:{symbol}:1m") for symbol in ("BTC/USD", "ETH/USD", "BTC/USD:USD")
)
LIVE = TopicReport(BTC, 1, 60_000, held=True, said="live", said_ms=1_000, silent_ms=300)

topics = st.builds(
    TopicReport,
    st.sampled_from([BTC, ETH, PERPETUAL]),
    st.integers(0, 5),
    st.integers(0, 2 * OPENING_MAX_MS),
    held=st.booleans(),
    said=st.sampled_from([None, "live", "stale", "delayed"]),
    said_ms=st.none() | st.integers(0, 10**13),
    silent_ms=st.none() | st.integers(0, 10**6),
)
exchanges = st.builds(
    ExchangeState,
    st.just("crypto"),
    st.sampled_from(["bitstamp", "kraken"]),
    st.sampled_from(list(ExchangeMood)),
    st.floats(0, 100),
    st.none() | st.floats(0.1, 50),
)
reports = st.builds(
    WorkerReport,
    st.text(min_size=1, max_size=20),
    st.sampled_from(["all", "web", "feed"]),
    st.integers(0, 9),
    st.lists(topics, max_size=3, unique_by=lambda each: each.topic).map(tuple),
    st.lists(exchanges, max_size=3).map(tuple),
)


def worker(name: str, *topics: TopicReport, age_ms: int = 0) -> HeardReport:
    return HeardReport(WorkerReport(name, "all", 1, topics, ()), age_ms)


def test_a_feed_is_that_of_its_holder_and_listeners_are_those_of_all() -> None:
    wanted = TopicReport(BTC, 2, 90_000, said="live", silent_ms=9)
    (row,) = feed_rows([worker("one", wanted), worker("two", LIVE)])
    assert (row.holder, row.mood, row.listeners, row.silent_ms) == ("two", FeedMood.LIVE, 3, 300)
    assert not row.late


def test_of_two_who_hold_a_topic_the_one_heard_last_is_right() -> None:
    before = replace(LIVE, said="stale")
    (row,) = feed_rows([worker("before", before, age_ms=2_500), worker("now", LIVE, age_ms=10)])
    assert (row.holder, row.mood) == ("now", FeedMood.LIVE)


@pytest.mark.parametrize("said", ["stale", "delayed"])
@pytest.mark.parametrize("held", [True, False])
def test_a_feed_that_failed_is_late_while_it_tries_again(said: str, *, held: bool) -> None:
    (row,) = feed_rows([worker("one", replace(LIVE, held=held, said=said))])
    assert (row.mood, row.late, row.holder) == (said, True, "one" if held else None)


def test_a_topic_that_nobody_takes_opens_first_and_is_offline_then() -> None:
    for wanted_ms, mood, late in (
        (0, FeedMood.OPENING, False),
        (OPENING_MAX_MS, FeedMood.OPENING, False),
        (OPENING_MAX_MS + 1, FeedMood.OFFLINE, True),
    ):
        (row,) = feed_rows([worker("web", TopicReport(BTC, 1, wanted_ms))])
        assert (row.mood, row.late, row.holder) == (mood, late, None)


def test_a_feed_that_takes_long_to_open_is_late() -> None:
    opening = replace(LIVE, said=None, silent_ms=None, wanted_for_ms=OPENING_MAX_MS)
    assert [row.late for row in feed_rows([worker("one", opening)])] == [False]
    assert [row.late for row in feed_rows([worker("one", replace(opening, wanted_for_ms=10_001))])] == [True]


def test_what_a_lost_holder_said_is_not_what_the_feed_is() -> None:
    lost = replace(LIVE, held=False, wanted_for_ms=OPENING_MAX_MS + 1)
    (row,) = feed_rows([worker("one", lost)])
    assert row.mood is FeedMood.OFFLINE


def test_a_holder_that_tells_no_more_makes_its_feeds_late_and_their_lag_grows() -> None:
    (row,) = feed_rows([worker("one", LIVE, age_ms=TOLD_WITHIN_MS)])
    assert (row.late, row.silent_ms) == (False, 300)
    (row,) = feed_rows([worker("one", LIVE, age_ms=TOLD_WITHIN_MS + 700)])
    assert (row.late, row.silent_ms) == (True, 1_000)


def test_what_needs_attention_stands_first() -> None:
    stale = replace(LIVE, topic=PERPETUAL, said="stale")
    rows = feed_rows([worker("one", LIVE, replace(LIVE, topic=ETH), stale)])
    assert [row.topic for row in rows] == [PERPETUAL, BTC, ETH]
    totals = feed_totals(rows)
    assert (totals.total, totals.late, totals.silent_ms) == (3, (PERPETUAL,), 300)


@given(st.lists(st.tuples(reports, st.integers(0, 7_000)), max_size=4))
def test_every_topic_stands_in_one_row_and_places_rise(told: list[tuple[WorkerReport, int]]) -> None:
    heard = [HeardReport(report, age_ms) for report, age_ms in told]
    rows = feed_rows(heard)
    assert sorted(row.topic.text for row in rows) == sorted(
        {each.topic.text for report, _ in told for each in report.topics}
    )
    assert [row.place for row in rows] == sorted({row.place for row in rows})
    assert sum(row.listeners for row in rows) == sum(
        each.listeners for report, _ in told for each in report.topics
    )


@given(reports)
def test_what_is_told_is_what_is_heard(report: WorkerReport) -> None:
    assert decode_report(encode_report(report)) == report


@pytest.mark.parametrize(
    "stored", [b"{}", b"[]", b'["a","all",1,[["bars:a:b:c:1m",1,2,3,4,5,6,7]],[]]', b"x", b"3"]
)
def test_the_report_of_another_version_is_known_as_one(stored: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - orjson's own is one too
        decode_report(stored)


def test_the_sentence_says_what_it_comes_to() -> None:
    topics = (BTC, ETH, PERPETUAL, Topic.parse("bars:simulated:simex:BTC/USD:4h"))
    for total, late, sentence in (
        (0, (), "No feed runs, because nobody listens."),
        (1, (), "The only feed is live."),
        (12, (), "All 12 feeds are live."),
        (1, topics[:1], "The only feed is late: BTC/USD, 1 minute, on bitstamp."),
        (12, topics[:1], "1 of 12 feeds is late: BTC/USD, 1 minute, on bitstamp."),
        (
            12,
            topics[:2],
            "2 of 12 feeds are late: BTC/USD, 1 minute, on bitstamp; ETH/USD, 1 minute, on bitstamp.",
        ),
    ):
        assert say_feeds(total, late, complete=True) == sentence
    assert say_feeds(4, topics, complete=True).endswith("BTC/USD:USD, 1 minute, on bitstamp; and 1 more.")
    assert say_feeds(2, (), complete=False) == (
        "Redis is away, so only this worker is known. All 2 feeds are live."
    )
