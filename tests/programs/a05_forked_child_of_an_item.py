"""An item forks a child that comes back out of the function: the child ends, and nothing more.

In a plain loop it would go on with the loop and the script, as a second process that does it all.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

from batchmap import parallel_map, stream_map

BACKENDS = ("auto", "sequential", "thread", "process", "async")

WAYS = {"returns": 0, "exits": 0, "exits with 3": 3, "exits with text": 1, "raises": 1}


def note(log, text):
    with log.open("a") as file:
        file.write(f"{text}\n")


def work(item):
    way, log = item
    note(log, f"begin {way}")
    child = os.fork()
    if not child:
        if way == "raises":
            sys.stderr = open(os.devnull, "w")
            raise LookupError("in the child")
        if way.startswith("exits"):
            sys.stderr = open(os.devnull, "w")
            sys.exit({"exits": 0, "exits with 3": 3, "exits with text": "gone"}[way])
        return "child"
    time.sleep(0.001)
    return way, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


async def work_async(item):
    return work(item)


def check(backend):
    function = work_async if backend == "async" else work
    with tempfile.TemporaryDirectory() as directory:
        log = Path(directory, "log")
        items = [(way, log) for way in WAYS] * 4
        for options in ({}, {"batch_size": 3}, {"workers": 2, "timeout_s": 30}):
            if backend == "sequential" and "timeout_s" in options:
                continue
            log.unlink(missing_ok=True)
            results = parallel_map(function, items, backend=backend, **options)
            assert results == list(WAYS.items()) * 4, results
            note(log, "rest")
            lines = log.read_text().splitlines()
            assert sorted(lines) == sorted([*(f"begin {way}" for way in [*WAYS] * 4), "rest"])
        records = stream_map(function, items[:5], backend=backend, keep_order=True)
        assert [record.result for record in records] == list(WAYS.items())


if __name__ == "__main__":
    check(sys.argv[1])
