"""How threads share a core: whoever answers people gets it at once, whoever hashes gets what is left.

A thread that wakes up waits until the one that runs has used its slice, three milliseconds or so, however low
the priority of that one is. Since Linux 6.12 a thread with a shorter slice does not wait for that. Its share
of the core stays what it was. Other systems, and kernels before that, do as they always did.

Source: sched_setattr(2), and https://docs.kernel.org/scheduler/sched-eevdf.html.
"""

import contextlib
import ctypes
import os
import platform
import threading
from collections.abc import Mapping

# Those who read bars are answered in a few of these.
SHORT_SLICE_NS = 300_000
# What the system itself gives to everybody, or nearly so.
LONG_SLICE_NS = 3_000_000
# The numbers of sched_setattr and sched_getattr: C libraries before glibc 2.41 have no name for them.
SET_BY_MACHINE = {"x86_64": 314, "aarch64": 274}
GET_BY_MACHINE = {"x86_64": 315, "aarch64": 275}
THIS_THREAD = 0
# The policies whose threads have slices: SCHED_OTHER and SCHED_BATCH.
FAIR_POLICIES = (0, 3)


class SchedAttr(ctypes.Structure):
    """The ``struct sched_attr`` of Linux, as it was first."""

    _fields_ = (
        ("size", ctypes.c_uint32),
        ("sched_policy", ctypes.c_uint32),
        ("sched_flags", ctypes.c_uint64),
        ("sched_nice", ctypes.c_int32),
        ("sched_priority", ctypes.c_uint32),
        ("sched_runtime", ctypes.c_uint64),
        ("sched_deadline", ctypes.c_uint64),
        ("sched_period", ctypes.c_uint64),
    )


def come_quickly() -> None:
    """Have the calling thread, and those that it starts, wait for nobody's slice when they wake up."""
    _set_slice(SHORT_SLICE_NS)


def give_way(niceness: int) -> None:
    """Have the calling thread come after all others on its core."""
    _set_slice(LONG_SLICE_NS)
    # Linux gives each thread a priority of its own; elsewhere the whole process would be meant.
    if platform.system() == "Linux":
        with contextlib.suppress(OSError):
            thread = threading.get_native_id()
            # Whoever runs as root could also come to the front by this.
            os.setpriority(os.PRIO_PROCESS, thread, max(niceness, os.getpriority(os.PRIO_PROCESS, thread)))


def slice_ns(thread: int = THIS_THREAD) -> int | None:
    """Return the slice of a thread, by the number that the system gives it; None where it does not tell."""
    attributes = _attributes(thread)
    return attributes.sched_runtime or None if attributes else None


def _set_slice(ns: int) -> None:
    attributes = _attributes(THIS_THREAD)
    if attributes and attributes.sched_policy in FAIR_POLICIES:
        attributes.sched_runtime = ns
        # A system that forbids it, as a container may, leaves everything as it is.
        _call(SET_BY_MACHINE, THIS_THREAD, ctypes.byref(attributes), 0)


def _attributes(thread: int) -> SchedAttr | None:
    attributes = SchedAttr()
    size = ctypes.sizeof(SchedAttr)
    return attributes if _call(GET_BY_MACHINE, thread, ctypes.byref(attributes), size, 0) else None


def _call(numbers: Mapping[str, int], *arguments: object) -> bool:
    number = numbers.get(platform.machine()) if platform.system() == "Linux" else None
    if number is None:
        return False
    system = ctypes.CDLL(None, use_errno=True).syscall
    return bool(system(ctypes.c_long(number), *arguments) == 0)
