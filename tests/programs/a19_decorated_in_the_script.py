"""Helpers of the script that `functools` has made of functions, while threads run."""

import functools
import sys
import threading
import time

from batchmap import parallel_map

BACKENDS = ("auto", "thread", "process")


@functools.lru_cache(maxsize=5)
def helper(number):
    """Called by the function."""
    return number + 1


@functools.cache
def fibonacci(number):
    return number if number < 2 else fibonacci(number - 1) + fibonacci(number - 2)


@functools.singledispatch
def kind(_):
    return "other"


@kind.register
def _(_: int):
    return "int"


class Table:
    """Has cached methods."""

    @functools.cached_property
    def size(self):
        return 3

    @functools.lru_cache  # noqa: B019
    def double(self, number):
        return 2 * number

    @staticmethod
    @functools.cache
    def triple(number):
        return 3 * number


def work(number):
    time.sleep(0.001)
    assert helper.cache_parameters()["maxsize"] == 5 and helper.__doc__ == "Called by the function."
    table = Table()
    return helper(number), fibonacci(number), kind(number), table.size, table.double(number)


def check(backend):
    keep = threading.Event()
    threading.Thread(target=keep.wait).start()
    try:
        found = parallel_map(work, range(8), backend=backend, workers=2)
        assert found == [(n + 1, fibonacci(n), "int", 3, 2 * n) for n in range(8)]
        assert parallel_map(helper, range(8), backend=backend) == list(range(1, 9))
        assert parallel_map(Table.triple, range(8), backend=backend) == list(range(0, 24, 3))
        assert parallel_map(Table().double, range(8), backend=backend) == list(range(0, 16, 2))
    finally:
        keep.set()


if __name__ == "__main__":
    check(sys.argv[1])
