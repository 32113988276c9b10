"""Workers that are processes of their own and can be killed one by one.

    submit -> waiting calls -> a worker's socket -> [worker] -> frames back -> dispatcher -> future

The dispatcher is a thread: it reads what workers send, feeds those that run short, looks at what
each is at when there is a time limit, and replaces the dead.
"""

from __future__ import annotations

import multiprocessing
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future
from contextlib import suppress
from multiprocessing import util
from typing import Any

import cloudpickle

from batchmap.clock import SYSTEM_CLOCK
from batchmap.errors import UsageError, WorkersLostError
from batchmap.executors.base import WorkerExecutor
from batchmap.executors.process.framing import Kind
from batchmap.executors.process.spawn import (
    main_out_of_sight,
    safe_context,
    signals_held,
    threaded_context,
)
from batchmap.executors.process.worker_handle import (
    Call,
    Worker,
    cause_of_death,
    ending,
    raising,
    settlement,
)
from batchmap.executors.process.worker_main import IDLE, work
from batchmap.records import ItemFailure
from batchmap.worker.failures import BatchInterrupted

__all__ = ["ProcessExecutor", "open_workers"]

CALLS_AHEAD = 2
"""Calls given to a worker at once, the one that runs included, so that it never waits for us."""

LONG_CALL_S = 0.1
"""Where calls take longer, one that waits behind another costs more than the way to a worker."""

FORGETTING = 0.3
"""How much a call counts against all those before it."""

LONGEST_LOOK_S = 0.1
"""How often, at least, what the workers are at is looked at when there is a time limit."""

MOST_FAILED_STARTS = 3
"""So many workers in a row that die before they are ready end the run."""

LEAVE_S = 2.0
"""How long a worker may take to leave when it has nothing to do any more."""


class ProcessExecutor(WorkerExecutor):
    """Run calls on so many processes; a batch whose worker dies raises `BatchInterrupted`.

    Functions, lambdas and closures travel. With a time limit, a worker is killed when its item
    takes longer. A worker that keeps growing is replaced between two calls, as `work` says.
    Workers are forked where that is safe, that is before this process has a second thread; else
    from a server without threads.
    """

    def __init__(
        self,
        workers: int,
        *,
        timeout_s: float | None = None,
        most_growth_bytes: int | None = None,
    ) -> None:
        self._timeout_s = timeout_s
        self._most_growth_bytes = most_growth_bytes
        self._lock = threading.Lock()
        self._waiting: deque[Call] = deque()
        self._closing = False
        self._broken = ""
        self._failed_starts = 0
        self._function: tuple[Any, bytes] = (None, b"")
        self._notes = multiprocessing.get_context("spawn").RawArray("d", 2 * workers)
        self._workers: dict[int, Worker] = {}
        self._to_start = deque(range(workers))
        self._call_s = 0.0
        self._to_register: list[Worker] = []
        context = safe_context()
        # Only a fork must be done here, before the dispatcher is there.
        while self._to_start and context.get_start_method() == "fork":
            self._add_worker(context)
        if self._broken:
            raise WorkersLostError(f"{self._broken}; try --backend thread")
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._finalizer = util.Finalize(self, _kill_all, (self._workers,), exitpriority=100)
        self._dispatcher = threading.Thread(
            target=self._dispatch_or_give_up, name="process-dispatcher", daemon=True
        )
        self._dispatcher.start()

    @property
    def ready(self) -> bool:
        """Tell whether a worker has started up."""
        return any(worker.ready for worker in self._workers.values())

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call `fn` in a worker.

        Raises `UsageError` for a function that cannot be pickled, what pickling raises for
        arguments that cannot, `RuntimeError` after the shutdown, and `BrokenExecutor` when workers
        do not start.
        """
        if kwargs:
            from functools import partial

            fn, kwargs = partial(fn, **kwargs), {}
        call = Call(self._pickled_function(fn), cloudpickle.dumps(args), Future())
        with self._lock:
            if self._closing:
                raise RuntimeError("cannot submit after shutdown")
            if self._broken:
                raise BrokenExecutor(self._broken)
            self.carried_bytes += len(call.arguments)
            self._waiting.append(call)
            self._feed()
        return call.future

    def _pickled_function(self, fn: Callable[..., Any]) -> bytes:
        known, pickled = self._function
        if known != fn:
            try:
                pickled = cloudpickle.dumps(fn)
            except Exception as error:
                raise UsageError(
                    f"the function cannot go to another process ({type(error).__name__}: "
                    f"{error!s:.200}); the thread backend needs no such journey"
                ) from error
            self._function = (fn, pickled)
        return pickled

    def kill(self) -> None:
        """Kill the workers at once; what waits is cancelled, what runs ends in `BatchInterrupted`."""
        self.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            self._broken = "they were killed"
            _kill_all(self._workers)
        self._dispatcher.join(LEAVE_S)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; with `wait`, come back when the workers have left."""
        with self._lock:
            self._closing = True
            dropped = list(self._waiting) if cancel_futures else []
            if cancel_futures:
                self._waiting.clear()
            self._wake()
        for call in dropped:
            call.future.cancel()
        if wait and threading.current_thread() is not self._dispatcher:
            self._dispatcher.join()

    def _add_worker(self, context: Any) -> None:
        """Start one more worker; where that fails, go on with those that there are."""
        number = self._to_start.popleft()
        try:
            worker = self._start_worker(number, context)
        except (OSError, EOFError) as error:  # no more processes or descriptors
            self._to_start.clear()
            if not self._workers:
                self._broken = f"no worker process can be started ({error})"
            return
        with self._lock:
            self._workers[number] = worker
            self._to_register.append(worker)

    def _start_worker(self, number: int, context: Any) -> Worker:
        ours, theirs = socket.socketpair()
        others: tuple[socket.socket, ...] = ()
        if context.get_start_method() == "fork":
            others = (ours, *(worker.socket for worker in self._workers.values()))
        self._notes[2 * number] = IDLE
        process = context.Process(
            target=work,
            args=(theirs, self._notes, number, others, self._most_growth_bytes),
            name=f"worker-{number}",
        )
        try:
            with signals_held(context), main_out_of_sight():
                process.start()
        except (OSError, EOFError):
            ours.close()
            raise
        finally:
            theirs.close()
        ours.setblocking(False)
        return Worker(number, process, ours)

    # Under the lock -------------------------------------------------------------------------

    def _feed(self) -> None:
        """Give waiting calls to the workers that have the fewest.

        A worker gets none ahead while others have still to start and would find nothing, nor when
        calls take so long that the last ones would wait behind each other.
        """
        for ahead in range(1 if self._call_s > LONG_CALL_S else CALLS_AHEAD):
            for worker in self._workers.values():
                kept = len(self._to_start) if ahead else 0
                while len(self._waiting) > kept and len(worker.calls) <= ahead:
                    call = self._waiting.popleft()
                    # A call that came back from a dead worker counts as running already.
                    if call.future.running() or call.future.set_running_or_notify_cancel():
                        self._give(worker, call)

    def _note_call(self, worker: Worker) -> None:
        """Follow how long calls take; a longer one counts at once, shorter ones by and by."""
        now_s = SYSTEM_CLOCK.now()
        taken_s, worker.at_call_since_s = now_s - worker.at_call_since_s, now_s
        self._call_s = max(taken_s, self._call_s + FORGETTING * (taken_s - self._call_s))

    def _give(self, worker: Worker, call: Call) -> None:
        if not worker.calls:
            worker.at_call_since_s = SYSTEM_CLOCK.now()
        worker.calls.append(call)
        if worker.function != call.function:
            worker.function = call.function
            worker.writer.send(Kind.FUNCTION, call.function)
        if not worker.writer.send(Kind.CALL, call.arguments):
            self._selector.modify(
                worker.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, worker.number
            )
            self._wake()

    def _wake(self) -> None:
        with suppress(OSError):  # full, so it wakes anyway; or closed, so it is gone
            self._wake_write.send(b"\0")

    # In the dispatcher ----------------------------------------------------------------------

    def _dispatch_or_give_up(self) -> None:
        try:
            self._dispatch()
        except BaseException as error:  # nobody would wait for the calls any more, but for ever
            with self._lock:
                self._broken = f"their dispatcher failed, {type(error).__name__}: {error}"
                settled = self._give_everything_up()
            for settle in settled:
                settle()
            raise

    def _dispatch(self) -> None:
        while self._to_start and not self._closing:
            self._add_worker(threaded_context())
            self._welcome()
        self._welcome()
        while True:
            events = self._selector.select(self._look_again_s())
            settled: list[Callable[[], None]] = []
            with self._lock:
                for key, mask in events:
                    if key.data is None:
                        self._wake_read.recv(4096)
                    else:
                        self._hear(self._workers[key.data], mask, settled)
                self._kill_overdue()
                self._feed()
                ended = self._closing and not self._waiting and not self._calls_run()
            for settle in settled:
                settle()
            if ended:
                self._dismiss()
                return

    def _welcome(self) -> None:
        with self._lock:
            for worker in self._to_register:
                self._selector.register(worker.socket, selectors.EVENT_READ, worker.number)
            self._to_register.clear()
            self._feed()
            settled = self._give_everything_up() if self._broken else []
        for settle in settled:
            settle()

    def _calls_run(self) -> bool:
        return any(worker.calls for worker in self._workers.values())

    def _hear(self, worker: Worker, mask: int, settled: list[Callable[[], None]]) -> None:
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
            elif not worker.calls:  # the run is broken, and nobody waits for this
                continue
            elif kind is Kind.PART:
                worker.calls[0].add_part(payload)
            else:
                settled.append(settlement(worker.calls.popleft(), kind, payload))
                self._note_call(worker)
        if worker.reader.ended:
            self._reap(worker, settled)

    def _reap(self, worker: Worker, settled: list[Callable[[], None]]) -> None:
        """Settle what a dead worker was at, give back what it had not begun, replace it."""
        self._selector.unregister(worker.socket)
        worker.socket.close()
        worker.process.kill()  # where it has only closed its socket
        worker.process.join()
        del self._workers[worker.number]
        if worker.calls and worker.ready and not worker.leaving:
            call = worker.calls.popleft()
            settled.append(raising(call, self._what_broke(worker, call)))
        self._waiting.extendleft(reversed(worker.calls))
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts == MOST_FAILED_STARTS:
                self._broken = f"they end with {ending(worker.process.exitcode)} as they start"
        if self._broken:
            settled += self._give_everything_up()
        elif not self._closing or self._waiting:
            try:
                heir = self._start_worker(worker.number, threaded_context())
            except (OSError, EOFError) as error:  # no more processes or descriptors
                if not self._workers:
                    self._broken = f"no worker process can be started ({error})"
                    settled += self._give_everything_up()
            else:
                self._workers[heir.number] = heir
                self._selector.register(heir.socket, selectors.EVENT_READ, heir.number)

    def _give_everything_up(self) -> list[Callable[[], None]]:
        """Drop all calls and kill the workers; return how to tell the calls' futures."""
        calls = [*self._waiting, *(c for worker in self._workers.values() for c in worker.calls)]
        self._waiting.clear()
        for worker in self._workers.values():
            worker.calls.clear()
        _kill_all(self._workers)
        return [raising(call, BrokenExecutor(self._broken)) for call in calls]

    def _what_broke(self, worker: Worker, call: Call) -> BatchInterrupted:
        noted = self._notes[2 * worker.number]
        place = None if noted == IDLE else int(noted)
        if worker.overdue_place is None:
            cause = cause_of_death(worker.process.exitcode)
            return BatchInterrupted(cause, place=place, finished=call.finished)
        if place != worker.overdue_place:  # it went on in the moment before it was killed
            place = None
        limit = f"took longer than {self._timeout_s:g} s; stopped"
        return BatchInterrupted(
            ItemFailure("TimeoutError", limit, ""),
            place=place,
            finished=call.finished,
            final=place is not None,
        )

    def _look_again_s(self) -> float | None:
        return None if self._timeout_s is None else min(LONGEST_LOOK_S, self._timeout_s / 4)

    def _kill_overdue(self) -> None:
        if self._timeout_s is None:
            return
        now_s = SYSTEM_CLOCK.now()
        for worker in self._workers.values():
            place, began_s = self._notes[2 * worker.number : 2 * worker.number + 2]
            if worker.calls and place != IDLE and now_s - began_s > self._timeout_s:
                worker.overdue_place = int(place)
                worker.process.kill()

    def _dismiss(self) -> None:
        """Let the workers leave, and make sure that they do."""
        for worker in self._workers.values():
            self._selector.unregister(worker.socket)
            worker.socket.close()
        deadline_s = SYSTEM_CLOCK.now() + LEAVE_S
        for worker in self._workers.values():
            worker.process.join(max(0.0, deadline_s - SYSTEM_CLOCK.now()))
            if worker.process.exitcode is None:
                worker.process.kill()
                worker.process.join()
            worker.process.close()
        self._workers.clear()
        self._finalizer.cancel()
        self._selector.close()
        self._wake_read.close()
        self._wake_write.close()


def open_workers(workers: int, *, timeout_s: float | None = None) -> ProcessExecutor:
    """Return an executor of so many processes; raises `WorkersLostError` when there can be none."""
    try:
        return ProcessExecutor(workers, timeout_s=timeout_s)
    except OSError as error:
        raise WorkersLostError(
            f"no worker process can be started ({error.strerror}); try --backend thread"
        ) from error


def _kill_all(workers: dict[int, Worker]) -> None:
    for worker in list(workers.values()):
        with suppress(ValueError):  # it is closed, so it has left
            worker.process.kill()
