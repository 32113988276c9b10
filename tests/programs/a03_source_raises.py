"""What the source raises reaches the caller as it is, once what came before it is done."""

import asyncio
import sys
import time
from concurrent.futures import BrokenExecutor

from batchmap import UsageError, parallel_map, stream_map

BACKENDS = ("auto", "sequential", "thread", "process", "async")
IN_CI = ("auto",)


class Gone(ConnectionError):
    pass


class Interrupted(BaseException):
    pass


def rows(number, error):
    yield from range(number)
    raise error


class RaisesAtIter:
    def __init__(self, error):
        self.error = error

    def __iter__(self):
        raise self.error


class RaisesAtNext:
    def __init__(self, number, error):
        self.left = number
        self.error = error

    def __iter__(self):
        return self

    def __next__(self):
        if not self.left:
            raise self.error
        self.left -= 1
        return self.left


def double(number):
    return 2 * number


def wait_and_double(number):
    time.sleep(0.002)
    return 2 * number


async def double_async(number):
    await asyncio.sleep(0.001)
    return 2 * number


def caught(function, items, backend, **options):
    try:
        parallel_map(function, items, backend=backend, **options)
    except BaseException as error:
        return error
    raise AssertionError("not raised")


def check(backend):
    functions = [double_async] if backend == "async" else [double, wait_and_double]
    errors = [Gone("gone"), KeyboardInterrupt(), SystemExit(3), Interrupted(), GeneratorExit()]
    errors += [BrokenExecutor("of the source's own"), UsageError("likewise"), TypeError("wrong")]
    for function in functions:
        for error in errors:
            for items in (rows(5, error), RaisesAtNext(5, error), RaisesAtIter(error)):
                assert caught(function, items, backend) is error, (function, error, items)
        stopped = StopIteration("at once")
        assert caught(function, RaisesAtIter(stopped), backend) is stopped
        converted = caught(function, rows(3, StopIteration()), backend)
        assert type(converted) is RuntimeError
        for number in (0, 1, 40):
            for options in ({}, {"batch_size": 7}, {"retries": 1}, {"timeout_s": 60}):
                seen = []
                error = Gone("gone")
                records = stream_map(
                    function, rows(number, error), backend=backend, keep_order=True, **options
                )
                try:
                    for record in records:
                        seen.append(record.result)
                except Gone as raised:
                    assert raised is error
                else:
                    raise AssertionError("not raised")
                assert seen == [2 * item for item in range(number)], (seen, options)

    changing = {number: number for number in range(50)}

    def grow(number):
        if backend in ("auto", "sequential"):
            changing[-number - 1] = 0
        return number

    if backend in ("auto", "sequential"):
        error = caught(grow, changing, backend)
        assert type(error) is RuntimeError and "changed size" in str(error)


if __name__ == "__main__":
    check(sys.argv[1])
