"""Context variables and the precision of `decimal` are the caller's, for all items of a call."""

import decimal
import sys
from contextvars import ContextVar

from batchmap import parallel_map

BACKENDS = ("auto", "sequential", "thread", "process", "async")
IN_CI = ("process",)

LANGUAGE = ContextVar("LANGUAGE", default="none")


def third(number):
    if number % 50 == 0:
        decimal.getcontext().prec += 1  # of its own call alone, in threads
        decimal.getcontext().prec -= 1
    return len(str(decimal.Decimal(number) / decimal.Decimal(7)))


def third_slowly(number):
    sum(range(20_000))
    return third(number)


async def third_async(number):
    return third(number)


def language(number):
    return LANGUAGE.get()


def check(backend):
    with decimal.localcontext() as context:
        context.prec = 50
        functions = [third_async] if backend == "async" else [third, third_slowly]
        for function in functions:
            lengths = parallel_map(function, range(1, 300), backend=backend)
            assert lengths == [third(number) for number in range(1, 300)], lengths
    if backend in ("sequential", "thread"):
        LANGUAGE.set("da")
        assert set(parallel_map(language, range(20), backend=backend)) == {"da"}


if __name__ == "__main__":
    check(sys.argv[1])
