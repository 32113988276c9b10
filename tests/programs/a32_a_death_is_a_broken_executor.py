"""A call whose worker dies raises what `except BrokenExecutor` catches, and `BrokenProcessPool`."""

import asyncio
import os
import signal
import sys
import threading
from concurrent.futures import BrokenExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

from batchmap.executors.process.pool import ProcessExecutor

BACKENDS = ("process",)
HOSTS = ("script", "event_loop", "forked_child", "interpreter_exit", "notebook", "thread")


def die(how):
    if how == "exit":
        os._exit(3)
    os.kill(os.getpid(), getattr(signal, how))


def raised(call, *kinds):
    for kind in kinds:
        try:
            call()
        except kind:
            continue
        raise AssertionError(kind)


async def in_a_loop(executor):
    await asyncio.get_running_loop().run_in_executor(executor, die, "exit")


def check(backend):
    with ProcessExecutor(2) as executor:
        for how in ("exit", "SIGKILL", "SIGSEGV"):
            raised(
                executor.submit(die, how).result, BrokenExecutor, BrokenProcessPool, RuntimeError
            )
        raised(lambda: list(executor.map(die, ["exit"])), BrokenProcessPool)
        raised(lambda: list(executor.map(die, ["exit"] * 3, chunksize=2)), BrokenProcessPool)
        loop = threading.Thread(
            target=lambda: raised(lambda: asyncio.run(in_a_loop(executor)), BrokenProcessPool)
        )
        loop.start()
        loop.join(30)
        assert not loop.is_alive()
        calls = [executor.submit(abs, -1), executor.submit(die, "exit"), executor.submit(abs, -2)]
        done = {calls.index(call): call.exception() for call in as_completed(calls, 30)}
        assert [number for number, error in done.items() if error] == [1], done
        assert executor.submit(abs, -3).result(20) == 3
    executor = ProcessExecutor(1)
    endless = executor.submit(signal.pause)
    while not endless.running():
        pass
    executor.kill()
    raised(lambda: endless.result(20), BrokenProcessPool)


if __name__ == "__main__":
    check(sys.argv[1])
