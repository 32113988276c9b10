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
            called = threading.Event()

            def raises(future, kind=kind):
                raise kind

            blocks = executor.submit(abs, -1)
            blocks.add_done_callback(lambda _: threading.Event().wait(0.02))
            future = executor.submit(abs, -2)
            future.add_done_callback(raises)
            future.add_done_callback(lambda _, called=called: called.set())
            assert future.result(20) == 2
            assert called.wait(20), kind
            assert executor.submit(abs, -3).result(20) == 3


if __name__ == "__main__":
    check(sys.argv[1])
