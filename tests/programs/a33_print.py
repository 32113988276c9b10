"""What items print goes to stdout, in whole lines, before what is printed after the call."""

import os
import subprocess
import sys
import threading

from batchmap import WorkerPool, parallel_map

BACKENDS = ("auto", "sequential", "thread", "process", "async")
HOSTS = ("script",)


def loud(number):
    print(f"item {number}\n", end="")  # in one piece, for threads
    print(f"oops {number}\n", end="", file=sys.stderr)
    return number


async def loud_async(number):
    return loud(number)


def print_all(backend):
    function = loud_async if backend == "async" else loud
    print("before")
    parallel_map(function, range(30), backend=backend)
    print("between")
    keep = threading.Event()
    threading.Thread(target=keep.wait).start()
    parallel_map(function, range(30), backend=backend)
    keep.set()
    print("after")
    if backend == "process":
        with WorkerPool(backend, workers=2) as pool:
            parallel_map(function, range(2), pool=pool)
            print("between calls of a pool")
            parallel_map(function, range(2), pool=pool)


def check(backend):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        [sys.executable, __file__, backend, "child"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    if backend == "process":
        assert lines[65:66] == ["between calls of a pool"], lines[60:]
        del lines[63:]
    numbers = sorted(f"item {number}" for number in range(30))
    assert (lines[0], lines[31], lines[62:]) == ("before", "between", ["after"]), lines
    assert sorted(lines[1:31]) == sorted(lines[32:62]) == numbers
    errors = done.stderr.splitlines()[:60]
    assert sorted(errors) == sorted(f"oops {n // 2}" for n in range(60))


if __name__ == "__main__":
    (print_all if sys.argv[2:] else check)(sys.argv[1])
