"""Ten coroutines that are submitted to an executor of two run two at once."""

import asyncio
import sys

from batchmap.executors.coroutine import AsyncExecutor

BACKENDS = ("async",)


def check(backend):
    running = most = 0

    async def work(number, *, factor=1):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        return number * factor

    with AsyncExecutor(2) as executor:
        futures = [executor.submit(work, number, factor=2) for number in range(10)]
        assert [future.result(20) for future in futures] == list(range(0, 20, 2))
        assert list(executor.map(work, range(10))) == list(range(10))
    assert most == 2, most

    gate = asyncio.Event()

    async def wait():
        await gate.wait()

    with AsyncExecutor(1) as executor:
        first, second = executor.submit(wait), executor.submit(wait)
        assert second.cancel() and second.cancelled()

        async def open_gate():
            gate.set()

        third = executor.submit(open_gate)
        assert not third.running()
        executor._thread._loop.call_soon_threadsafe(gate.set)
        assert third.result(20) is None and first.result(20) is None


if __name__ == "__main__":
    check(sys.argv[1])
