"""What is said of a topic when feeds fail, holders die and logs cannot be read; on a clock moved by hand."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from services.live.log import FeedStatus
from services.live.status_gate import GAP_S
from services.live.topic_status import (
    PROVEN_AFTER_S,
    RETRYING_S,
    UNFED_AFTER_S,
    LogReading,
    TopicStatus,
)

LIVE, STALE = FeedStatus("live", 1, "Live."), FeedStatus("stale", 2, "Lost.")


class Told:
    """A topic, the seconds that have passed, and what its listeners were told when."""

    def __init__(self) -> None:
        self.reading = LogReading()
        self.topic = TopicStatus(self.reading, fed_s=0.0)
        self.now_s = 0.0
        self.said: list[tuple[str, float]] = []

    def hear(self, status: FeedStatus | None) -> None:
        self.topic.hear(status, self.now_s)
        self.look()

    def look(self) -> None:
        due = self.topic.due(self.now_s, int(self.now_s * 1_000))
        if due is not None:
            self.said.append((due.state, self.now_s))

    def wait(self, seconds: float, *, fed: bool = True) -> None:
        for _ in range(round(seconds)):
            self.now_s += 1
            if fed and self.reading.lost_s is None:
                self.topic.see_lease(self.now_s)
            self.look()

    @property
    def states(self) -> list[str]:
        return [state for state, _ in self.said]


def test_a_feed_that_is_lost_and_comes_back_is_said_once_each() -> None:
    told = Told()
    told.hear(LIVE)
    told.wait(30)
    told.hear(STALE)
    told.wait(2, fed=False)
    told.hear(LIVE)
    told.wait(GAP_S)
    assert told.states == ["live", "stale", "live"]


def test_the_log_that_cannot_be_read_is_said_once_and_live_once_when_the_feed_speaks_again() -> None:
    told = Told()
    told.hear(LIVE)
    told.wait(30)
    for _ in range(20):
        told.reading.lose(told.now_s)
        told.wait(1)
    assert told.states == ["live", "delayed"]
    told.reading.regain(told.now_s)
    told.wait(3)
    assert told.states == ["live", "delayed"]
    told.hear(None)
    assert told.states == ["live", "delayed", "live"]


def test_a_quiet_topic_is_live_again_when_its_lease_outlived_a_term() -> None:
    told = Told()
    told.hear(LIVE)
    told.reading.lose(told.now_s)
    told.wait(GAP_S)
    told.reading.regain(told.now_s)
    told.wait(PROVEN_AFTER_S - 1)
    assert told.states == ["live", "delayed"]
    told.wait(2)
    assert told.states == ["live", "delayed", "live"]


def test_one_broken_connection_is_not_worth_a_word() -> None:
    told = Told()
    told.hear(LIVE)
    told.now_s = 20.0
    told.reading.lose(told.now_s)
    told.now_s = 20.5
    told.look()
    told.reading.regain(told.now_s)
    told.wait(30)
    assert told.states == ["live"]


def test_a_topic_that_nobody_feeds_is_offline_until_somebody_does() -> None:
    told = Told()
    told.wait(UNFED_AFTER_S, fed=False)
    assert told.states == []
    told.wait(1, fed=False)
    assert told.states == ["offline"]
    told.hear(LIVE)
    assert told.states == ["offline", "live"]


def test_a_feed_that_waits_before_its_next_try_is_stale_and_not_offline() -> None:
    told = Told()
    told.hear(STALE)
    told.wait(RETRYING_S, fed=False)
    assert told.states == ["stale"]
    told.wait(1, fed=False)
    assert told.states == ["stale", "offline"]


def test_a_state_that_comes_back_is_never_older_than_what_was_said_before() -> None:
    told = Told()
    told.hear(LIVE)
    told.wait(UNFED_AFTER_S + 1, fed=False)
    assert told.topic.said is not None
    offline_ms = told.topic.said.since_ms
    told.wait(GAP_S)
    assert told.states == ["live", "offline", "live"]
    assert told.topic.said.since_ms > offline_ms


steps = st.sampled_from(["live", "stale", "bar", "lose", "regain", "wait", "leave"])


@given(st.lists(st.tuples(steps, st.integers(1, 30)), max_size=40))
def test_whatever_happens_changes_lie_apart_and_the_end_is_said(story: list[tuple[str, int]]) -> None:
    told = Told()
    for step, seconds in story:
        if step in ("live", "stale", "bar") and told.reading.lost_s is None:
            told.hear({"live": LIVE, "stale": STALE, "bar": None}[step])
        elif step == "lose":
            told.reading.lose(told.now_s)
        elif step == "regain":
            told.reading.regain(told.now_s)
        told.wait(seconds, fed=step != "leave")
    told.reading.regain(told.now_s)
    told.hear(LIVE)
    told.wait(GAP_S + PROVEN_AFTER_S)
    assert told.states[-1] == "live"
    _, *changes = told.said
    assert all(one != other for one, other in itertools.pairwise(told.states))
    assert all(after - before >= GAP_S for (_, before), (_, after) in itertools.pairwise(changes))
