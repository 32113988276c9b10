"""Calls inside items share the cores of the outer call, and do not multiply the processes."""

import os
import sys
import time

from batchmap import parallel_map

BACKENDS = ("auto", "process", "thread")
IN_CI = ("process",)


def compute(seconds):
    end_s = time.thread_time() + seconds
    while time.thread_time() < end_s:
        pass
    return os.getpid()


def inner(number):
    pids = parallel_map(compute, [0.002] * 40)
    with_processes = parallel_map(compute, [0.002] * 4, backend="process")
    return {os.getpid()} | set(pids) | set(with_processes)


def check(backend):
    import psutil

    cores = len(os.sched_getaffinity(0))
    pids = set().union(*parallel_map(inner, range(2 * cores), backend=backend))
    # Each worker, and each of the calls in it one more: not as many as there are cores.
    assert len(pids) <= 1 + 5 * cores, len(pids)
    assert not [child for child in psutil.Process().children() if child.status() == "zombie"]


if __name__ == "__main__":
    check(sys.argv[1])
