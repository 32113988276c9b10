"""The processes of a pool: starts them, kills those whose item takes too long, and ends them."""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import chain
from multiprocessing import util
from typing import NoReturn

from batchmap.clock import SYSTEM_CLOCK
from batchmap.errors import TaskUnusableError
from batchmap.executors.process.caller_state import captured_state
from batchmap.executors.process.direct_fork import ForkedProcess, fork_worker
from batchmap.executors.process.fork_client import ServedProcess, ServerChannel
from batchmap.executors.process.framing import Kind
from batchmap.executors.process.running_items import RunningItems
from batchmap.executors.process.settlements import Settlements
from batchmap.executors.process.sockets import check_descriptors, safe_socketpair
from batchmap.executors.process.spawn import can_fork
from batchmap.executors.process.tracker_relay import TrackerRelay
from batchmap.executors.process.worker_handle import (
    Call,
    Worker,
    WorkerDied,
    crash_failure,
    describe_exit,
    kill_workers,
)
from batchmap.executors.process.worker_main import WorkerSettings
from batchmap.executors.process.worker_process import enter_forked_worker, preload
from batchmap.executors.suspended_time import SuspendedTime
from batchmap.records import ItemFailure
from batchmap.worker.failures import BatchInterrupted

__all__ = ["EXIT_S", "WorkerSet"]

_logger = logging.getLogger("process")

EXIT_S = 2.0
"""How long a worker may take to exit when there is nothing more to do."""

LEFT_RUNNING_S = 60.0
"""How long it may take where it waits for what items have left running there."""


class WorkerSet:
    """Up to `size` worker processes, by number; none is started yet.

    Each worker notes in shared memory which item it runs and since when, so that an item is known
    that crashes its worker or takes longer than `timeout_s`. `max_growth_bytes` is explained at
    `WorkerSettings`. All are killed when this process exits without having ended them.

    Raises `OSError` where there are no more descriptors.
    """

    def __init__(self, size: int, *, timeout_s: float | None, max_growth_bytes: int | None) -> None:
        self.by_number: dict[int, Worker] = {}
        self.retired: list[Worker] = []
        """Take no more calls, and exit when what items left running there has ended."""
        self.channel: ServerChannel | None = None
        """To the server that forks workers, once there are such."""
        self._ending_since_s: float | None = None
        self._timeout_s = timeout_s
        self._max_growth_bytes = max_growth_bytes
        self._size = size
        self._state = captured_state()
        self.running = RunningItems(size)
        self.tracker = TrackerRelay()
        self._finalizer = util.Finalize(
            self, _kill_all, (self.by_number, self.retired), exitpriority=100
        )

    def __iter__(self) -> Iterator[Worker]:
        """Yield all workers."""
        return chain(list(self.by_number.values()), list(self.retired))

    def start(self, number: int, *, by_fork: bool) -> Worker:
        """Start the worker `number`, as a fork of this process or by the server, and return it.

        Raises `OSError` where there are no more processes or descriptors.
        """
        parent_end, child_end = safe_socketpair()
        settings = WorkerSettings(
            number, self._size, self._max_growth_bytes, self._timeout_s is not None
        )
        self.running.forget(number)
        try:
            with child_end:
                check_descriptors(child_end.fileno())
                if by_fork:
                    caller = os.getpid()

                    def enter() -> NoReturn:
                        self._close_in_fork(parent_end.fileno())
                        enter_forked_worker(
                            child_end,
                            self.running.memory,
                            settings,
                            caller=caller,
                            tracker=self.tracker.sender,
                        )

                    worker = Worker(number, fork_worker(enter), parent_end)
                else:
                    if self.channel is None:
                        self.channel = ServerChannel()
                    process = self.channel.start(
                        child_end, self.running.descriptor, self.tracker.sender
                    )
                    worker = Worker(number, process, parent_end)
        except OSError:
            parent_end.close()
            raise
        parent_end.setblocking(False)
        if not by_fork:
            worker.writer.send(Kind.STATE, settings.pickled(self._state))
        self.by_number[number] = worker
        return worker

    def _close_in_fork(self, parent_end: int) -> None:
        """Close what a fork copies of this pool and a worker does not need."""
        os.close(parent_end)
        for other in self:
            other.socket.close()
            if isinstance(other.process, ForkedProcess):
                os.close(other.process.descriptor)
        os.close(self.running.descriptor)
        if self.tracker.receiver is not None:
            os.close(self.tracker.receiver)

    def start_all(self) -> None:
        """Start the workers; where no more can be had, those that there are must do.

        Raises `OSError` where there is none.
        """
        if by_fork := can_fork():
            preload()
        for number in range(self._size):
            try:
                self.start(number, by_fork=by_fork)
            except OSError:
                if not number:
                    raise
                return

    def worker_of(self, process: ServedProcess) -> Worker:
        """Return the worker that runs in the process."""
        return next(worker for worker in self if worker.process is process)

    def retire(self, worker: Worker) -> None:
        """Have another worker take its number, while it exits."""
        del self.by_number[worker.number]
        self.retired.append(worker)

    def remove(self, worker: Worker) -> None:
        """Take a worker out that has ended."""
        worker.socket.close()
        if worker in self.retired:
            self.retired.remove(worker)
        else:
            del self.by_number[worker.number]

    def kill_overdue(self, suspended: SuspendedTime) -> None:
        """Kill the workers whose item takes longer than the time limit."""
        if self._timeout_s is None:
            return
        now_s = SYSTEM_CLOCK.now()
        overdue = []
        for worker in self.by_number.values():
            item = self.running.of(worker.number)
            if not item or not worker.calls or worker.killed:
                continue
            if now_s - item.began_s - suspended.since(item.began_s) > self._timeout_s:
                worker.overdue_offset = item.offset
                overdue.append(worker)
        if overdue:
            kill_workers(overdue)

    def interruption(self, worker: Worker, call: Call) -> BatchInterrupted | TaskUnusableError:
        """Return what ended the call that an ended worker ran, and at which item.

        Where that was its set-up, no item is to blame, and no other worker should try it.
        """
        if self.running.is_set_up(worker.number):
            how = describe_exit(worker.process.exit_code)
            return TaskUnusableError(f"ended its worker with {how}", option="setup")
        item = self.running.of(worker.number)
        offset = item and item.offset
        if worker.overdue_offset is None:
            failure = crash_failure(worker.process.exit_code)
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

    def kill(self, worker: Worker) -> None:
        """Kill a worker, with all that it has started; that it ended is seen later."""
        kill_workers([worker])

    def end_disconnected(self, worker: Worker) -> None:
        """End a worker that has closed its socket, if it has not ended by itself."""
        process = worker.process
        if isinstance(process, ServedProcess):
            process.channel.kill(process, with_descendants=False)
        elif process.pid is not None and not process.ended:
            os.kill(process.pid, signal.SIGKILL)

    def kill_all(self) -> None:
        """Kill all workers; that they ended is seen later."""
        _kill_all(self.by_number, self.retired)

    @property
    def ending(self) -> bool:
        """Whether the workers have been asked to exit."""
        return self._ending_since_s is not None

    def next_check_s(self, usual_s: float | None) -> float | None:
        """Return after how long `kill_overdue` or `end_all` should look again."""
        return EXIT_S / 4 if self.ending else usual_s

    def end_all(self, settlements: Settlements) -> None:
        """Let the workers exit, and kill those that take too long; called until all have ended.

        What an item has left running there is waited for, as `multiprocessing` does, and told of.
        Workers that still start have nothing to end, and are killed.
        """
        now_s = SYSTEM_CLOCK.now()
        if self._ending_since_s is None:
            self._ending_since_s = now_s
            if all(worker.is_starting for worker in self):
                self.forget_all()
                return
            kill_workers(worker for worker in self if worker.is_starting)
            for worker in self:
                with suppress(OSError):  # it is closed already
                    worker.socket.shutdown(socket.SHUT_WR)
        taken_s = now_s - self._ending_since_s
        for worker in self:
            who = f"worker process {worker.process.pid}"
            if taken_s > EXIT_S and worker.waits_for and not worker.warned:
                worker.warned = True
                text = "%s still waits for what has been left to do there: %s"
                settlements.add(partial(_logger.warning, text, who, worker.waits_for))
            if taken_s > (LEFT_RUNNING_S if worker.waits_for else EXIT_S) and not worker.killed:
                self.kill(worker)
                text = "%s did not exit within %g s and was killed"
                settlements.add(partial(_logger.warning, text, who, taken_s))

    def close_channel(self) -> None:
        """Take note that the server has ended; another one forks the next workers."""
        if self.channel is not None:
            self.channel.close()
            self.channel = None

    def forget_all(self) -> None:
        """Kill all workers; those of the server end with their channel, and are not waited for."""
        self.kill_all()
        for worker in self:
            worker.socket.close()
            if isinstance(worker.process, ForkedProcess):
                worker.process.collect()
        self.by_number.clear()
        self.retired.clear()

    def abandon(self) -> None:
        """Kill and forget all workers, where the pool cannot be opened."""
        self.forget_all()
        self.close()

    def close(self) -> None:
        """Release what the workers shared, which have all ended."""
        self.close_channel()
        self.tracker.close()
        self.running.close()
        self._finalizer.cancel()


def _kill_all(by_number: dict[int, Worker], retired: list[Worker]) -> None:
    kill_workers([*by_number.values(), *retired])
