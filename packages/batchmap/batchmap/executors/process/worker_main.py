"""The inside of a worker process: take calls, send back what came of them."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import count, repeat
from multiprocessing.connection import wait
from typing import Any

from batchmap.clock import SYSTEM_CLOCK
from batchmap.errors import TaskUnusableError
from batchmap.executors.pickling import pickled_error, pickled_result
from batchmap.executors.process.framing import Kind, receive_frame, send_frame
from batchmap.executors.process.spawn import HELD
from batchmap.records import BatchRecord
from batchmap.resources import free_memory_bytes, resident_bytes
from batchmap.worker.monitor import current_monitor

__all__ = ["IDLE", "work"]

IDLE = -1.0
"""The place that a worker notes when it is at no item."""

PART_EVERY_S = 0.5
"""How often a long batch hands over what is finished, so that a crash costs little of it."""

LOOK_AT_MEMORY_EVERY_S = 0.1
"""How often a worker looks, between two calls, at how much it has grown."""

LEAST_GROWTH_BYTES = 64 * 2**20
"""A worker that has grown by less than this is never replaced."""

_PR_SET_PDEATHSIG = 1

_INNER_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
"""What numeric libraries read when they are loaded."""


def work(
    sock: socket.socket,
    notes: Any,
    number: int,
    others: Sequence[socket.socket],
    most_growth_bytes: int | None,
) -> None:
    """Serve calls from `sock` until it is closed; note what runs in `notes`.

    `notes`, an array shared with the command, holds two numbers a worker: the place of the item
    in its batch, and when it began.
    `others` are sockets that a fork copied and that are none of this worker's business.
    A worker that has grown by `most_growth_bytes` (by default half of its share of the free
    memory) leaves between two calls, to be replaced.
    """
    for other in others:
        other.close()
    workers = len(notes) // 2
    _share_cores_between(workers)
    if most_growth_bytes is None:
        most_growth_bytes = max(LEAST_GROWTH_BYTES, free_memory_bytes() // (2 * workers))
    _leave_signals_to_the_parent()
    _leave_with_the_parent()
    if sys.stdout is not None:
        sys.stdout.flush()
    os.dup2(2, 1)  # what functions print must not mix with the command's output
    current_monitor.set(_SharedStateMonitor(sock, notes, number))
    with suppress(ConnectionError):  # the command has left, or gave this worker up
        _serve(sock, _Growth(most_growth_bytes))


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
        except Exception as error:
            kind, answer = Kind.ERROR, pickled_error(error)
        send_frame(sock, kind, answer)
        if growth.is_too_much():
            send_frame(sock, Kind.LEAVING)
            return


def _loaded(payload: bytearray) -> Callable[..., Any]:
    try:
        function: Callable[..., Any] = pickle.loads(payload)
        return function
    except Exception as error:
        told = f"the function cannot be loaded in a worker: {type(error).__name__}: {error!s:.200}"

        def refuse(*_: Any) -> Any:
            raise TaskUnusableError(told)

        return refuse


class _Growth:
    """How much memory this process has taken since its first call."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._at_first_bytes: int | None = None
        self._next_look_s = 0.0

    def is_too_much(self) -> bool:
        """Tell whether the function seems to leak; what its first call loads does not count."""
        now_s = SYSTEM_CLOCK.now()
        if now_s < self._next_look_s:
            return False
        self._next_look_s = now_s + LOOK_AT_MEMORY_EVERY_S
        taken_bytes = resident_bytes()
        if self._at_first_bytes is None:
            self._at_first_bytes = taken_bytes
        return taken_bytes - self._at_first_bytes > self._most_bytes


class _SharedStateMonitor:
    """Note the item that runs where the command can read it, and hand over parts of a batch."""

    def __init__(self, sock: socket.socket, notes: Any, number: int) -> None:
        self._socket = sock
        self._notes = memoryview(notes).cast("B").cast("d")  # quicker to write than the array
        self._place = 2 * number
        self._next_part_s: float | None = None

    def heartbeat(self, place: int, now_s: float, finished: Callable[[int], BatchRecord]) -> float:
        if self._next_part_s is None:
            self._next_part_s = now_s + PART_EVERY_S
        elif now_s > self._next_part_s:
            self._next_part_s = now_s + PART_EVERY_S
            self._notes[self._place] = IDLE
            send_frame(self._socket, Kind.PART, pickled_result(finished(place)))
        return self._next_part_s

    def begin(self, place: int, began_s: Iterator[float]) -> Iterator[object]:
        note, at = self._notes.__setitem__, self._place
        time_noted = map(note, repeat(at + 1), began_s)
        return zip(time_noted, map(note, repeat(at), count(place)), strict=False)

    def end(self) -> None:
        self._notes[self._place] = IDLE
        self._next_part_s = None


def _share_cores_between(workers: int) -> None:
    """Keep libraries that thread by themselves from using every core in every worker."""
    share = max(1, (os.cpu_count() or 1) // workers)
    for name in _INNER_THREADS:
        os.environ.setdefault(name, str(share))


def _leave_signals_to_the_parent() -> None:
    """Ignore signals that go to the whole group; programs started from here do not inherit it."""
    for number in HELD:
        signal.signal(number, lambda *_: None)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)


def _leave_with_the_parent() -> None:
    """Die with the parent, even when it is killed and whatever the function does."""
    if sys.platform == "linux":
        import ctypes
        from multiprocessing import forkserver

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        # The server that forked this worker leaves with the parent, and then this worker is killed;
        # but only if nobody else holds this end of its pipe.
        server: Any = forkserver._forkserver
        if (held := getattr(server, "_forkserver_alive_fd", None)) is not None:
            os.close(held)
            server._forkserver_alive_fd = None
    parent = multiprocessing.parent_process()
    assert parent is not None

    def leave() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=leave, name="parent-watch", daemon=True).start()
