import itertools

from hypothesis import given
from hypothesis import strategies as st

from services.live.status_gate import GAP_S, StatusGate


def said_times(states: list[tuple[str, float]]) -> list[tuple[str, float]]:
    gate, now_s, said = StatusGate(), 0.0, []
    for state, pause_s in states:
        now_s += pause_s
        if gate.wait_s(state, now_s) == 0:
            gate.note(state, now_s)
            said.append((state, now_s))
    return said


def test_a_feed_that_flaps_every_second_is_heard_at_most_once_in_ten() -> None:
    said = said_times([(("live", "stale")[second % 2], 1.0) for second in range(61)])
    assert said[:3] == [("live", 1.0), ("stale", 2.0), ("live", 13.0)]
    assert len(said) <= 1 + 60 / GAP_S


@given(st.lists(st.tuples(st.sampled_from(["live", "stale"]), st.floats(0, 30)), max_size=60))
def test_changes_alternate_and_lie_ten_seconds_apart(states: list[tuple[str, float]]) -> None:
    _, *changes = said_times([("live", 0.0), *states])
    for (before, before_s), (after, after_s) in itertools.pairwise(changes):
        assert before != after
        assert after_s - before_s >= GAP_S - 1e-6


def test_a_state_that_cannot_be_said_yet_names_the_time_that_is_left() -> None:
    gate = StatusGate()
    gate.note("live", 0.0)
    assert gate.wait_s("stale", 1.0) == 0.0
    gate.note("stale", 1.0)
    assert gate.wait_s("stale", 2.0) is None
    assert gate.wait_s("live", 4.0) == GAP_S - 3.0
