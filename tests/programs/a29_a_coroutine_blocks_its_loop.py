"""A coroutine that blocks its loop beyond the limit is too slow; those beside it are not."""

import asyncio
import sys
import time

from batchmap import parallel_map

BACKENDS = ("auto", "async")


async def blocks_at_once(number):
    if number == 3:
        time.sleep(1)
    await asyncio.sleep(0.05)
    return number


async def blocks_at_the_end(number):
    await asyncio.sleep(0.05)
    if number == 3:
        time.sleep(1)
    return number


async def blocks_in_a_task(number):
    async def block():
        time.sleep(1)

    if number == 3:
        await asyncio.create_task(block())
    await asyncio.sleep(0.05)
    return number


async def returns_before(number):
    if number == 3:
        await asyncio.sleep(0.01)
        time.sleep(1)
    return number


def check(backend):
    for function in (blocks_at_once, blocks_at_the_end, blocks_in_a_task, returns_before):
        records = parallel_map(
            function, range(6), backend=backend, timeout_s=0.4, on_error="record"
        )
        assert [one for one in records if isinstance(one, int)] == [0, 1, 2, 4, 5], records
        failure = records[3].failure
        assert failure.error_type == "TimeoutError"
        assert "took longer than 0.4 s" in failure.error
        assert "it blocked the event loop for 1." in failure.error


if __name__ == "__main__":
    check(sys.argv[1])
