"""A signal handler that raises as the library starts a thread ends the call, and leaves nothing.

The thread may have begun by then, or not yet, or never begin, as `threading` forgets it.
"""

import os
import sys
import threading
import time

from batchmap import parallel_map

BACKENDS = ("thread", "process", "async")
HOSTS = ("script",)


class Late(Exception):
    pass


def raise_at_once(frame, event, function):
    if event == "c_return" and function.__name__.startswith("start_"):
        raise Late


def raise_once_it_runs(frame, event, function):
    if event == "c_return" and function.__name__.startswith("start_"):
        while threading._limbo:
            time.sleep(0)
        raise Late


def double(number):
    return 2 * number


async def double_async(number):
    return 2 * number


def left():
    threads = [one for one in threading.enumerate() if one.is_alive()]
    return len(threads), sorted(os.listdir("/proc/self/fd"))


def check(backend):
    function = double_async if backend == "async" else double

    def call():
        found = parallel_map(function, range(9), backend=backend, workers=2, timeout_s=60)
        assert found == [2 * number for number in range(9)], found

    keep = threading.Event()
    other = threading.Thread(target=keep.wait)
    other.start()
    call()  # which starts the server that workers are forked by beside a thread
    keep.set()
    other.join()
    until = time.monotonic() + 60
    while left()[0] > 1:  # some end after their last answer
        assert time.monotonic() < until, threading.enumerate()
        time.sleep(0.01)
    before = left()
    for handler in (raise_at_once, raise_once_it_runs):
        for _ in range(10):
            sys.setprofile(handler)
            try:
                call()
            except Late:
                pass
            else:
                raise AssertionError("not raised")
            finally:
                sys.setprofile(None)
        until = time.monotonic() + 60
        while left() != before:
            assert time.monotonic() < until, (handler, left(), before, threading.enumerate())
            time.sleep(0.01)
        call()


if __name__ == "__main__":
    check(sys.argv[1])
