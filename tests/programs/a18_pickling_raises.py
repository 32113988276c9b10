"""Whatever pickling or unpickling an item or a result raises, that item alone fails."""

import sys
from concurrent.futures import BrokenExecutor

from batchmap import UsageError, WorkersLostError, parallel_map, stream_map

BACKENDS = ("process",)


class Odd(Exception):
    def __str__(self):
        raise RuntimeError("no text")


ERRORS = (
    RuntimeError("not me"),
    SystemExit(3),
    KeyboardInterrupt(),
    GeneratorExit(),
    RecursionError("deep"),
    BrokenExecutor("not the executor"),
    WorkersLostError("nor the workers"),
    UsageError("nor the function"),
    TimeoutError(),
    MemoryError(),
    StopIteration(),
    Odd(),
)


class Reluctant:
    """Raises when it is pickled in the process `at`, or when it is unpickled there."""

    def __init__(self, number, phase):
        self.number = number
        self.phase = phase

    def __reduce__(self):
        if self.phase == "pickling":
            raise ERRORS[self.number]
        return remake, (self.number, self.phase)


def remake(number, phase):
    if phase == "unpickling":
        raise ERRORS[number]
    return Reluctant(number, phase)


def give_back(item):
    return item.number if isinstance(item, Reluctant) else item


def give_reluctant(item):
    number, phase = item
    return number if phase is None else Reluctant(number, phase)


def slow_down(item):
    if isinstance(item, int) or item[1] is None:
        sum(range(100_000))
    return give_reluctant(item)


class UnpicklableFunction:
    def __init__(self, error):
        self.error = error

    def __call__(self, item):
        return item

    def __reduce__(self):
        raise self.error


def check(backend):
    numbers = range(len(ERRORS))
    if backend == "process":
        for phase in ("pickling", "unpickling"):
            for options in ({}, {"batch_size": 5}):
                items = [Reluctant(number, phase) for number in numbers]
                mixed = [part for item in items for part in (0, item, 1)]
                results = parallel_map(
                    give_back, mixed, backend=backend, on_error="record", **options
                )
                assert results[::3] == [0] * len(items) and results[2::3] == [1] * len(items)
                assert all(record.failure for record in results[1::3])
        for error in ERRORS:
            try:
                parallel_map(UnpicklableFunction(error), range(3), backend=backend)
            except UsageError as raised:
                assert "cannot be sent to another process" in str(raised)
            else:
                raise AssertionError("not raised")
    function = slow_down if backend == "auto" else give_reluctant
    for phase in ("pickling", "unpickling"):
        mixed = [(number, kind) for number in numbers for kind in (None, phase, None)]
        mixed += [(number, None) for number in range(40)]
        records = list(stream_map(function, mixed, backend=backend, keep_order=True))
        assert [record.index for record in records] == list(range(len(mixed)))
        for record, (number, kind) in zip(records, mixed, strict=True):
            if kind is None:
                assert record.result == number, record
            elif backend == "process":
                assert record.failure, record


if __name__ == "__main__":
    check(sys.argv[1])
