"""The thread of a process pool that passes calls to workers, and their answers to futures.

    add(call) -> call queue -> a worker's socket -> [worker] -> frames back -> call.future
                      ^                                |
                      +-- calls of one that exited <---+

It reads what workers send, gives them the next calls, has those killed whose item takes too long,
and replaces those that exited.
"""

from __future__ import annotations

import selectors
import threading
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, closing
from functools import partial

from batchmap.errors import WorkersLostError
from batchmap.executors.base import AFTER_SHUTDOWN
from batchmap.executors.call_future import cancel, settles_futures
from batchmap.executors.process.call_queue import CallQueue
from batchmap.executors.process.direct_fork import ForkedProcess
from batchmap.executors.process.forwarding import HANDLERS
from batchmap.executors.process.framing import Answer, Kind
from batchmap.executors.process.payload import Payload
from batchmap.executors.process.settlements import Settlements
from batchmap.executors.process.sockets import Waker
from batchmap.executors.process.worker_handle import (
    Call,
    Worker,
    describe_exit,
    settle_with_answer,
    settle_with_error,
)
from batchmap.executors.process.worker_set import EXIT_S, WorkerSet
from batchmap.executors.suspended_time import MAX_TIME_CHECK_S, SuspendedTime
from batchmap.threads import give_up_start, start_thread

__all__ = ["Dispatcher"]

MAX_FAILED_STARTS = 3
"""After so many workers in a row that exit before they are ready, the pool is broken."""

_READ_AND_WRITE = selectors.EVENT_READ | selectors.EVENT_WRITE


class Dispatcher:
    """Starts `workers` processes, and the thread that passes calls to them.

    Raises `OSError` when none can be started.
    """

    def __init__(
        self, workers: int, *, timeout_s: float | None, max_growth_bytes: int | None
    ) -> None:
        self.carried_bytes = 0  # to the workers and back
        self._lock = threading.Lock()
        self._queue = CallQueue()
        self._settlements = Settlements()
        self._closing = False
        self.broken = ""
        """Why no more calls can be made; empty while they can."""
        self.unloadable = ""
        """Why a worker could not load a function; empty where all could."""
        self._failed_starts = 0
        self._time_check_s = None if timeout_s is None else min(MAX_TIME_CHECK_S, timeout_s / 4)
        self._workers = WorkerSet(workers, timeout_s=timeout_s, max_growth_bytes=max_growth_bytes)
        self.begin_no_more = self._workers.running.begin_no_more
        self.begin_again = self._workers.running.begin_again
        self._suspended = SuspendedTime(self._time_check_s or 0.0)
        self._opened = ExitStack()
        act = self._run_or_break
        self._thread = threading.Thread(target=act, name="process-dispatcher", daemon=True)
        try:
            self._workers.start_all()
            self._selector = self._opened.enter_context(selectors.DefaultSelector())
            self._waker = self._opened.enter_context(closing(Waker()))
            self._watch_all()
            start_thread(self._thread)
        except BaseException as error:  # of the system, or of a signal handler of the caller's
            if give_up_start(self._thread):
                self._workers.abandon()
                self._opened.close()
            else:
                self.close_soon()
            if isinstance(error, RuntimeError):  # no fork can be had while Python 3.12 exits
                raise WorkersLostError(f"no worker can be started ({error})") from error
            raise

    @property
    def ready(self) -> bool:
        """Tell whether a worker would begin a call of what was prepared at once."""
        return any(worker.can_begin for worker in self._workers)

    def prepare(self, function: Payload) -> None:
        """Have the workers load a function, before the first call of it."""
        with self._lock:
            for worker in self._workers.by_number.values():
                self._watch_sending(worker, worker.send_function(function))

    def add(self, call: Call) -> None:
        """Have the call made; raises `RuntimeError` after `close`, or `BrokenProcessPool`."""
        with self._lock:
            if self._closing:
                raise RuntimeError(AFTER_SHUTDOWN)
            if self.broken:
                raise BrokenProcessPool(self.broken)
            self._settlements.expect(call.future)
            self.carried_bytes += call.arguments.size_bytes
            self._queue.add(call)
            self._feed()

    def close_soon(self) -> None:
        """Take no more calls, and end the workers when none is left; takes no lock."""
        self._closing = True
        self._waker.wake()

    def close(self, *, cancel_waiting: bool) -> None:
        """Take no more calls, and end the workers when none is left."""
        with self._lock:
            self._closing = True
            cancelled = self._queue.take_all() if cancel_waiting else []
            self._waker.wake()
        for call in cancelled:
            cancel(call.future)

    def join(self, within_s: float | None = None) -> None:
        """Wait until the workers have ended; does nothing in the dispatcher's own thread."""
        if threading.current_thread() is not self._thread:
            self._thread.join(within_s)

    def kill(self) -> None:
        """Kill the workers now; calls that run raise `BatchInterrupted`."""
        with self._lock:
            self.broken = "they were killed"
            self._workers.kill_all()
        if threading.current_thread() is not self._thread:
            self._thread.join(EXIT_S)

    # Under the lock -------------------------------------------------------------------------

    def _watch_all(self) -> None:
        self._watch(self._waker.fileno(), lambda _: self._waker.take())
        if (receiver := self._workers.tracker.receiver) is not None:
            self._watch(receiver, lambda _: None)  # see `_run`
        for worker in self._workers:
            self._watch_worker(worker)

    def _watch(self, descriptor: int, handler: Callable[[int], None]) -> None:
        self._selector.register(descriptor, selectors.EVENT_READ, handler)

    def _watch_worker(self, worker: Worker) -> None:
        self._watch(worker.socket.fileno(), partial(self._read, worker))
        if isinstance(worker.process, ForkedProcess):
            self._watch(worker.process.descriptor, partial(self._collect_forked, worker))
        channel = self._workers.channel
        if channel is not None and channel.fileno() not in self._selector.get_map():
            self._watch(channel.fileno(), self._collect_served)

    def _feed(self) -> None:
        """Send waiting calls to the workers that have too few."""
        for worker, call in self._queue.assign(self._workers.by_number.values()):
            self._watch_sending(worker, worker.send(call))

    def _watch_sending(self, worker: Worker, is_sent: bool) -> None:
        """Go on later with what waits for room in the worker's socket."""
        if not is_sent and not worker.reader.ended:
            self._selector.modify(worker.socket, _READ_AND_WRITE, partial(self._read, worker))
            self._waker.wake()

    def _read(self, worker: Worker, mask: int) -> None:
        """Send what waits for room in the worker's socket, and handle the frames that arrived."""
        if worker.reader.ended:  # it was read to its end in this round
            return
        if mask & selectors.EVENT_WRITE and worker.writer.flush():
            self._selector.modify(worker.socket, selectors.EVENT_READ, partial(self._read, worker))
        if not mask & selectors.EVENT_READ:
            return
        for answer in worker.reader.answers():
            self.carried_bytes += answer.size_bytes
            self._take(worker, answer)
        if worker.reader.ended:
            self._selector.unregister(worker.socket)
            if not worker.leaving and not self._workers.ending:
                self._workers.end_disconnected(worker)  # where it has only closed its socket

    def _take(self, worker: Worker, answer: Answer) -> None:
        kind, payload = answer.kind, answer.payload
        if kind is Kind.READY:
            worker.ready = True
            self._failed_starts = 0
        elif kind is Kind.LOADED:
            worker.loading -= 1
            self.unloadable = self.unloadable or payload.decode()
        elif kind in HANDLERS:
            self._settlements.add(partial(HANDLERS[kind], bytes(payload)))
        elif kind is Kind.LEAVING:
            worker.leaving, worker.waits_for = True, payload.decode()
            if not self._workers.ending:
                self._workers.retire(worker)
                self._queue.put_back(worker.calls)
                worker.calls.clear()
                self._start_again(worker.number)
        elif not worker.calls:  # the pool is broken, and nobody waits for this
            return
        elif kind is Kind.PART:
            worker.calls[0].add_part(answer)
        else:
            self._settlements.add(settle_with_answer(self._queue.finish(worker), answer))

    def _collect_forked(self, worker: Worker, _: int) -> None:
        assert isinstance(worker.process, ForkedProcess)
        self._selector.unregister(worker.process.descriptor)
        worker.process.collect()
        self._take_end(worker)

    def _collect_served(self, _: int) -> None:
        channel = self._workers.channel
        assert channel is not None
        ended = list(channel.collect())
        if channel.ended:
            self._selector.unregister(channel)
            self._workers.close_channel()
        for process, error in ended:
            self._take_end(self._workers.worker_of(process), error)

    def _take_end(self, worker: Worker, error: OSError | None = None) -> None:
        """Settle the call that an ended worker ran, queue its others, and replace it.

        After an `error` of the start itself, the others must do.
        """
        if not worker.reader.ended:
            self._read(worker, selectors.EVENT_READ)  # what it sent before it ended
        if not worker.reader.ended:  # what it has started still holds the other end
            self._selector.unregister(worker.socket)
            worker.reader.ended = True
        is_retired = worker in self._workers.retired
        self._workers.remove(worker)
        if worker.calls and worker.ready:
            call = worker.calls.popleft()
            self._settlements.add(settle_with_error(call, self._workers.interruption(worker, call)))
        self._queue.put_back(worker.calls)
        if error is not None:
            self._break_without_workers(error)
            return
        if not (worker.ready or worker.killed):
            self._failed_starts += 1
            if self._failed_starts == MAX_FAILED_STARTS:
                how = describe_exit(worker.process.exit_code)
                self.broken = f"they end with {how} as they start"
        if self.broken:
            self._give_up()
        elif not is_retired and (not self._closing or self._queue):
            self._start_again(worker.number)

    def _start_again(self, number: int) -> None:
        try:
            self._watch_worker(self._workers.start(number, by_fork=False))
        except OSError as error:
            self._break_without_workers(error)

    def _break_without_workers(self, error: OSError) -> None:
        if not self._workers.by_number:
            self.broken = f"no worker process can be started ({error.strerror})"
            self._give_up()

    def _give_up(self) -> None:
        """Kill the workers, and have all calls raise why."""
        self._queue.take_all()
        for worker in self._workers:
            worker.calls.clear()
        self._workers.kill_all()
        self._settlements.fail_all(self.broken)

    # In the thread --------------------------------------------------------------------------

    def _run_or_break(self) -> None:
        try:
            settles_futures()
            self._run()
        except BaseException as error:  # or callers would wait for their calls without end
            with self._lock:
                self.broken = f"their dispatcher failed, {type(error).__name__}: {error}"
                self._give_up()
            self._settlements.make()
            self._workers.abandon()
            self._opened.close()
            raise

    def _run(self) -> None:
        while True:
            events = self._selector.select(self._workers.next_check_s(self._time_check_s))
            with self._lock:
                for key, mask in events:
                    key.data(mask)
                self._workers.tracker.pass_on()
                if self._time_check_s is not None:
                    self._suspended.check()
                    self._workers.kill_overdue(self._suspended)
                self._feed()
                if self._closing and not self._queue and not any(w.calls for w in self._workers):
                    self._workers.end_all(self._settlements)
                is_done = self._workers.ending and not [*self._workers]
                if is_done:
                    self._workers.close()
            self._settlements.make()
            if is_done:
                self._opened.close()
                return
