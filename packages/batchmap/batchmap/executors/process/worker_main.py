"""The inside of a worker process: takes calls, and sends back what came of them."""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from batchmap.clock import SYSTEM_CLOCK
from batchmap.core_sharing import limit_cores
from batchmap.errors import TaskUnusableError
from batchmap.executors.pickling import call_error, pickled_error
from batchmap.executors.process.forwarding import forward_all
from batchmap.executors.process.framing import Frame, FrameSender, Kind, receive_frame
from batchmap.executors.process.item_forks import prepare_forks
from batchmap.executors.process.item_monitor import SharedMemoryMonitor
from batchmap.executors.process.payload import dumped_result, loaded
from batchmap.executors.process.spawn import load_in_a_worker
from batchmap.resources import free_memory_bytes, unshared_bytes
from batchmap.worker.failures import describe_failure
from batchmap.worker.forked_child import end_forked_child, forks
from batchmap.worker.monitor import ItemMonitor, call_monitored
from batchmap.worker.worker_scope import WorkerScope, become_worker

__all__ = ["WorkerSettings", "work"]

MEMORY_CHECK_S = 0.1
"""How often a worker checks, between two calls, by how much it has grown."""

MIN_GROWTH_BYTES = 64 * 2**20
"""A worker that has grown by less than this is never replaced, unless a smaller limit is given."""

_INNER_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
"""Environment variables that numeric libraries read when they are loaded."""


class WorkerSettings(NamedTuple):
    """What a worker is told of itself and of its pool."""

    number: int
    """From 0."""
    workers: int
    """How many the pool has."""
    max_growth_bytes: int | None
    """By how much it may grow; `None` for half of its share of the free memory."""
    has_time_limit: bool
    """Whether an item that takes too long ends it."""

    @property
    def name(self) -> str:
        """The name of the process."""
        return f"worker-{self.number}"

    def pickled(self, state: bytes) -> bytes:
        """Return the payload of the frame `STATE`."""
        return pickle.dumps((tuple(self), state))

    @classmethod
    def unpickled(cls, payload: bytes | bytearray) -> tuple[WorkerSettings, bytes]:
        """Return what `pickled` was given."""
        values, state = pickle.loads(payload)
        return cls(*values), state


def work(sock: socket.socket, running: Any, settings: WorkerSettings) -> None:
    """Make the calls that come from `sock` until it is closed; note in `running` which item runs.

    `running` is memory shared with the parent. It holds two numbers for each worker: the offset in
    its batch of the item that runs, or `IDLE`, and when that item began. A worker that has grown by
    too much exits between two calls, and another one replaces it.
    """
    gc.freeze()  # what is here stays: looking through it would take time, and memory of its own
    _share_cores_between(settings.workers)
    limit_cores(settings.workers)
    max_growth_bytes = settings.max_growth_bytes
    if max_growth_bytes is None:
        max_growth_bytes = max(MIN_GROWTH_BYTES, free_memory_bytes() // (2 * settings.workers))
    sender = FrameSender(sock)
    monitor = SharedMemoryMonitor(sender, running, settings.number)
    prepare_forks(sock, monitor)
    forward_all(sender)
    scope = WorkerScope(notes=monitor.note_set_up)
    become_worker(scope)
    with suppress(OSError):  # the parent has exited; or the function has closed the socket
        leaves_first = _serve(sock, sender, monitor, _Growth(max_growth_bytes))
        waits_for = ", ".join([*scope.waits_for, *_left_running()])
        if leaves_first or waits_for:
            sender.send(Kind.LEAVING, waits_for.encode())
    scope.leave()


def _serve(sock: socket.socket, sender: FrameSender, monitor: ItemMonitor, growth: _Growth) -> bool:
    """Make calls; tell whether the worker leaves of its own accord, as it has grown too much."""
    sender.send(Kind.READY)
    function: Callable[..., Any] | None = None
    while (frame := receive_frame(sock)) is not None:
        if frame.kind is Kind.FUNCTION:
            function = None  # the last one, whose memory may be wanted
            function, why_not = _loaded(frame)
            sender.send(Kind.LOADED, why_not.encode("utf-8", "backslashreplace"))
            continue
        assert function is not None
        kind, answer, arrays = _answer(monitor, function, frame)
        try:  # noqa: SIM105  # which costs less than `suppress`, here for each batch
            sys.stdout.flush()
        except Exception:  # there is none, or the function has replaced or closed it
            pass
        sender.send(kind, answer, arrays)
        del answer, arrays  # which may be large
        if growth.is_too_much():
            return True
    return False


def _answer(
    monitor: ItemMonitor, function: Callable[..., Any], frame: Frame
) -> tuple[Kind, bytes, Sequence[memoryview]]:
    try:
        arguments = load_in_a_worker(partial(loaded, frame))
    except BaseException as error:
        return Kind.ERROR, pickled_error(call_error(error)), ()
    count = forks.count
    try:
        result = call_monitored(monitor, function, *arguments)
        if forks.count != count:
            end_forked_child()
        return Kind.RESULT, *load_in_a_worker(partial(dumped_result, result))
    except BaseException as error:
        if forks.count != count:
            end_forked_child(error)
        return Kind.ERROR, pickled_error(error), ()


def _loaded(frame: Frame) -> tuple[Callable[..., Any], str]:
    """Return the function; where it cannot be loaded, one that raises why, and why."""
    try:
        return load_in_a_worker(partial(loaded, frame)), ""
    except BaseException as error:
        failure = describe_failure(error)
        why = (
            f"the function cannot be loaded in a worker: {failure.error_type}: {failure.error:.200}"
        )

        def refuse(*_: Any) -> Any:
            raise TaskUnusableError(why)

        return refuse, f"{failure.error_type}: {failure.error:.100}"


def _left_running() -> list[str]:
    """Return what items have left behind that the end of this process waits for."""
    names = [
        f"thread {thread.name}"
        for thread in threading.enumerate()
        if not thread.daemon and thread is not threading.current_thread()
    ]
    names += [
        f"process {child.name}" for child in multiprocessing.active_children() if not child.daemon
    ]
    return names


class _Growth:
    """How much memory this process has taken since its first call."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._first_bytes: int | None = None
        self._next_check_s = 0.0

    def is_too_much(self) -> bool:
        """Tell whether memory leaks, as it seems; what the first call takes does not count."""
        now_s = SYSTEM_CLOCK.now()
        if now_s < self._next_check_s:
            return False
        self._next_check_s = now_s + MEMORY_CHECK_S
        bytes_now = unshared_bytes()
        if self._first_bytes is None:
            self._first_bytes = bytes_now
        return bytes_now - self._first_bytes > self._max_bytes


def _share_cores_between(workers: int) -> None:
    """Keep numeric libraries, which start threads themselves, to a worker's share of the cores."""
    share = max(1, (os.cpu_count() or 1) // workers)
    for name in _INNER_THREADS:
        os.environ.setdefault(name, str(share))
