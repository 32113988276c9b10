"""Measures what a thread computes and how long it waits, also while it still runs an item."""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from batchmap.clock import Clock
from batchmap.records import Batch, BatchRecord
from batchmap.resources import ProcessUsage

__all__ = ["MeteredProcess", "RunningBatch", "ThreadMeter", "ThreadUsage"]

_SCHEDSTAT_BYTES = 100

_IMPORTING = "<frozen importlib._bootstrap>"
"""The file of the code that imports modules."""


class ThreadUsage(NamedTuple):
    """What a thread has used since it started."""

    now_s: float
    """When that was."""
    cpu_s: float
    """CPU time, in seconds."""
    queued_s: float
    """How long it was ready but had no core, in seconds; 0 where that is not known."""
    watcher_s: float = 0.0
    """How long the thread that watches it computed or had no core, in seconds: it may have held the
    GIL meanwhile."""

    def free_s_since(self, earlier: ThreadUsage) -> float:
        """Return how long since then it could compute, for all that is known, in seconds."""
        queued_s, watcher_s = self.queued_s - earlier.queued_s, self.watcher_s - earlier.watcher_s
        return self.now_s - earlier.now_s - queued_s - watcher_s

    def cpu_share_since(self, earlier: ThreadUsage) -> float:
        """Return the share of the time since then in which it computed, where it could."""
        cpu_s = self.cpu_s - earlier.cpu_s
        return min(1.0, cpu_s / max(self.free_s_since(earlier), cpu_s, 1e-9))


class ThreadMeter:
    """Reads what the thread that makes it has used, from any thread.

    `watcher` is the meter of the thread that watches it.
    """

    def __init__(self, clock: Clock, watcher: ThreadMeter | None = None) -> None:
        self._clock = clock
        self._watcher = watcher
        self._thread_id = threading.get_native_id()
        self._ident = threading.get_ident()
        self._schedstat: int | None = None
        """The file in which the kernel says how long the thread was queued, once it is read."""
        try:
            self._cpu_clock: int | None = time.pthread_getcpuclockid(threading.get_ident())
        except (AttributeError, OSError):  # on macOS and Windows
            self._cpu_clock = None

    def read(self, *, is_new: bool = False) -> ThreadUsage | None:
        """Return what it has used; `None` where that cannot be read, or when the thread is over.

        One that is new has not been queued yet, which takes a while to read.
        """
        if self._cpu_clock is None:
            return None
        try:
            cpu_s = time.clock_gettime(self._cpu_clock)
        except OSError:
            return None
        queued_s, watcher_s = 0.0 if is_new else self._queued_s(), 0.0
        if self._watcher is not None and (watcher := self._watcher.read()) is not None:
            watcher_s = watcher.cpu_s + watcher.queued_s
        return ThreadUsage(self._clock.now(), cpu_s, queued_s, watcher_s)

    def is_importing(self) -> bool:
        """Tell whether the thread imports a module now."""
        frame = sys._current_frames().get(self._ident)
        while frame is not None:
            if frame.f_code.co_filename == _IMPORTING:
                return True
            frame = frame.f_back
        return False

    def _queued_s(self) -> float:
        """Return how long the thread was ready but had no core; 0 where not known.

        The file stays open: each call of the system may cost 5 ms beside a thread that computes,
        as that may take the GIL.
        """
        try:
            if self._schedstat is None:
                self._schedstat = os.open(
                    f"/proc/self/task/{self._thread_id}/schedstat", os.O_RDONLY
                )
            return int(os.pread(self._schedstat, _SCHEDSTAT_BYTES, 0).split()[1]) / 1e9
        except (OSError, ValueError, IndexError):  # not on Linux, or its kernel does not count
            return 0.0

    def __del__(self) -> None:
        if self._schedstat is not None:
            with suppress(OSError):
                os.close(self._schedstat)


class RunningBatch(NamedTuple):
    """A batch that runs in a thread."""

    meter: ThreadMeter
    began: ThreadUsage | None
    """What the thread had used when the batch began."""
    results: Sequence[Any] = ()
    """Gets one for each item that ends."""


class MeteredProcess:
    """Calls `process` of a processor on batches, and adds up what its thread used meanwhile.

    It must be called in one thread at a time, perhaps a different one each time. The thread that
    makes it watches.
    """

    def __init__(self, process: Callable[..., BatchRecord], clock: Clock) -> None:
        self._process = process
        self._clock = clock
        self._watcher = ThreadMeter(clock)
        self._queued_s = 0.0
        self._waits = 0.0
        self.running: RunningBatch | None = None
        """The batch that runs now."""

    accepts_monitor = True

    def __call__(self, batch: Batch, *, monitor: Any = None) -> BatchRecord:
        meter = ThreadMeter(self._clock, self._watcher)
        waits = _waits_of_this_thread()
        began = meter.read()

        def note(results: Sequence[Any]) -> None:
            self.running = RunningBatch(meter, meter.read(), results)  # set-up is done by now

        try:
            return self._process(batch, monitor=monitor, begun=note)
        finally:
            self.running = None
            ended = meter.read()
            if began is not None and ended is not None:
                self._queued_s += ended.queued_s - began.queued_s
            self._waits += _waits_of_this_thread() - waits if waits < math.inf else math.inf

    def end_running(self, _: object = None) -> None:
        """Note that no batch runs."""
        self.running = None

    def usage(self) -> ProcessUsage:
        """Return the CPU time of this process; waits and queueing of the batches that ended."""
        return ProcessUsage(time.process_time(), self._waits, self._queued_s)


def _waits_of_this_thread() -> float:
    """Return how often this thread gave up its core; infinite where that is not known."""
    try:
        from resource import RUSAGE_THREAD, getrusage
    except ImportError:  # Linux alone has it
        return math.inf
    return getrusage(RUSAGE_THREAD).ru_nvcsw
