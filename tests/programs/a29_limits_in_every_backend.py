"""A time limit is kept in every backend, whatever runs the items."""

import sys
import time

from batchmap import parallel_map

BACKENDS = ("auto", "sequential", "thread", "process")


def wait(seconds):
    time.sleep(seconds)
    return seconds


def check(backend):
    start_s = time.perf_counter()
    records = parallel_map(
        wait, [0.0, 30.0, 0.1], backend=backend, timeout_s=0.5, on_error="record"
    )
    assert time.perf_counter() - start_s < 15
    assert records[0::2] == [0.0, 0.1]
    assert records[1].failure.error_type == "TimeoutError"


if __name__ == "__main__":
    check(sys.argv[1])
