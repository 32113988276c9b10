"""astream_map: the same records in a running loop, which is never blocked and never left behind."""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from batchmap import (
    Plan,
    Progress,
    RunStoppedError,
    Stop,
    WorkerPool,
    WorkersLostError,
    astream_map,
)

from tests.set_ups import Log, async_generator, generator, one, same_worker, same_worker_async
from tests.waiting import WAIT_S, is_gone, wait_until

BACKENDS = ("auto", "sequential", "thread", "process")


async def later(item: int) -> int:
    await asyncio.sleep(0)
    return item


async def numbers(end: int) -> AsyncIterator[int]:
    for number in range(end):
        if number % 7 == 0:
            await asyncio.sleep(0)
        yield number


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(coroutine, WAIT_S))


async def results(stream: AsyncIterator[Any]) -> list[Any]:
    return [record.result async for record in stream]


SOURCES: dict[str, Callable[[int], Any]] = {"list": range, "iterator": lambda n: iter(range(n)),
                                            "async": numbers}  # fmt: skip


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("backend", [*BACKENDS, "async"])
def test_each_item_has_its_record(backend: str, source: str) -> None:
    function: Any = later if backend == "async" else one
    options: dict[str, Any] = {"backend": backend, "workers": 2}
    items = SOURCES[source]
    assert run(results(astream_in_loop(function, items, 50, keep_order=True, **options))) == [
        *range(50)
    ]
    assert sorted(run(results(astream_in_loop(function, items, 50, **options)))) == [*range(50)]
    assert run(results(astream_in_loop(function, items, 0, **options))) == []


async def astream_in_loop(
    function: Any, items: Callable[[int], Any], number: int, **options: Any
) -> AsyncIterator[Any]:
    async for record in astream_map(function, items(number), **options):
        yield record


def test_items_are_spread_and_numbered_as_elsewhere() -> None:
    async def pairs() -> AsyncIterator[tuple[int, int]]:
        for number in range(5):
            yield number, 2

    def power(base: int, exponent: int, *, index: int) -> tuple[int, int]:
        return index, base**exponent

    async def call() -> list[Any]:
        return await results(
            astream_map(power, pairs(), star=True, index=True, keep_order=True, backend="thread")
        )

    assert run(call()) == [(number, number**2) for number in range(5)]


def test_functions_take_lists_and_give_any_number_as_elsewhere() -> None:
    async def double(items: list[int]) -> list[int]:
        await asyncio.sleep(0)
        return [2 * item for item in items]

    def evens(item: int) -> int | None:
        return None if item % 2 else item

    def several(item: int) -> list[int]:
        return [item] * item

    async def call() -> None:
        found = await results(astream_map(double, numbers(20), batched=3, keep_order=True))
        assert found == [*range(0, 40, 2)]
        assert sorted(await results(astream_map(evens, numbers(9), skip_none=True))) == [
            0,
            2,
            4,
            6,
            8,
        ]
        found = await results(astream_map(several, numbers(4), expand=True, keep_order=True))
        assert found == [[], [1], [2, 2], [3, 3, 3]]

    run(call())


def test_coroutines_run_in_the_loop_of_the_caller() -> None:
    async def call() -> None:
        gate = asyncio.Event()
        here = asyncio.get_running_loop()

        async def through(item: int) -> bool:
            if item == 9:
                gate.set()
            await gate.wait()  # raises in another loop
            return asyncio.get_running_loop() is here

        assert await results(astream_map(through, range(10))) == [True] * 10
        limited = astream_map(through, range(10), workers=3, timeout_s=30, retries=1)
        assert await results(limited) == [True] * 10

    run(call())


def test_no_more_coroutines_run_at_once_than_asked_for() -> None:
    running = peak = 0

    async def call() -> None:
        three = asyncio.Barrier(3)

        async def count(_: int) -> None:
            nonlocal running, peak
            running += 1
            peak = max(peak, running)
            await three.wait()  # which as many as were asked for pass together
            running -= 1

        await results(astream_map(count, range(51), workers=3))

    run(call())
    assert peak == 3


@pytest.mark.parametrize("backend", ["auto", "sequential", "thread"])
def test_the_loop_goes_on_while_a_function_or_a_source_blocks(backend: str) -> None:
    released = threading.Event()

    def wait(item: int) -> int:
        assert released.wait(WAIT_S)
        return item

    def source() -> Iterator[int]:
        assert released.wait(WAIT_S)
        yield from range(5)

    async def call(stream: Callable[[], AsyncIterator[Any]]) -> list[Any]:
        released.clear()
        asyncio.get_running_loop().call_later(0.01, released.set)
        return await results(stream())

    found = run(call(lambda: astream_map(wait, range(5), backend=backend, keep_order=True)))
    assert found == [*range(5)]
    found = run(call(lambda: astream_map(one, source(), backend=backend, keep_order=True)))
    assert found == [*range(5)]


@pytest.mark.parametrize("backend", ["auto", "thread", "process", "async"])
def test_a_slow_consumer_holds_up_the_source(backend: str) -> None:
    taken = 0

    async def endless() -> AsyncIterator[int]:
        nonlocal taken
        while True:
            taken += 1
            yield taken

    function: Any = later if backend == "async" else one

    async def call() -> int:
        options: dict[str, Any] = {"backend": backend, "workers": 2, "batch_size": 3}
        async with aclosing(astream_map(function, endless(), **options)) as records:
            for _ in range(30):
                await anext(records)
            for _ in range(100):  # turns of the loop in which nobody asks
                await asyncio.sleep(0)
            return taken

    assert run(call()) <= 30 + 6 * 3


def test_a_source_that_waits_does_not_hold_up_what_is_done() -> None:
    async def call() -> None:
        seen = asyncio.Event()

        async def source() -> AsyncIterator[int]:
            yield 0
            await seen.wait()
            yield 1

        found = []
        async for record in astream_map(one, source(), backend="thread"):
            found.append(record.result)
            seen.set()
        assert found == [0, 1]

    run(call())


@pytest.mark.parametrize("how", ["aclose", "cancel", "left"])
@pytest.mark.parametrize("backend", ["auto", "thread", "process", "async"])
def test_what_is_left_early_leaves_nothing_behind(backend: str, how: str, tmp_path: Path) -> None:
    before = set(threading.enumerate())
    cancelled: list[int] = []

    def note(item: int) -> int:
        (tmp_path / f"{os.getpid()}").touch()
        return item

    async def note_later(item: int) -> int:
        if item:
            try:
                reached.set()
                await asyncio.Event().wait()
            finally:
                cancelled.append(item)
        return item

    async def consume() -> None:
        function: Any = note_later if backend == "async" else note
        records = astream_map(function, range(10**9), backend=backend, workers=2)
        await anext(records)
        if backend == "async":
            await reached.wait()
        if how == "aclose":
            await records.aclose()
            with pytest.raises(StopAsyncIteration):
                await anext(records)
        elif how == "cancel":
            async for _ in records:
                reached.set()
                if backend != "async":
                    await asyncio.sleep(0)
        else:
            kept.append(records)

    async def call() -> None:
        task = asyncio.create_task(consume())
        if how == "cancel":
            await reached.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        else:
            await task
            if how == "aclose":
                assert asyncio.all_tasks() == {asyncio.current_task()}

    reached, kept = asyncio.Event(), list[Any]()
    asyncio.run(call())
    if backend == "async":
        assert cancelled
    wait_until(lambda: set(threading.enumerate()) <= before)
    for path in tmp_path.iterdir():
        process_id = int(path.name)
        if process_id != os.getpid():
            wait_until(partial(is_gone, process_id))


@pytest.mark.parametrize("backend", [*BACKENDS, "async"])
def test_what_the_source_raises_comes_after_the_records_before(backend: str) -> None:
    async def failing() -> AsyncIterator[int]:
        for number in range(5):
            yield number
        raise OSError("disk")

    function: Any = later if backend == "async" else one

    async def call() -> None:
        found = []
        with pytest.raises(OSError, match="disk"):  # noqa: PT012
            async for record in astream_map(function, failing(), backend=backend):
                found.append(record.result)
        assert sorted(found) == [*range(5)]

    run(call())


def test_failures_are_records_and_lost_workers_an_error() -> None:
    def fail(item: int) -> int:
        if item == 2:
            raise ValueError(item)
        return item

    def licence() -> None:
        raise OSError("no licence")

    async def call() -> None:
        failed = [r.index async for r in astream_map(fail, numbers(5)) if r.failure is not None]
        assert failed == [2]
        for function in (fail, later):
            with pytest.raises(WorkersLostError, match="setup licence failed in a worker"):
                await results(astream_map(function, numbers(5), setup=licence))

    run(call())


@pytest.mark.parametrize("backend", ["auto", "sequential", "thread", "async"])
def test_items_and_sources_see_the_context_variables_of_the_call(backend: str) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="none")

    def seen(item: str) -> tuple[str, str]:
        return item, variable.get()

    async def seen_later(item: str) -> tuple[str, str]:
        return seen(item)

    async def source() -> AsyncIterator[str]:
        yield variable.get()

    async def call() -> list[Any]:
        variable.set("set")
        function: Any = seen_later if backend == "async" else seen
        return await results(astream_map(function, source(), backend=backend))

    assert run(call()) == [("set", "set")]


@pytest.mark.parametrize("backend", ["thread", "process", "async"])
def test_workers_are_set_up_and_leave(backend: str, tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    is_async = backend == "async"
    function: Any = same_worker_async if is_async else same_worker
    setup = async_generator(log) if is_async else generator(log)

    async def call() -> None:
        options: dict[str, Any] = {"backend": backend, "workers": 2, "setup": setup}
        found = await results(astream_map(function, numbers(20), **options))
        assert all(is_same for _, _, is_same in found)
        async with aclosing(astream_map(function, range(10**6), **options)) as records:
            await anext(records)

    run(call())
    assert log.who("begin")
    assert log.who("end") == log.who("begin")


def test_a_pool_serves_several_streams_of_a_loop() -> None:
    async def call() -> None:
        streams = [astream_map(one, numbers(40), pool=pool, keep_order=True) for _ in range(3)]
        assert await asyncio.gather(*map(results, streams)) == [[*range(40)]] * 3

    with WorkerPool("process", workers=2) as pool:
        run(call())


def test_plan_and_progress_are_told_in_the_loop() -> None:
    told: list[Any] = []

    def note(value: Any) -> None:
        asyncio.get_running_loop()  # raises in any other thread
        told.append(value)

    def refuse(_: Any) -> None:
        raise OSError("no")

    async def call() -> None:
        await results(astream_map(one, numbers(20), progress=note, on_plan=note))
        for name in ("progress", "on_plan"):
            options: dict[str, Any] = {name: refuse}
            with pytest.raises(OSError, match="no"):
                await results(astream_map(one, numbers(20), **options))

    run(call())
    assert isinstance(told[-1], Progress)
    assert told[-1].done == 20
    assert any(isinstance(one, Plan) for one in told)


def test_a_function_that_stops_the_run_stops_the_stream() -> None:
    def stop(item: int) -> int:
        if item == 3:
            raise Stop("enough")
        return item

    async def call() -> None:
        found: list[int] = []
        with pytest.raises(RunStoppedError, match="enough"):  # noqa: PT012
            async for record in astream_map(stop, numbers(100), backend="sequential"):
                found.append(record.result)
        assert found == [0, 1, 2]

    run(call())


def test_wrong_calls_are_refused_at_once() -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        astream_map(one, [1])

    async def call() -> None:
        with pytest.raises(ValueError, match="retries must be at least 0"):
            astream_map(one, [1], retries=-1)
        with pytest.raises(TypeError, match="'int' object is not iterable"):
            astream_map(one, 5)  # type: ignore[call-overload]
        with pytest.raises(ValueError, match="needs an `async def` function"):
            await anext(astream_map(one, [1], backend="async"))

    run(call())


def task_of(loop: asyncio.AbstractEventLoop, coroutine: Any) -> asyncio.Task[Any]:
    """Make a task as factories do that know of no `context`."""
    return asyncio.Task(coroutine, loop=loop)


def no_task(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
    if coroutine.__qualname__.endswith("._settle"):
        raise LookupError("no task")
    return asyncio.Task(coroutine, loop=loop, **options)


def test_items_are_tasks_of_the_loops_own_factory() -> None:
    async def call() -> list[Any]:
        asyncio.get_running_loop().set_task_factory(task_of)
        return await results(astream_map(later, numbers(9), keep_order=True))

    assert run(call()) == list(range(9))


def test_what_a_task_factory_raises_fails_the_item() -> None:
    async def call() -> list[Any]:
        asyncio.get_running_loop().set_task_factory(no_task)
        return [record.failure async for record in astream_map(later, range(3))]

    assert [failure.error_type for failure in run(call())] == ["LookupError"] * 3
