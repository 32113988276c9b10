"""Items without end, in order: while the first of them takes long, memory stays bounded."""

import itertools
import sys
import time

from batchmap import stream_map

BACKENDS = ("auto", "thread", "process", "async")
IN_CI = ("auto",)


def first_takes_long(number):
    if not number:
        time.sleep(1.0)
    return number


async def first_takes_long_async(number):
    import asyncio

    if not number:
        await asyncio.sleep(1.0)
    return number


def check(backend):
    function = first_takes_long_async if backend == "async" else first_takes_long
    for size in ("auto", 1000):
        taken = itertools.count()
        source = (next(taken) for _ in itertools.repeat(None))
        records = stream_map(
            function, source, backend=backend, keep_order=True, batch_size=size, workers=2
        )
        assert [record.result for record in itertools.islice(records, 100)] == list(range(100))
        records.close()
        assert next(taken) < 300_000


if __name__ == "__main__":
    check(sys.argv[1])
