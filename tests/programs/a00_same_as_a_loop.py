"""Results, exceptions and order are those of a loop."""

import sys

from batchmap import ItemsFailedError, parallel_map, stream_map

BACKENDS = ("auto", "sequential", "thread", "process", "async")
IN_CI = ("auto", "process")


def work(number):
    if number == 13:
        raise LookupError("thirteen")
    return [number, str(number)]


async def work_async(number):
    return work(number)


def check(backend):
    function = work_async if backend == "async" else work
    numbers = [*range(13), *range(14, 60)]
    assert parallel_map(function, numbers, backend=backend) == [work(n) for n in numbers]
    records = stream_map(function, range(20), backend=backend, keep_order=True)
    assert [record.index for record in records if record.failure] == [13]
    try:
        parallel_map(function, range(20), backend=backend)
    except ItemsFailedError as error:
        assert "1 of 20" in str(error) and "LookupError: thirteen" in str(error)
    else:
        raise AssertionError("not raised")


if __name__ == "__main__":
    check(sys.argv[1])
