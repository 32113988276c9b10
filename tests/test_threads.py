"""Starting threads: what interrupts the caller meanwhile is what comes out."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

import pytest
from batchmap import parallel_map
from batchmap.threads import start_thread


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
