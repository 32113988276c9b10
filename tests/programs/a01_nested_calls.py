"""Items make calls of their own, in any backend: each call's results and limits are its own."""

import sys
import time

from batchmap import BatchProcessor, parallel_map, stream_map

BACKENDS = ("auto", "sequential", "thread", "process")
IN_CI = ("process",)


def square(number):
    return number * number


def slow_square(number):
    time.sleep(0.06)  # ten of them last longer than what a worker sends in one part
    return number * number


async def square_async(number):
    return number * number


def inner_calls(number):
    record = BatchProcessor(square).process(range(20))
    slow = parallel_map(slow_square, range(10), backend="sequential")
    by_backend = [
        parallel_map(square, range(number, number + 3), backend=backend)
        for backend in ("auto", "sequential", "thread", "process")
    ]
    coroutines = parallel_map(square_async, range(3))
    streamed = [one.result for one in stream_map(square, range(3), keep_order=True)]
    return [sum(record.results), sum(slow), by_backend, coroutines, streamed]


def hangs_inside(number):
    def wait(seconds):
        time.sleep(seconds)
        return seconds

    backend = ("thread", "process")[number % 2]
    records = parallel_map(
        wait, [0.0, 30.0], backend=backend, timeout_s=0.3, on_error="record", workers=2
    )
    return [records[0], records[1].failure.error_type]


def no_connection():
    raise ConnectionError("gone")


def set_up_fails_inside(number):
    if number != 1:
        return number
    return parallel_map(lambda item, made: item, range(3), backend="thread", setup=no_connection)


def check(backend):
    expected = [inner_calls(number) for number in range(2)]
    assert parallel_map(inner_calls, range(2), backend=backend) == expected
    if backend != "sequential":
        limited = parallel_map(inner_calls, range(2), backend=backend, timeout_s=60)
        assert limited == expected
    ends = parallel_map(hangs_inside, range(2), backend=backend, workers=2)
    assert ends == [[0.0, "TimeoutError"]] * 2, ends
    found = parallel_map(set_up_fails_inside, range(4), backend=backend, on_error="record")
    assert found[1].failure.error_type == "TaskUnusableError", found
    assert [found[0], *found[2:]] == [0, 2, 3]


if __name__ == "__main__":
    check(sys.argv[1])
