"""Items that wait for a second run side by side, and so do computations, whatever came first."""

import sys
import time

from batchmap import parallel_map, stream_map

BACKENDS = ("auto",)


def wait(seconds):
    time.sleep(seconds)
    return seconds


def compute(seconds):
    end_s = time.thread_time() + seconds
    while time.thread_time() < end_s:
        pass
    return seconds


def took_s(function, items):
    start_s = time.perf_counter()
    assert parallel_map(function, items) == items
    return time.perf_counter() - start_s


def check(backend):
    # One after the other, each of these takes more than three times the bound.
    assert took_s(wait, [1.0] * 8) < 2.5
    assert took_s(wait, [0.0] * 300 + [0.05] * 200) < 3.0
    assert took_s(wait, [0.5] + [0.0] * 300 + [0.5] * 8) < 2.5
    start_s = time.perf_counter()
    records = list(stream_map(wait, (seconds for seconds in [1.0] * 8)))
    assert [record.result for record in records] == [1.0] * 8
    assert time.perf_counter() - start_s < 2.5
    pids = set()
    for record in stream_map(pid_after, [0.4] * 4):
        pids.add(record.result)
    assert len(pids) > 1, "computations run side by side, which takes processes"


def pid_after(seconds):
    import os

    compute(seconds)
    return os.getpid()


if __name__ == "__main__":
    check(sys.argv[1])
