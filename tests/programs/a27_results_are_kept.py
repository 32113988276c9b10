"""When items fail, the results of all others are in the error; a call can stop at the first."""

import asyncio
import sys
import time
from itertools import count

from batchmap import ItemRecord, ItemsFailedError, parallel_map

BACKENDS = ("auto", "sequential", "thread", "process", "async")
IN_CI = ("auto",)


def work(number):
    if number % 1000 == 999:
        raise LookupError(number)
    return -number


async def work_async(number):
    return work(number)


def fail_in_the_end(number):
    time.sleep(0.002)
    if number >= 20:
        raise LookupError(number)
    return -number


async def fail_in_the_end_async(number):
    await asyncio.sleep(0.002)
    if number >= 20:
        raise LookupError(number)
    return -number


def caught(function, items, **options):
    try:
        parallel_map(function, items, **options)
    except ItemsFailedError as error:
        return error
    raise AssertionError("not raised")


def check(backend):
    is_async = backend == "async"
    error = caught(work_async if is_async else work, range(20_000), backend=backend)
    assert [record.index for record in error.failures] == list(range(999, 20_000, 1000))
    for index, result in enumerate(error.results):
        assert result == -index or result is error.failures[index // 1000], result
    assert len(error.results) == 20_000

    function = fail_in_the_end_async if is_async else fail_in_the_end
    for options in ({}, {"batch_size": 50}, {"retries": 1}, {"timeout_s": 60}):
        taken = count()
        error = caught(function, taken, backend=backend, on_error="stop", **options)
        assert (n := next(taken)) < 1_000_000, (n, options)
        first = error.failures[0].index
        assert first >= 20 and type(error.__cause__) is LookupError
        assert "no more were started" in str(error)
        for index, result in enumerate(error.results):
            if isinstance(result, ItemRecord):
                assert result.index == index
                name = result.failure.error_type
                assert name == ("LookupError" if result.attempts else "NotBegun"), result
            else:
                assert result == -index and index < 20
        if backend == "sequential" and "retries" not in options:
            assert first == 20 and len(error.results) == 21
    assert caught(function, range(5, 30), backend=backend, on_error="stop").failures[0].index == 15


if __name__ == "__main__":
    check(sys.argv[1])
