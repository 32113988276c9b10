"""A function that is not thread-safe: right in processes, and the plan of threads says so."""

import sys
import time

from batchmap import parallel_map

BACKENDS = ("sequential", "process")

scratch = []


def total(number):
    scratch.clear()
    scratch.extend(range(number))
    time.sleep(0.002)
    return sum(scratch)


def check(backend):
    assert parallel_map(total, range(200), backend=backend) == [sum(range(n)) for n in range(200)]


if __name__ == "__main__":
    check(sys.argv[1])
