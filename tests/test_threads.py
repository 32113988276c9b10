"""Starting threads: what interrupts the caller meanwhile is what comes out."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from typing import Any

import batchmap
import pytest
from batchmap import parallel_map, plan_runs, stream_map
from batchmap.threads import give_up_start, start_thread


class AlarmError(Exception):
    """What a signal handler raises."""


def raise_once_a_thread_runs(frame: Any, event: str, function: Any) -> None:
    """Raise where a signal handler would that runs as a thread has just been started."""
    if event == "c_return" and function.__name__.startswith("start_"):
        while threading._limbo:  # type: ignore[attr-defined]  # it has not begun yet
            time.sleep(0)
        raise AlarmError


def interrupted(call: Any) -> None:
    sys.setprofile(raise_once_a_thread_runs)
    try:
        with pytest.raises(AlarmError) as caught:
            call()
    finally:
        sys.setprofile(None)
    assert caught.value.__context__ is None


def test_what_a_signal_handler_raises_comes_out_as_it_is() -> None:
    done = threading.Event()
    interrupted(lambda: start_thread(threading.Thread(target=done.wait, daemon=True)))
    done.set()


@pytest.mark.parametrize("backend", ["auto", "thread", "process"])
def test_it_comes_out_of_a_call_of_the_library(backend: str) -> None:
    interrupted(lambda: parallel_map(str, range(1000), backend=backend, workers=2))


class Unstarted(threading.Thread):
    """A thread that the system has only after the handler has raised."""

    def start(self) -> None:
        raise AlarmError


def test_a_thread_whose_start_was_interrupted_does_nothing() -> None:
    ran = threading.Event()
    thread = Unstarted(target=ran.set)
    with pytest.raises(AlarmError):
        start_thread(thread)
    threading.Thread.start(thread)
    thread.join()
    assert not ran.is_set()
    assert give_up_start(thread)


def test_a_thread_that_has_begun_is_not_given_up() -> None:
    begun = threading.Event()
    thread = threading.Thread(target=begun.set)
    start_thread(thread)
    assert begun.wait(60)
    assert not give_up_start(thread)
    thread.join()


def refuse(thread: threading.Thread) -> None:
    raise RuntimeError("can't create new thread at interpreter shutdown")


def test_where_no_thread_can_be_had_all_is_done_in_the_calling_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(threading.Thread, "start", refuse)
    monkeypatch.setattr(plan_runs, "can_start_threads", lambda: False)  # as while Python exits
    expected = [number**2 for number in range(50)]
    assert parallel_map(lambda number: number**2, range(50)) == expected
    numbers = (number for number in range(50))
    records = stream_map(lambda number: number**2, numbers, keep_order=True)
    assert [record.result for record in records] == expected
    plans: list[batchmap.Plan] = []
    list(stream_map(str, range(50), on_plan=plans.append))
    assert (plans[-1].backend, plans[-1].why[0]) == ("sequential", plan_runs.NO_THREADS)


async def give_later(number: int) -> int:
    for _ in range(3):
        await asyncio.sleep(0)
    return number


@pytest.mark.parametrize(
    ("function", "options"),
    [
        (str, {"backend": "thread"}),
        (give_later, {}),
        (give_later, {"backend": "async"}),
        (str, {"timeout_s": 5}),
    ],
)
def test_what_needs_a_thread_says_that_none_can_be_had(
    monkeypatch: pytest.MonkeyPatch, function: Any, options: dict[str, Any]
) -> None:
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(batchmap.WorkersLostError, match="no thread can be started"):
        parallel_map(function, range(50), **options)
    monkeypatch.undo()
    assert parallel_map(give_later, range(3), backend="sequential") == [0, 1, 2]
