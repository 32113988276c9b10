"""What a signal handler of the caller raises ends the call, also in the middle of an item."""

import asyncio
import os
import signal
import sys
import threading
import time
from functools import partial
from itertools import count

from batchmap import parallel_map, stream_map

BACKENDS = ("auto", "sequential", "thread", "async")
HOSTS = ("script",)


class Late(Exception):
    pass


class Handler:
    def __call__(self, number, frame):
        raise Late


def wait(item):
    time.sleep(0.01)
    return item


def spin(item):
    until = time.perf_counter() + 0.002
    while time.perf_counter() < until:
        pass
    return item


async def wait_async(item):
    await asyncio.sleep(0.01)
    return item


def catch_all(item):
    """As functions do that clean up, and pass on what they caught."""
    try:
        time.sleep(0.01)
    except BaseException:
        raise
    return item


def seconds_until(error_type, call):
    began = time.monotonic()
    try:
        call()
    except error_type:
        signal.setitimer(signal.ITIMER_REAL, 0)
        return time.monotonic() - began
    raise AssertionError("not raised")


def alarm(handler):
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.1, 1)  # again, where Python ignores one


def terminate(number, frame):
    sys.exit(3)


def late(number, frame):
    raise Late


def interrupt_thrice(ended):
    for _ in range(3):
        if not ended.wait(0.15):
            os.kill(os.getpid(), signal.SIGINT)


def check(backend):
    functions = [wait_async] if backend == "async" else [wait, spin, catch_all]
    for function in functions:
        endless = partial(parallel_map, function, count(), backend=backend)
        for handler in (late, Handler(), partial(lambda _, *rest: late(*rest), None)):
            alarm(handler)
            assert seconds_until(Late, endless) < 5
        alarm(terminate)
        assert seconds_until(SystemExit, endless) < 5
        alarm(lambda *_: signal.raise_signal(signal.SIGINT))
        assert seconds_until(KeyboardInterrupt, endless) < 5
        alarm(late)
        records = stream_map(function, count(), backend=backend)
        assert seconds_until(Late, lambda records=records: list(records)) < 5

    ended = threading.Event()

    async def main():
        try:
            parallel_map(functions[0], count(), backend=backend)
        finally:
            ended.set()

    threading.Thread(target=interrupt_thrice, args=(ended,)).start()
    assert seconds_until(KeyboardInterrupt, lambda: asyncio.run(main())) < 5

    if backend == "sequential":  # a time limit of the function's own costs its item
        records = parallel_map(limit_itself, range(3), backend=backend, on_error="record")
        assert records[0] == 0 and records[2] == 2
        assert records[1].failure.error_type == "Late"


def limit_itself(item):
    signal.signal(signal.SIGALRM, own_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    time.sleep(5 if item == 1 else 0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    return item


def own_handler(number, frame):
    raise Late


if __name__ == "__main__":
    check(sys.argv[1])
