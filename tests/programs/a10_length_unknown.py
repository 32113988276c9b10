"""Items whose `len()` raises, or is too large for an index: their number is unknown."""

import sys
from itertools import islice

from batchmap import parallel_map, stream_map

BACKENDS = ("auto", "sequential", "thread", "process")
IN_CI = ("auto",)


class WithoutLength:
    """As a progress bar over a generator is: it has `__len__`, which raises."""

    def __init__(self, error):
        self.error = error

    def __len__(self):
        raise self.error

    def __iter__(self):
        return iter(range(5))


class TooLong:
    """Has more items than `len` can say; `len` of it raises `OverflowError`."""

    def __len__(self):
        return 10**20

    def __iter__(self):
        return iter(range(5))


def double(number):
    return 2 * number


def check(backend):
    for error in (TypeError("no length"), ValueError("closed"), NotImplementedError()):
        assert parallel_map(double, WithoutLength(error), backend=backend) == [0, 2, 4, 6, 8]
        records = stream_map(double, WithoutLength(error), backend=backend, keep_order=True)
        assert [record.result for record in records] == [0, 2, 4, 6, 8]
    assert parallel_map(double, TooLong(), backend=backend) == [0, 2, 4, 6, 8]
    endless = stream_map(double, range(10**20), backend=backend, keep_order=True)
    assert [record.result for record in islice(endless, 5)] == [0, 2, 4, 6, 8]
    endless.close()


if __name__ == "__main__":
    check(sys.argv[1])
