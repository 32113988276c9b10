"""The thread of a process pool that passes calls to workers, and their answers to futures.

    add(call) -> call queue -> a worker's socket -> [worker] -> frames back -> call.future
                      ^                                |
                      +-- calls of one that exited <---+

It reads what workers send, gives them the next calls, has those killed whose item takes too long,
and replaces those that exited.
"""

from __future__ import annotations

import selectors
import socket
import threading
from collections import deque
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import partial
from typing import Any

from batchmap.errors import WorkersLostError
from batchmap.executors.base import AFTER_SHUTDOWN
from batchmap.executors.call_future import cancel, fail, settles_futures
from batchmap.executors.process.call_queue import CallQueue
from batchmap.executors.process.framing import Kind
from batchmap.executors.process.spawn import safe_context, threaded_context
from batchmap.executors.process.worker_handle import (
    Call,
    Settle,
    Worker,
    describe_exit,
    settle_with_answer,
    settle_with_error,
)
from batchmap.executors.process.worker_set import EXIT_S, WorkerSet

__all__ = ["Dispatcher"]

MAX_TIME_CHECK_S = 0.1
"""How often, at least, the time of the running items is checked when there is a limit."""

MAX_FAILED_STARTS = 3
"""After so many workers in a row that exit before they are ready, the pool is broken."""


class Dispatcher:
    """Starts `workers` processes, and the thread that passes calls to them.

    Raises `WorkersLostError` when none can be started, `OSError` when there are no more
    descriptors.
    """

    def __init__(
        self, workers: int, *, timeout_s: float | None, max_growth_bytes: int | None
    ) -> None:
        self.carried_bytes = 0
        """How much went to the workers and came back."""
        self._lock = threading.Lock()
        self._queue = CallQueue()
        self._settles: deque[Settle] = deque()
        """What settles the calls that are finished, to be called without the lock."""
        self._unsettled: set[Future[Any]] = set()
        self._closing = False
        self._broken = ""
        """Why no more calls can be made; empty while they can."""
        self._workers = WorkerSet(workers, timeout_s=timeout_s, max_growth_bytes=max_growth_bytes)
        self._unstarted = deque(range(workers))
        self._failed_starts = 0
        self._time_check_s = None if timeout_s is None else min(MAX_TIME_CHECK_S, timeout_s / 4)
        context = safe_context()
        # Forking is safe here alone, before there is a second thread.
        while self._unstarted and context.get_start_method() == "fork":
            if (worker := self._start_next(context)) is not None:
                self._workers.by_number[worker.number] = worker
        if self._broken:
            raise WorkersLostError(self._broken, advice="try {backend:thread}")
        self._selector = selectors.DefaultSelector()
        for worker in self._workers.by_number.values():
            self._selector.register(worker.socket, selectors.EVENT_READ, worker.number)
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._thread = threading.Thread(
            target=self._run_or_break, name="process-dispatcher", daemon=True
        )
        try:
            self._thread.start()
        except RuntimeError as error:  # no more threads can be had
            self._end()
            raise WorkersLostError(f"no thread can be started ({error})") from error

    @property
    def ready(self) -> bool:
        """Tell whether a worker has started up."""
        workers = list(self._workers.by_number.values())  # which the thread may add to meanwhile
        return any(worker.ready for worker in workers)

    def add(self, call: Call) -> None:
        """Have the call made.

        Raises `RuntimeError` after `close`, `BrokenProcessPool` when workers do not start.
        """
        with self._lock:
            if self._closing:
                raise RuntimeError(AFTER_SHUTDOWN)
            if self._broken:
                raise BrokenProcessPool(self._broken)
            self._unsettled.add(call.future)
            Future.add_done_callback(call.future, self._unsettled.discard)  # which raises nothing
            self.carried_bytes += len(call.arguments)
            self._queue.add(call)
            self._feed()

    def close_soon(self) -> None:
        """Take no more calls, and end the workers when none is left; takes no lock."""
        self._closing = True
        self._wake()

    def close(self, *, cancel_waiting: bool) -> None:
        """Take no more calls, and end the workers when none is left."""
        with self._lock:
            self._closing = True
            cancelled = self._queue.take_all() if cancel_waiting else []
            self._wake()
        for call in cancelled:
            cancel(call.future)

    def join(self) -> None:
        """Wait until the workers have ended; does nothing in the dispatcher's own thread."""
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def kill(self) -> None:
        """Kill the workers now; calls that run raise `BatchInterrupted`."""
        with self._lock:
            self._broken = "they were killed"
            self._workers.kill_all()
        if threading.current_thread() is not self._thread:
            self._thread.join(EXIT_S)

    def _start_next(self, context: Any) -> Worker | None:
        """Start one more worker; where that fails, those that there are must do."""
        number = self._unstarted.popleft()
        try:
            return self._workers.start(number, context)
        except (OSError, EOFError) as error:
            self._unstarted.clear()
            if not self._workers.by_number:
                self._broken = f"no worker process can be started ({error})"
            return None

    # Under the lock -------------------------------------------------------------------------

    def _feed(self) -> None:
        """Send waiting calls to the workers that have too few."""
        workers = self._workers.by_number.values()
        for worker, call in self._queue.assign(workers, unstarted=len(self._unstarted)):
            self._send(worker, call)

    def _send(self, worker: Worker, call: Call) -> None:
        if worker.function != call.function:
            worker.function = call.function
            worker.writer.send(Kind.FUNCTION, call.function)
        if not worker.writer.send(Kind.CALL, call.arguments):
            self._selector.modify(
                worker.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, worker.number
            )
            self._wake()

    def _wake(self) -> None:
        with suppress(OSError):  # it is full, and so wakes the thread anyway; or it is closed
            self._wake_write.send(b"\0")

    def _add_worker(self, worker: Worker) -> None:
        self._workers.by_number[worker.number] = worker
        self._selector.register(worker.socket, selectors.EVENT_READ, worker.number)

    def _read(self, worker: Worker, mask: int) -> None:
        """Send what waits for room in the worker's socket, and handle the frames that arrived."""
        if mask & selectors.EVENT_WRITE and worker.writer.flush():
            self._selector.modify(worker.socket, selectors.EVENT_READ, worker.number)
        if not mask & selectors.EVENT_READ:
            return
        for kind, payload in worker.reader.frames():
            self.carried_bytes += len(payload)
            if kind is Kind.READY:
                worker.ready = True
                self._failed_starts = 0
            elif kind is Kind.LEAVING:
                worker.leaving = True
            elif not worker.calls:  # the pool is broken, and nobody waits for this
                continue
            elif kind is Kind.PART:
                worker.calls[0].add_part(payload)
            else:
                call = self._queue.finish(worker)
                self._settles.append(settle_with_answer(call, kind, payload))
        if worker.reader.ended:
            self._replace(worker)

    def _replace(self, worker: Worker) -> None:
        """Settle the call that an exited worker ran, queue its others, start another worker."""
        self._selector.unregister(worker.socket)
        self._workers.reap(worker)
        if worker.calls and worker.ready and not worker.leaving:
            call = worker.calls.popleft()
            error = self._workers.interruption(worker, call)
            self._settles.append(settle_with_error(call, error))
        self._queue.put_back(worker.calls)
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts == MAX_FAILED_STARTS:
                exit_code = worker.process.exitcode
                self._broken = f"they end with {describe_exit(exit_code)} as they start"
        if self._broken:
            self._give_up()
        elif not self._closing or self._queue:
            try:
                self._add_worker(self._workers.start(worker.number, threaded_context()))
            except (OSError, EOFError) as error:
                if not self._workers.by_number:
                    self._broken = f"no worker process can be started ({error})"
                    self._give_up()

    def _give_up(self) -> None:
        """Kill the workers, and have all calls raise why."""
        self._queue.take_all()
        for worker in self._workers.by_number.values():
            worker.calls.clear()
        self._workers.kill_all()
        for future in tuple(self._unsettled):
            self._settles.append(partial(fail, future, BrokenProcessPool(self._broken)))

    # In the thread --------------------------------------------------------------------------

    def _run_or_break(self) -> None:
        settles_futures()
        try:
            self._start_rest()
            self._run()
        except BaseException as error:  # or callers would wait for their calls without end
            with self._lock:
                self._broken = f"their dispatcher failed, {type(error).__name__}: {error}"
                self._give_up()
            self._settle()
            self._end()
            raise

    def _run(self) -> None:
        while True:
            events = self._selector.select(self._time_check_s)
            with self._lock:
                for key, mask in events:
                    if key.data is None:
                        self._wake_read.recv(4096)
                    else:
                        self._read(self._workers.by_number[key.data], mask)
                self._workers.kill_overdue()
                self._feed()
                is_done = self._closing and not self._queue and not self._has_calls()
            self._settle()
            if is_done:
                self._end()
                return

    def _start_rest(self) -> None:
        """Start the workers that could not be forked, one by one, and give calls to each."""
        while self._unstarted and (self._queue or not self._closing):
            worker = self._start_next(threaded_context())
            with self._lock:
                if worker is not None:
                    self._add_worker(worker)
                self._feed()
                if self._broken:
                    self._give_up()
            self._settle()

    def _settle(self) -> None:
        while self._settles:
            self._settles[0]()
            self._settles.popleft()

    def _has_calls(self) -> bool:
        return any(worker.calls for worker in self._workers.by_number.values())

    def _end(self) -> None:
        for worker in self._workers.by_number.values():
            self._selector.unregister(worker.socket)
            worker.socket.close()
        self._workers.end_all()
        self._selector.close()
        self._wake_read.close()
        self._wake_write.close()
