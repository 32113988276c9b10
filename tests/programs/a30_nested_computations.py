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
    """Return how many calls ran at the same time, at most."""
    steps = [(began, 1) for _, began, _ in calls] + [(ended, -1) for _, _, ended in calls]
    now = most = 0
    for _, step in sorted(steps):
        now += step
        most = max(most, now)
    return most


def check(backend):
    import psutil

    cores = len(os.sched_getaffinity(0))
    items = 2 * cores
    calls = sum(parallel_map(inner, range(items), backend=backend), [])
    # So many items of the outer call run at once, each of whose calls has one worker, and a second
    # thread or process while that one starts.
    outer = cores if backend == "process" else items
    assert most_at_once(calls) <= 2 * outer, most_at_once(calls)
    assert not [child for child in psutil.Process().children() if child.status() == "zombie"]


if __name__ == "__main__":
    check(sys.argv[1])
