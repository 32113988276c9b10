"""A function uses what belongs to the caller's thread: all items of a call behave alike."""

import asyncio
import signal
import sqlite3
import sys
import threading
import time

from batchmap import parallel_map, stream_map

BACKENDS = ("auto",)
HOSTS = ("script", "module")  # signal handlers are the main thread's, event loops those of none

connection = sqlite3.connect(":memory:")
loop = asyncio.new_event_loop()
local = threading.local()
local.factor = 3


def query(number):
    time.sleep(0.002)
    return connection.execute("SELECT ? + 1", (number,)).fetchone()[0]


def run_in_loop(number):
    async def double():
        await asyncio.sleep(0.003)
        return 2 * number

    return loop.run_until_complete(double())


def with_alarm(number):
    def expired(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, expired)
    signal.alarm(5)
    try:
        time.sleep(0.002)
        return number
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def scaled(number):
    time.sleep(0.002)
    return local.factor * number


def late(number):
    """Needs the caller's thread from some item on alone, when others run in threads already."""
    time.sleep(0.002)
    return query(number) if number >= 60 else number + 1


def check(backend):
    for function in (query, run_in_loop, with_alarm, scaled, late):
        expected = [function(number) for number in range(80)]
        assert parallel_map(function, range(80), backend=backend) == expected, function
        records = list(stream_map(function, range(80), backend=backend, keep_order=True))
        assert [record.result for record in records] == expected, function
    calls = []

    def fail(number):
        calls.append(number)
        time.sleep(0.002)
        if number % 10 == 0:
            raise ValueError("no number")
        return number

    records = parallel_map(fail, range(80), backend=backend, on_error="record")
    assert [record for record in records if not isinstance(record, int)] == records[::10]
    assert sorted(calls) == list(range(80)), "an item that fails is not called again"


if __name__ == "__main__":
    check(sys.argv[1])
    loop.close()
