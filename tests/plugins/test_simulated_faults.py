"""Faults are read from a setting and struck by seed and second alone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.simulated_faults import FaultyLine, SimulatedFaults, stream_fails

ALL = "late,duplicate,dropped,reordered,stalled,error"
NONE = SimulatedFaults()


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("", NONE),
        (" , ", NONE),
        ("late", SimulatedFaults(late=True)),
        (" Dropped , ERROR,dropped", SimulatedFaults(dropped=True, error=True)),
        (
            ALL,
            SimulatedFaults(
                late=True, duplicate=True, dropped=True, reordered=True, stalled=True, error=True
            ),
        ),
    ],
)
def test_faults_are_read_from_words(text: str, faults: SimulatedFaults) -> None:
    assert SimulatedFaults.parse(text) == faults


def test_every_unknown_fault_is_named_beside_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"names lost, slow, which.*duplicate.*stalled and error, separated"):
        SimulatedFaults.parse("lost,late,slow")


@given(st.integers(0, 2**64 - 1), st.integers(0, 10**9), st.lists(st.integers(1, 90), max_size=200))
@settings(max_examples=50)
def test_a_line_without_faults_carries_everything_at_once_and_in_order(
    key: int, second: int, steps: list[int]
) -> None:
    line = FaultyLine[int](key)
    for step in steps:
        second += step
        assert line.carry([(second, step)], now_s=second, faults=NONE) == [step]


@given(
    st.integers(0, 2**64 - 1),
    st.sets(st.sampled_from(["late", "duplicate", "dropped", "reordered", "stalled"])),
    st.lists(st.integers(1, 90), min_size=1, max_size=200),
)
@settings(max_examples=80)
def test_a_line_invents_nothing_and_loses_only_what_it_was_told_to(
    key: int, names: set[str], steps: list[int]
) -> None:
    faults = SimulatedFaults(**dict.fromkeys(names, True))
    line, second, sent, arrived = FaultyLine[int](key), 0, [], []
    for step in steps:
        second += step
        sent.append(second)
        arrived += line.carry([(second, second)], now_s=second, faults=faults)
    # Switched off, the line delivers what it still holds.
    arrived += line.carry([(second + 10, second + 10)], now_s=second + 10, faults=NONE)
    assert set(arrived) <= {*sent, second + 10}
    if not names & {"dropped", "stalled"}:
        assert set(arrived) == {*sent, second + 10}
    if "duplicate" not in names:
        assert len(arrived) == len(set(arrived))
    if not names & {"late", "reordered"}:
        assert arrived == sorted(arrived)


def test_a_stream_fails_about_once_a_minute_whatever_steps_are_looked_at() -> None:
    failing = [second for second in range(1, 7_201) if stream_fails(99, second - 1, second)]
    assert 60 < len(failing) < 240
    between = range(failing[0] + 1, failing[1])
    assert not stream_fails(99, between[0] - 1, between[-1])
    assert stream_fails(99, between[0] - 1, failing[1])
    assert not stream_fails(99, failing[1], failing[1])
