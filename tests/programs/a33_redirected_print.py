"""What items print goes where the caller has redirected its standard streams to."""

import contextlib
import io
import sys
import threading

from batchmap import parallel_map

BACKENDS = ("auto", "sequential", "thread", "process")


def loud(number):
    sys.stdout.write(f"item {number}\n")
    print("oops\n", end="", file=sys.stderr)
    return number


def once(backend):
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        assert parallel_map(loud, range(30), backend=backend) == list(range(30))
        print("after")
    lines = out.getvalue().splitlines()
    assert sorted(lines[:-1]) == sorted(f"item {number}" for number in range(30)), lines
    assert lines[-1] == "after"
    assert errors.getvalue() == 30 * "oops\n"


def check(backend):
    once(backend)
    keep = threading.Event()
    threading.Thread(target=keep.wait).start()
    try:
        once(backend)
    finally:
        keep.set()


if __name__ == "__main__":
    check(sys.argv[1])
