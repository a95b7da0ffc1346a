"""How threads share a core: what the system itself says of them."""

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest

from utils.scheduling import LONG_SLICE_NS, SHORT_SLICE_NS, come_quickly, give_way, slice_ns

T = TypeVar("T")

# Kernels before 6.12 have slices of their own and tell of none.
pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or slice_ns() is None, reason="NOT TESTED: this system tells of no slices"
)


def in_a_thread(work: Callable[[], T]) -> T:
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(work).result()


def quickly(then: Callable[[], None] = lambda: None) -> tuple[int | None, int | None, int, int]:
    """Return the slices and the niceness of a thread that comes quickly, and of one that it starts."""
    come_quickly()

    def beneath() -> tuple[int | None, int]:
        then()
        return slice_ns(), os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    below, niceness = in_a_thread(beneath)
    return slice_ns(), below, os.getpriority(os.PRIO_PROCESS, threading.get_native_id()), niceness


def test_whoever_comes_quickly_has_a_short_slice_and_the_priority_of_before() -> None:
    ours, before = os.getpriority(os.PRIO_PROCESS, 0), slice_ns()

    assert in_a_thread(quickly) == (SHORT_SLICE_NS, SHORT_SLICE_NS, ours, ours)
    assert slice_ns() == before


def test_whoever_gives_way_has_a_long_slice_and_comes_last() -> None:
    ours = os.getpriority(os.PRIO_PROCESS, 0)

    found = in_a_thread(lambda: quickly(lambda: give_way(12)))

    assert found == (SHORT_SLICE_NS, LONG_SLICE_NS, ours, max(ours, 12))


def test_nobody_comes_to_the_front_by_giving_way() -> None:
    def twice() -> int:
        give_way(15)
        give_way(5)
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    assert in_a_thread(twice) >= 15
