"""One contract for every executor."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import ExitStack

import pytest
from batchmap.executors import open_executor
from batchmap.stopping import StopRequest, Urgency

from tests.conftest import rest_slow

NAMES = ("sequential", "thread", "process", "dask")


def add(one: int, other: int = 0) -> int:
    return one + other


def fail(message: str) -> None:
    raise ValueError(message)


def process_id(_: int = 0) -> int:
    return os.getpid()


def make_lock() -> object:
    return threading.Lock()


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=NAMES, scope="module")
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    with open_executor(request.param, 2) as opened:
        yield opened


def test_it_is_an_executor_of_the_standard_library(executor: Executor) -> None:
    assert isinstance(executor, Executor)


def test_a_call_gives_its_result_with_all_arguments(executor: Executor) -> None:
    assert executor.submit(add, 2, other=3).result() == 5


def test_map_keeps_the_order(executor: Executor) -> None:
    assert list(executor.map(add, range(20), range(20))) == list(range(0, 40, 2))


def test_an_error_comes_back_with_its_type_and_message(executor: Executor) -> None:
    with pytest.raises(ValueError, match="no good"):
        executor.submit(fail, "no good").result()


def test_it_goes_on_after_an_error(executor: Executor) -> None:
    executor.submit(fail, "x").exception()
    assert executor.submit(add, 1).result() == 1


@pytest.mark.parametrize("name", rest_slow(3, *NAMES))
def test_after_the_shutdown_nothing_is_taken(name: str) -> None:
    with open_executor(name, 2) as executor:
        executor.submit(add, 1).result()
    with pytest.raises(RuntimeError):
        executor.submit(add, 1)


def test_calls_that_wait_for_each_other_all_run_at_once() -> None:
    for _ in range(200):  # which thread has taken its call by when is a matter of chance
        meeting = threading.Barrier(4)
        with open_executor("thread", 4) as executor:
            waits = [executor.submit(meeting.wait, 10) for _ in range(4)]
            assert sorted(wait.result() for wait in waits) == [0, 1, 2, 3]


def test_processes_of_their_own_are_for_some_and_none_is_left_behind(name: str) -> None:
    with open_executor(name, 2) as executor:
        workers = set(executor.map(process_id, range(8)))
    assert (os.getpid() not in workers) is (name in ("process", "dask"))
    for worker in workers - {os.getpid()}:
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)


def test_threads_run_at_most_as_many_calls_at_once_as_there_are_workers() -> None:
    together = threading.Barrier(3)
    running = peak = 0
    lock = threading.Lock()

    def meet(_: int) -> None:
        nonlocal running, peak
        with lock:
            running += 1
            peak = max(peak, running)
        together.wait()
        with lock:
            running -= 1

    with open_executor("thread", 3) as executor:
        list(executor.map(meet, range(9)))
    assert peak == 3


def test_what_cannot_be_pickled_is_that_calls_error() -> None:
    with open_executor("process", 1) as executor:
        error = executor.submit(make_lock).exception()
        assert "pickle" in str(error)
        assert executor.submit(add, 1).result() == 1


def test_workers_leave_group_signals_to_the_parent() -> None:
    with open_executor("process", 1) as executor:
        worker = executor.submit(process_id).result()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(worker, number)
        assert executor.submit(process_id).result() == worker


def test_killing_does_not_wait_for_what_runs(name: str) -> None:
    if name == "sequential":
        pytest.skip("its call is over when submit returns")
    stop = StopRequest()
    with ExitStack() as stack:
        if name == "thread":
            forever = threading.Event()
            stack.callback(forever.set)
            waiting = forever.wait
        else:
            waiting = signal.pause  # type: ignore[assignment]
        with open_executor(name, 1, stop=stop) as executor:
            executor.submit(waiting)
            stop.request(Urgency.KILL)
    assert stop.killing


@pytest.mark.parametrize(
    ("name", "workers", "fault"),
    [
        ("gpu", 1, "no executor 'gpu'; there are sequential, thread, process"),
        ("thread", 0, "workers must be at least 1, got 0"),
    ],
)
def test_wrong_arguments_are_refused(name: str, workers: int, fault: str) -> None:
    with pytest.raises(ValueError, match=fault), open_executor(name, workers):
        pass
