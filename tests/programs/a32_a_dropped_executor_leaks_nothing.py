"""An executor that nobody refers to any more ends its threads and processes."""

import gc
import os
import sys
import threading
import time
import weakref

from batchmap.executors.coroutine import AsyncExecutor
from batchmap.executors.process.pool import ProcessExecutor
from batchmap.executors.thread import ThreadExecutor

BACKENDS = ("thread", "process", "async")
HOSTS = ("script", "event_loop", "forked_child", "interpreter_exit", "notebook", "thread")

EXECUTORS = {"thread": ThreadExecutor, "process": ProcessExecutor, "async": AsyncExecutor}


def gone(process_id):
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return True
    return False


def until(condition):
    for _ in range(2000):
        if condition():
            return True
        time.sleep(0.01)
    return False


def check(backend):
    before = set(threading.enumerate())
    own = os.getpid()
    for options in ({}, {"timeout_s": 5}):
        gc.disable()  # what leaks is not to be found by it
        executor = EXECUTORS[backend](2, **options)
        futures = [executor.submit(os.getpid) for _ in range(10)]
        late = executor.submit(time.sleep, 0.1)
        results = list(executor.map(abs, range(-5, 0)))
        reference = weakref.ref(executor)
        del executor
        assert reference() is None
        gc.enable()
        assert late.result(20) is None and results == [5, 4, 3, 2, 1]
        workers = {future.result(20) for future in futures} - {own}
        assert until(lambda: set(threading.enumerate()) <= before), threading.enumerate()
        assert until(lambda: all(map(gone, workers)))
        del futures, late


if __name__ == "__main__":
    check(sys.argv[1])
