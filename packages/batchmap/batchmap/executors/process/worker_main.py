"""The inside of a worker process: takes calls, and sends back what came of them."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import count, repeat
from multiprocessing.connection import wait
from typing import Any

from batchmap.clock import SYSTEM_CLOCK
from batchmap.errors import TaskUnusableError
from batchmap.executors.pickling import pickled_error, pickled_result
from batchmap.executors.process.framing import Kind, receive_frame, send_frame
from batchmap.executors.process.spawn import BLOCKED_SIGNALS, set_search_variables
from batchmap.records import BatchRecord
from batchmap.resources import free_memory_bytes, resident_bytes
from batchmap.worker.monitor import current_monitor

__all__ = ["IDLE", "work"]

IDLE = -1.0
"""The offset that a worker notes while it runs no item."""

PART_EVERY_S = 0.5
"""How often what is finished of a long batch is sent, so that a crash costs little of it."""

MEMORY_CHECK_S = 0.1
"""How often a worker checks, between two calls, by how much it has grown."""

MIN_GROWTH_BYTES = 64 * 2**20
"""A worker that has grown by less than this is never replaced, unless a smaller limit is given."""

_PR_SET_PDEATHSIG = 1

_INNER_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
"""Environment variables that numeric libraries read when they are loaded."""


def work(
    sock: socket.socket,
    running: Any,
    number: int,
    inherited: Sequence[socket.socket],
    max_growth_bytes: int | None,
    *,
    variables: Mapping[str, str | None],
) -> None:
    """Make the calls that come from `sock` until it is closed; note in `running` which item runs.

    `running` is an array in memory shared with the parent. It holds two numbers for each worker:
    the offset in its batch of the item that runs, or `IDLE`, and when that item began. This worker
    writes those at `2 * number`. `inherited` are sockets that a fork copied and this worker closes.
    A worker whose memory has grown by more than `max_growth_bytes` (by default half of its share of
    the free memory) exits between two calls, and another one replaces it. `variables` are the
    parent's environment variables to be set here.
    """
    set_search_variables(variables)
    for other in inherited:
        other.close()
    workers = len(running) // 2
    _share_cores_between(workers)
    if max_growth_bytes is None:
        max_growth_bytes = max(MIN_GROWTH_BYTES, free_memory_bytes() // (2 * workers))
    _ignore_group_signals()
    _exit_with_the_parent()
    if sys.stdout is not None:
        sys.stdout.flush()
    os.dup2(2, 1)  # what functions print must not mix with the parent's output
    current_monitor.set(_SharedMemoryMonitor(sock, running, number))
    with suppress(ConnectionError):  # the parent has exited, or wants this worker to
        _serve(sock, _Growth(max_growth_bytes))


def _serve(sock: socket.socket, growth: _Growth) -> None:
    send_frame(sock, Kind.READY)
    function: Callable[..., Any] | None = None
    while (frame := receive_frame(sock)) is not None:
        kind, payload = frame
        if kind is Kind.FUNCTION:
            function = _loaded(payload)
            continue
        assert function is not None
        try:
            result = function(*pickle.loads(payload))
            kind, answer = Kind.RESULT, pickled_result(result)
        except BaseException as error:
            kind, answer = Kind.ERROR, pickled_error(error)
        send_frame(sock, kind, answer)
        if growth.is_too_much():
            send_frame(sock, Kind.LEAVING)
            return


def _loaded(payload: bytearray) -> Callable[..., Any]:
    try:
        function: Callable[..., Any] = pickle.loads(payload)
        return function
    except BaseException as error:
        why = f"the function cannot be loaded in a worker: {type(error).__name__}: {error!s:.200}"

        def refuse(*_: Any) -> Any:
            raise TaskUnusableError(why)

        return refuse


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
        bytes_now = resident_bytes()
        if self._first_bytes is None:
            self._first_bytes = bytes_now
        return bytes_now - self._first_bytes > self._max_bytes


class _SharedMemoryMonitor:
    """Notes the item that runs in shared memory, and sends what is finished of a long batch."""

    def __init__(self, sock: socket.socket, running: Any, number: int) -> None:
        self._socket = sock
        self._running = memoryview(running).cast("B").cast("d")  # quicker to write than the array
        self._at = 2 * number
        self._next_part_s: float | None = None

    def heartbeat(self, offset: int, now_s: float, finished: Callable[[int], BatchRecord]) -> float:
        if self._next_part_s is None:
            self._next_part_s = now_s + PART_EVERY_S
        elif now_s > self._next_part_s:
            self._next_part_s = now_s + PART_EVERY_S
            self._running[self._at] = IDLE
            send_frame(self._socket, Kind.PART, pickled_result(finished(offset)))
        return self._next_part_s

    def begin(self, offset: int, began_s: Iterator[float]) -> Iterator[object]:
        note, at = self._running.__setitem__, self._at
        time_noted = map(note, repeat(at + 1), began_s)
        return zip(time_noted, map(note, repeat(at), count(offset)), strict=False)

    def end(self) -> None:
        self._running[self._at] = IDLE
        self._next_part_s = None


def _share_cores_between(workers: int) -> None:
    """Keep numeric libraries, which start threads themselves, to a worker's share of the cores."""
    share = max(1, (os.cpu_count() or 1) // workers)
    for name in _INNER_THREADS:
        os.environ.setdefault(name, str(share))


def _ignore_group_signals() -> None:
    """Ignore signals to the group, by handlers: programs started here do not inherit those."""
    for number in BLOCKED_SIGNALS:
        signal.signal(number, lambda *_: None)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, BLOCKED_SIGNALS)


def _exit_with_the_parent() -> None:
    """Exit when the parent does, even when it is killed, and whatever the function does then."""
    if sys.platform == "linux":
        import ctypes
        from multiprocessing import forkserver

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        # The fork server, whose child this worker is, exits with the parent, and that kills this
        # worker; but the server notices it only if no worker has a copy of this end of its pipe.
        server: Any = forkserver._forkserver
        if (copied := getattr(server, "_forkserver_alive_fd", None)) is not None:
            os.close(copied)
            server._forkserver_alive_fd = None
    parent = multiprocessing.parent_process()
    assert parent is not None

    def exit_after_parent() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=exit_after_parent, name="parent-monitor", daemon=True).start()
