"""Nothing waits for what may have ended: whatever ends a dispatcher, its calls are settled.

A dispatcher is a thread of an executor that takes calls and settles their futures. Here exceptions
are raised in each of them, at whichever line it is, as `PyThreadState_SetAsyncExc` does; and by
what they call: functions, callbacks, pickling.
"""

from __future__ import annotations

import asyncio
import ctypes
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Future, wait
from pickle import PicklingError
from typing import Any

import pytest
from batchmap import parallel_map
from batchmap.executors.base import WorkerExecutor
from batchmap.executors.coroutine import AsyncExecutor
from batchmap.executors.process.pool import ProcessExecutor
from batchmap.executors.sequential import SequentialExecutor
from batchmap.executors.thread import ThreadExecutor
from batchmap.records import ItemRecord

SETTLED_S = 20.0
"""Calls that are not settled by then are waited for without end."""


class OwnError(BaseException):
    """Neither an `Exception` nor one that Python knows."""


KINDS = [
    ValueError,
    StopIteration,
    SystemExit,
    KeyboardInterrupt,
    GeneratorExit,
    CancelledError,
    asyncio.CancelledError,
    MemoryError,
    BrokenExecutor,
    OwnError,
]

Kind = type[BaseException]

EXECUTORS: dict[str, Callable[..., WorkerExecutor]] = {
    "thread": ThreadExecutor,
    "process": ProcessExecutor,
    "async": AsyncExecutor,
}

pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnhandledThreadExceptionWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)


@pytest.fixture(params=KINDS, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


@pytest.fixture(params=EXECUTORS)
def executor(request: pytest.FixtureRequest) -> Iterator[WorkerExecutor]:
    opened = EXECUTORS[request.param](2)
    yield opened
    ended(opened)


def ended(executor: WorkerExecutor) -> None:
    """Shut an executor down, and check that it does not wait without end."""
    closing = threading.Thread(target=executor.shutdown, daemon=True)
    closing.start()
    closing.join(SETTLED_S)
    assert not closing.is_alive()


def all_settled(futures: list[Future[Any]]) -> None:
    assert not wait(futures, SETTLED_S).not_done


def raise_in(name: str, kind: Kind) -> int:
    """Raise an exception in all threads of that name, and return how many they are."""
    threads = [thread for thread in threading.enumerate() if thread.name == name]
    for thread in threads:
        assert thread.ident is not None
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident), ctypes.py_object(kind)
        )
    return len(threads)


def raising(kind: Kind) -> None:
    raise kind("raised by a function")


def short(number: int) -> int:
    time.sleep(0.001)
    return number


class RaisesPickled:
    """Raises when it is pickled."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind

    def __reduce__(self) -> Any:
        raise self.kind("raised as it was pickled")


class RaisesUnpickled(RaisesPickled):
    """Raises when it is unpickled."""

    def __reduce__(self) -> Any:
        return raising, (self.kind,)


@pytest.mark.parametrize(
    ("name", "thread"),
    [("thread", "worker"), ("process", "process-dispatcher"), ("async", "event-loop")],
)
def test_a_dispatcher_that_ends_leaves_no_call_waiting(name: str, thread: str, kind: Kind) -> None:
    if sys.version_info >= (3, 14) and name != "async":
        pytest.skip("an exception from outside may leave a lock held that a `with` has just taken")
    executor = EXECUTORS[name](2)
    all_settled([executor.submit(short, 0)])  # the dispatcher runs, and is not just starting
    futures = [executor.submit(short, number) for number in range(20)]
    assert raise_in(thread, kind)
    try:
        futures += [executor.submit(short, number) for number in range(20)]
    except BrokenExecutor:
        assert name != "thread"  # another thread takes the place of one that ended
    all_settled(futures)
    ended(executor)


def test_idle_threads_that_end_are_replaced(kind: Kind) -> None:
    with ThreadExecutor(1) as executor:
        for _ in range(3):
            assert executor.submit(short, 1).result(SETTLED_S) == 1
            assert raise_in("worker", kind)
        assert [future.result(SETTLED_S) for future in [executor.submit(short, 2)] * 2] == [2, 2]


def test_time_limits_are_kept_whatever_is_raised_in_the_time_keeper(kind: Kind) -> None:
    def stuck_at_three(item: int) -> int:
        if item == 3:
            assert raise_in("time-keeper", kind)
            threading.Event().wait(60)
        return item

    records = parallel_map(
        stuck_at_three, range(6), backend="thread", workers=2, timeout_s=0.3, on_error="record"
    )
    assert [record for record in records if not isinstance(record, ItemRecord)] == [0, 1, 2, 4, 5]


def test_what_a_function_raises_is_its_calls(executor: WorkerExecutor) -> None:
    for kind in KINDS:
        assert type(executor.submit(raising, kind).exception(SETTLED_S)) is kind
        assert executor.submit(short, 1).result(SETTLED_S) == 1


def test_and_in_the_calling_thread_too(kind: Kind) -> None:
    executor = SequentialExecutor()
    assert type(executor.submit(raising, kind).exception()) is kind
    assert executor.submit(short, 1).result() == 1


def test_callbacks_are_all_called_whatever_one_raises(executor: WorkerExecutor) -> None:
    for kind in KINDS:
        gate, called = threading.Event(), threading.Event()
        opens = executor.submit(short, 0)
        opens.add_done_callback(lambda _, gate=gate: gate.wait(SETTLED_S))  # type: ignore[misc]
        future = executor.submit(short, 1)
        future.add_done_callback(lambda _, kind=kind: raising(kind))  # type: ignore[misc]
        future.add_done_callback(lambda _, called=called: called.set())  # type: ignore[misc]
        gate.set()
        assert called.wait(SETTLED_S)
        assert executor.submit(short, 2).result(SETTLED_S) == 2


@pytest.mark.parametrize("cls", [RaisesPickled, RaisesUnpickled])
def test_what_pickling_raises_is_its_calls(cls: type[RaisesPickled]) -> None:
    def name(error: BaseException | None) -> str:
        # One that the executor itself might raise is wrapped.
        if isinstance(error, PicklingError):
            return str(error).partition(":")[0]
        return type(error).__qualname__

    with ProcessExecutor(1) as executor:
        for kind in KINDS:
            assert name(executor.submit(id, cls(kind)).exception(SETTLED_S)) == kind.__qualname__
            assert name(executor.submit(cls, kind).exception(SETTLED_S)) == kind.__qualname__
            assert executor.submit(short, 1).result(SETTLED_S) == 1


def test_a_future_that_somebody_else_settles_or_cancels_harms_nobody(
    executor: WorkerExecutor,
) -> None:
    futures: list[Future[Any]] = [executor.submit(short, number) for number in range(10)]
    for future in futures[:4]:
        future.cancel()
    for future in futures[6:]:
        if not future.done():
            future.set_result("by somebody else")
    all_settled(futures)
    assert executor.submit(short, 1).result(SETTLED_S) == 1


def test_those_who_wait_for_calls_that_are_cancelled_at_the_shutdown_are_told(
    executor: WorkerExecutor,
) -> None:
    futures = [executor.submit(short, number) for number in range(200)]
    executor.shutdown(wait=False, cancel_futures=True)
    all_settled(futures)


def test_a_dropped_executor_does_its_work_and_ends(executor: WorkerExecutor) -> None:
    dropped = type(executor)(2)  # type: ignore[call-arg]
    before = set(threading.enumerate())
    futures = [dropped.submit(short, number) for number in range(10)]
    started = set(threading.enumerate()) - before
    gone = weakref.ref(dropped)
    del dropped
    assert gone() is None
    assert [future.result(SETTLED_S) for future in futures] == list(range(10))
    for thread in started:
        thread.join(SETTLED_S)
        assert not thread.is_alive()


def test_a_call_that_shuts_its_executor_down_does_not_wait_for_itself() -> None:
    for open_executor in (ThreadExecutor, AsyncExecutor):
        executor = open_executor(2)
        executor.submit(executor.shutdown).result(SETTLED_S)
        with pytest.raises(RuntimeError, match="cannot schedule new futures"):
            executor.submit(short, 1)


def test_a_fork_cannot_use_the_workers_of_its_parent() -> None:
    program = (
        "import os, sys, time\n"
        "from concurrent.futures import BrokenExecutor\n"
        "from batchmap.executors.thread import ThreadExecutor\n"
        "executor = ThreadExecutor(1)\n"
        "executor.submit(time.sleep, 0.1)\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    try:\n"
        "        executor.submit(abs, 1)\n"
        "    except BrokenExecutor:\n"
        "        sys.exit(7)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
