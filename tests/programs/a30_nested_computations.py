"""Calls inside items share the cores of the outer call, and do not multiply the processes."""

import os
import sys
import time

from batchmap import parallel_map

BACKENDS = ("auto", "process", "thread")
IN_CI = ("process",)


def compute(seconds):
    began = time.monotonic()
    end_s = time.thread_time() + seconds
    while time.thread_time() < end_s:
        pass
    return os.getpid(), began, time.monotonic()


def inner(number):
    calls = parallel_map(compute, [0.002] * 40)
    return calls + parallel_map(compute, [0.002] * 4, backend="process")


def most_at_once(calls):
    """Return how many processes computed at the same time, at most."""
    begun = [{pid for pid, start, end in calls if start <= moment <= end} for _, moment, _ in calls]
    return max(map(len, begun))


def check(backend):
    import psutil

    cores = len(os.sched_getaffinity(0))
    items = 2 * cores
    calls = sum(parallel_map(inner, range(items), backend=backend), [])
    # The first of the calls that run at once has all cores, each other one a process and no more.
    at_once = cores if backend == "process" else items
    assert most_at_once(calls) <= cores + at_once, most_at_once(calls)
    assert not [child for child in psutil.Process().children() if child.status() == "zombie"]


if __name__ == "__main__":
    check(sys.argv[1])
