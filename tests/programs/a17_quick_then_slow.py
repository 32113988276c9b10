"""Items that turn slow, or quick, after some hundred others: what they are now decides."""

import sys
import time

from batchmap import parallel_map

BACKENDS = ("auto",)


def wait(milliseconds):
    if milliseconds:
        time.sleep(milliseconds / 1000)
    return milliseconds


def check(backend):
    for items in (
        [0] * 300 + [50] * 100,
        [0] * 30_000 + [50] * 100,
        [1] * 50 + [50] * 100,
    ):
        start_s = time.perf_counter()
        assert parallel_map(wait, items) == items
        assert time.perf_counter() - start_s < 2.5, "5 s, one after the other"


if __name__ == "__main__":
    check(sys.argv[1])
