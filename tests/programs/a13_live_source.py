"""A live source: what it gives is handed out as it comes, whatever the source then waits for."""

import queue
import sqlite3
import sys
import threading

from batchmap import stream_map

BACKENDS = ("auto", "sequential", "thread", "process")
IN_CI = ("auto",)


def double(number):
    return 2 * number


def one_by_one(handed_out):
    for number in range(12):
        yield number
        assert handed_out.acquire(timeout=60), "each is handed out before the next is there"


def with_a_pause(released):
    yield from range(5)
    assert released.wait(60), "what came before the pause is handed out in it"
    yield 5


def check(backend):
    list(stream_map(double, range(3), backend=backend))  # imports, first
    handed_out = threading.Semaphore(0)
    results = []
    for record in stream_map(double, one_by_one(handed_out), backend=backend, workers=2):
        results.append(record.result)
        handed_out.release()
    assert results == [2 * number for number in range(12)]

    released = threading.Event()
    seen = []
    for record in stream_map(double, with_a_pause(released), backend=backend, workers=2):
        seen.append(record.index)
        if len(seen) == 5:
            released.set()
    assert sorted(seen) == [0, 1, 2, 3, 4, 5]

    messages = queue.SimpleQueue()
    messages.put(1)
    for record in stream_map(double, iter(messages.get, None), backend=backend, workers=2):
        messages.put(record.result if record.result < 20 else None)

    rows = sqlite3.connect(":memory:").execute("WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL "
        "SELECT n + 1 FROM t WHERE n < 500) SELECT n FROM t")  # fmt: skip
    of_rows = stream_map(double, (n for (n,) in rows), backend=backend, keep_order=True, workers=2)
    assert [record.result for record in of_rows] == [2 * number for number in range(1, 501)]
    ended = {thread.name for thread in threading.enumerate()} - {"source"}
    assert threading.active_count() == len(ended)


if __name__ == "__main__":
    check(sys.argv[1])
