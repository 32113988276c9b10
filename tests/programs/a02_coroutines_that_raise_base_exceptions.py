"""A coroutine, or a task that it started, raises what ends an event loop: its item fails alone."""

import asyncio
import sys

from batchmap import parallel_map

BACKENDS = ("auto", "async", "thread", "process")
HOSTS = ("script", "event_loop", "forked_child", "interpreter_exit", "notebook", "thread")
IN_CI = ("process",)


class OwnError(BaseException):
    pass


def raises(kind, how):
    async def sub_task():
        raise kind("no")

    async def work(number):
        await asyncio.sleep(0)
        if number % 5 != 3:
            return number
        if how == "itself":
            raise kind("no")
        if how == "task":
            await asyncio.create_task(sub_task())
        elif how == "gathered":
            await asyncio.gather(sub_task(), asyncio.sleep(0.01))
        else:
            async with asyncio.TaskGroup() as group:
                group.create_task(sub_task())
        return "went on"

    return work


def check(backend):
    right = [number for number in range(20) if number % 5 != 3]
    for kind in (SystemExit, KeyboardInterrupt, GeneratorExit, OwnError):
        for how in ("itself", "task", "gathered", "group"):
            for timeout_s in (None, 30):
                records = parallel_map(
                    raises(kind, how),
                    range(20),
                    backend=backend,
                    workers=2,
                    timeout_s=timeout_s,
                    on_error="record",
                )
                assert [one for one in records if isinstance(one, int)] == right, (kind, how)
                errors = {one.failure.error_type for one in records if not isinstance(one, int)}
                assert errors in ({kind.__qualname__}, {"BaseExceptionGroup"}), (how, errors)


if __name__ == "__main__":
    check(sys.argv[1])
