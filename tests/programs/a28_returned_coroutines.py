"""A coroutine that a plain function returns is awaited."""

import asyncio
import sys
import warnings
from functools import partial, wraps

from batchmap import ItemsFailedError, parallel_map, stream_map

BACKENDS = ("auto", "sequential", "thread", "process", "async")
IN_CI = ("auto",)


async def double(number):
    await asyncio.sleep(0.001)
    if number == 7:
        raise LookupError(number)
    return 2 * number


async def double_at_once(number, factor=2):
    return factor * number


def decorated(function):
    @wraps(function)
    def wrapper(*args):
        return function(*args)

    return wrapper


class Client:
    def fetch(self, number):
        return double_at_once(number)

    def __call__(self, number):
        return double_at_once(number)


def cached(number):
    """As functions with a cache are: some of what they return is a coroutine."""
    return 2 * number if number % 2 else double_at_once(number)


def plain(number):
    return double_at_once(number)


def check(backend):
    warnings.simplefilter("error")
    unraisable = []
    sys.unraisablehook = unraisable.append
    right = [2 * number for number in range(300)]
    functions = [
        lambda number: double_at_once(number),
        partial(double_at_once, factor=2),
        partial(lambda factor, number: double_at_once(number, factor), 2),
        decorated(double_at_once),
        Client(),
        lambda number: 2 * number if number % 2 else double_at_once(number),
        lambda number: double_at_once(number) if number % 100 == 50 else 2 * number,
    ]
    if backend != "async":  # which refuses a `def` that shows no sign of returning coroutines
        functions += [plain, cached, Client().fetch]
    for function in functions:
        for options in ({}, {"retries": 1}, {"timeout_s": 60}, {"batch_size": 20}):
            results = parallel_map(function, range(300), backend=backend, **options)
            assert results == right, options
        records = stream_map(function, range(300), backend=backend, keep_order=True)
        assert [record.result for record in records] == right
    numbers = range(6000)
    for seldom in (1027, 2999, 5999):  # one of many quick results, wherever it is
        found = parallel_map(
            lambda number, at=seldom: double_at_once(number) if number == at else 2 * number,
            numbers,
            backend=backend,
        )
        assert found == [2 * number for number in numbers], seldom
    for options in ({}, {"retries": 1}, {"timeout_s": 60}, {"batch_size": 4}):
        try:
            parallel_map(decorated(double), range(10), backend=backend, **options)
        except ItemsFailedError as error:
            assert [record.index for record in error.failures] == [7]
            assert type(error.__cause__) is LookupError
            assert error.results[8:] == [16, 18]
        else:
            raise AssertionError("not raised")
    assert not unraisable, unraisable


if __name__ == "__main__":
    check(sys.argv[1])
