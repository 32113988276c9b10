"""The processes of a pool: starts them, kills those whose item takes too long, and ends them."""

from __future__ import annotations

import multiprocessing
import socket
from contextlib import suppress
from multiprocessing import util
from typing import Any

from batchmap.clock import SYSTEM_CLOCK
from batchmap.executors.process.spawn import (
    check_descriptors,
    library_found,
    main_not_imported,
    search_variables,
    signals_blocked,
)
from batchmap.executors.process.worker_handle import Call, Worker, WorkerDied, crash_failure
from batchmap.executors.process.worker_main import IDLE, work
from batchmap.records import ItemFailure
from batchmap.worker.failures import BatchInterrupted

__all__ = ["EXIT_S", "WorkerSet"]

EXIT_S = 2.0
"""How long a worker may take to exit when there is nothing more to do."""


class WorkerSet:
    """Up to `size` worker processes, by number; none is started yet.

    Each worker notes in shared memory which item it runs and since when, so that an item is known
    that crashes its worker or takes longer than `timeout_s`. `max_growth_bytes` is explained at
    `work`. All are killed when this process exits without having ended them.
    """

    def __init__(self, size: int, *, timeout_s: float | None, max_growth_bytes: int | None) -> None:
        self.by_number: dict[int, Worker] = {}
        self._timeout_s = timeout_s
        self._max_growth_bytes = max_growth_bytes
        self._running = multiprocessing.get_context("spawn").RawArray("d", 2 * size)
        """Two numbers a worker: the offset of its item in the batch, or `IDLE`; when it began."""
        self._finalizer = util.Finalize(self, _kill_all, (self.by_number,), exitpriority=100)

    def start(self, number: int, context: Any) -> Worker:
        """Start the worker `number` and return it; it is not in `by_number` yet.

        Raises `OSError` or `EOFError` where there are no more processes or descriptors.
        """
        parent_end, child_end = socket.socketpair()
        inherited: tuple[socket.socket, ...] = ()
        if context.get_start_method() == "fork":
            inherited = (parent_end, *(worker.socket for worker in self.by_number.values()))
        self._running[2 * number] = IDLE
        process = context.Process(
            target=work,
            args=(child_end, self._running, number, inherited, self._max_growth_bytes),
            kwargs={"variables": search_variables()},
            name=f"worker-{number}",
        )
        try:
            with signals_blocked(context), main_not_imported(), library_found(context):
                check_descriptors(context, child_end.fileno())
                process.start()
        except (OSError, EOFError):
            parent_end.close()
            raise
        finally:
            child_end.close()
        parent_end.setblocking(False)
        return Worker(number, process, parent_end)

    def reap(self, worker: Worker) -> None:
        """Take a worker out that has exited, or has closed its socket."""
        worker.socket.close()
        worker.process.kill()  # where it has only closed its socket
        worker.process.join()
        del self.by_number[worker.number]

    def kill_overdue(self) -> None:
        """Kill the workers whose item takes longer than the time limit."""
        if self._timeout_s is None:
            return
        now_s = SYSTEM_CLOCK.now()
        for worker in self.by_number.values():
            offset, began_s = self._running[2 * worker.number : 2 * worker.number + 2]
            if worker.calls and offset != IDLE and now_s - began_s > self._timeout_s:
                worker.overdue_offset = int(offset)
                worker.process.kill()

    def interruption(self, worker: Worker, call: Call) -> BatchInterrupted:
        """Return what ended the call that a reaped worker ran, and at which item."""
        noted = self._running[2 * worker.number]
        offset = None if noted == IDLE else int(noted)
        if worker.overdue_offset is None:
            failure = crash_failure(worker.process.exitcode)
            return WorkerDied(failure, offset=offset, finished=call.finished)
        if offset != worker.overdue_offset:  # the next item began just before the worker was killed
            offset = None
        limit = f"took longer than {self._timeout_s:g} s; stopped"
        return BatchInterrupted(
            ItemFailure("TimeoutError", limit, ""),
            offset=offset,
            finished=call.finished,
            final=offset is not None,
        )

    def kill_all(self) -> None:
        """Kill the workers; that they ended is seen when their sockets are read."""
        _kill_all(self.by_number)

    def end_all(self) -> None:
        """Let the workers exit, whose sockets are closed, and kill those that take too long."""
        deadline_s = SYSTEM_CLOCK.now() + EXIT_S
        for worker in self.by_number.values():
            worker.process.join(max(0.0, deadline_s - SYSTEM_CLOCK.now()))
            if worker.process.exitcode is None:
                worker.process.kill()
                worker.process.join()
            worker.process.close()
        self.by_number.clear()
        self._finalizer.cancel()


def _kill_all(workers: dict[int, Worker]) -> None:
    for worker in list(workers.values()):
        with suppress(ValueError):  # its process object is closed, so it has ended
            worker.process.kill()
