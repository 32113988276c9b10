"""A callback that raises `SystemExit`, or another `BaseException`, ends no dispatcher."""

import asyncio
import logging
import sys
import threading

from batchmap.executors.coroutine import AsyncExecutor
from batchmap.executors.process.pool import ProcessExecutor
from batchmap.executors.thread import ThreadExecutor

BACKENDS = ("thread", "process", "async")
HOSTS = ("script", "event_loop", "forked_child", "interpreter_exit", "notebook", "thread")

EXECUTORS = {"thread": ThreadExecutor, "process": ProcessExecutor, "async": AsyncExecutor}


class OwnError(BaseException):
    pass


def check(backend):
    logging.getLogger("concurrent.futures").addHandler(logging.NullHandler())
    logging.getLogger("concurrent.futures").propagate = False
    with EXECUTORS[backend](1) as executor:
        for kind in (
            SystemExit,
            KeyboardInterrupt,
            GeneratorExit,
            asyncio.CancelledError,
            OwnError,
        ):
            while not is_called_elsewhere(executor, kind):
                pass
            assert executor.submit(abs, -3).result(20) == 3


def is_called_elsewhere(executor, kind):
    """Tell whether the callback ran in the executor's thread: in ours, a call was done too soon."""
    called, by = threading.Event(), []

    def raises(future):
        by.append(threading.current_thread())
        raise kind

    blocks = executor.submit(abs, -1)
    blocks.add_done_callback(lambda _: threading.Event().wait(0.02))
    future = executor.submit(abs, -2)
    try:
        future.add_done_callback(raises)
    except kind:
        assert by == [threading.current_thread()]
    future.add_done_callback(lambda _: called.set())
    assert future.result(20) == 2
    assert called.wait(20), kind
    return by != [threading.current_thread()]


if __name__ == "__main__":
    check(sys.argv[1])
