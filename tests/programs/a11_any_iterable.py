"""The items are what iterating gives, whatever else the iterable can do or says of itself."""

import io
import sys
from array import array
from collections import UserList, deque

import numpy as np
from batchmap import parallel_map, stream_map

BACKENDS = ("auto", "sequential", "thread", "process")
IN_CI = ("auto",)


class Queue:
    """Has methods that this library calls of its own sources, and they mean something else."""

    def __init__(self, items):
        self.items = items
        self.total = 3

    def __iter__(self):
        return iter(self.items)

    def __len__(self):
        return 2

    def take(self, number):
        raise AssertionError("not to be called")

    next_size = settle = close = records = place = expected = take


class Hinted(Queue):
    def __len__(self):
        return 10**15

    def __length_hint__(self):
        raise AssertionError("not to be called")

    def __getitem__(self, at):
        raise AssertionError("not to be called")


class Doubled(list):
    def __iter__(self):
        return (2 * item for item in super().__iter__())


class Reversed(tuple):
    __slots__ = ()

    def __iter__(self):
        return reversed(tuple(super().__iter__()))


class Sequence:
    """Iterable by its indexes alone, as classes were in the beginning."""

    def __getitem__(self, at):
        return "abcdef"[at]


def text(item):
    return str(item)


def check(backend):
    words = [f"word {number}" for number in range(50)]
    iterables = [
        lambda: np.array(words),
        lambda: np.arange(12).reshape(4, 3),
        lambda: np.float64([0.5, 1.5]),
        lambda: Queue(words),
        lambda: Hinted(words),
        lambda: Doubled(range(40)),
        lambda: Reversed(range(40)),
        lambda: Sequence(),
        lambda: UserList(words),
        lambda: deque(words),
        lambda: array("d", range(30)),
        lambda: "a string",
        lambda: b"bytes",
        lambda: memoryview(b"bytes"),
        lambda: dict.fromkeys(words),
        lambda: dict.fromkeys(words).items(),
        lambda: set(words),
        lambda: frozenset(range(20)),
        lambda: io.StringIO("one\ntwo\nthree"),
        lambda: (word for word in words),
        lambda: map(str.upper, words),
        lambda: iter(words),
        list,
        lambda: iter(()),
    ]
    try:
        import pandas as pd

        frame = pd.DataFrame({"a": range(30), "b": range(30)})
        iterables += [lambda: frame, lambda: frame["a"], lambda: frame.itertuples()]
    except ImportError:
        pass
    try:
        import pyarrow as pa

        table = pa.table({"a": range(30), "b": range(30)})
        iterables += [lambda: table, lambda: table["a"], lambda: table.to_batches()[0]]
    except ImportError:
        pass
    for make in iterables:
        right = [text(item) for item in make()]
        some = ({"batch_size": 7},) if backend == "process" else ({}, {"batch_size": 1})
        for options in some:
            assert parallel_map(text, make(), backend=backend, **options) == right, right
            if backend == "process":
                continue
            records = stream_map(text, make(), backend=backend, keep_order=True, **options)
            assert [record.result for record in records] == right, right


if __name__ == "__main__":
    check(sys.argv[1])
