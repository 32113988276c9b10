"""A list, or tuple, whose `__iter__` is its own: what it iterates counts, not what it stores."""

import sys

from batchmap import parallel_map, stream_map

BACKENDS = ("auto", "sequential", "thread", "process")
IN_CI = ("auto",)


class Tenfold(list):
    """Stores small numbers, and gives ten times as much."""

    def __iter__(self):
        return (10 * item for item in super().__iter__())


class Evens(tuple):
    """Gives every other item only, as a view of what it stores."""

    def __iter__(self):
        return iter(self[::2])


class Counted(dict):
    """Gives values, unlike other dicts."""

    def __iter__(self):
        return iter(self.values())


def double(number):
    return 2 * number


def check(backend):
    for items in (Tenfold(range(500)), Evens(range(500)), Counted(enumerate(range(5, 505)))):
        expected = [double(item) for item in items]
        assert parallel_map(double, items, backend=backend) == expected
        records = stream_map(double, items, backend=backend, keep_order=True)
        assert [record.result for record in records] == expected


if __name__ == "__main__":
    check(sys.argv[1])
