"""What is called growth of a soaked worker: more memory for as many clients, and no other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reliability.soak_lives import MIB, RSS_MIB_PER_H_MAX, Growth, growth_of

BORN_S = 1_000_000.0
EVERY_S = 10
A_CLIENT = 60 * 1024
EMPTY = 200 * MIB


def life_of(clients: list[int], grows_mib_per_h: float = 0.0) -> list[dict]:
    """Return a diary with a line each ten seconds, whose memory is that of its clients and what it loses."""
    return [
        {
            "at_s": BORN_S + number * EVERY_S,
            "pid": 7,
            "rss": EMPTY + count * A_CLIENT + round(grows_mib_per_h * MIB * number * EVERY_S / 3_600),
            "descriptors": count + 20,
            "kinds": {"socket": count + 5},
            "clients": count,
            "names": {"_handle": count},
            "threads": 4,
            "unhandled": 0,
            "never_retrieved": 0,
        }
        for number, count in enumerate(clients)
    ]


def judged(clients: list[int], grows_mib_per_h: float = 0.0) -> Growth:
    life = life_of(clients, grows_mib_per_h)
    return growth_of(life, [], life[-1]["at_s"])


def test_a_worker_that_takes_over_the_clients_of_another_has_not_grown():
    growth = judged([4] * 130 + [60] * 100 + [200] * 100)
    assert growth.faults() == []
    assert growth.rss_mib_per_h > RSS_MIB_PER_H_MAX
    assert growth.rss_mib_per_h_at_one_load == pytest.approx(0.0, abs=0.05)


@given(
    loads=st.lists(st.integers(0, 300), min_size=2, max_size=5),
    lost_mib_per_h=st.floats(1.5, 100.0),
)
def test_what_is_lost_is_found_whatever_the_load_does(loads: list[int], lost_mib_per_h: float):
    growth = judged([load for load in loads for _ in range(60)] * 3, lost_mib_per_h)
    assert growth.rss_mib_per_h_at_one_load == pytest.approx(lost_mib_per_h, abs=0.4)
    assert any("memory grows" in fault for fault in growth.faults())


def test_a_life_whose_clients_are_never_as_many_twice_is_judged_by_all_of_it():
    growth = judged(list(range(0, 20 * 200, 20)))
    assert growth.rss_mib_per_h_at_one_load == growth.rss_mib_per_h > RSS_MIB_PER_H_MAX


def test_the_memory_of_a_life_too_short_to_tell_is_told_and_not_judged():
    lines_a_minute = 60 // EVERY_S
    short, long = (judged([60] * (minutes * lines_a_minute), 8.0) for minutes in (24, 42))
    for growth in (short, long):
        assert growth.rss_mib_per_h_at_one_load == pytest.approx(8.0)
    assert short.faults() == []
    assert any("memory grows" in fault for fault in long.faults())
