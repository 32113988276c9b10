"""A worker process and its calls, as the process sees them that started it."""

from __future__ import annotations

import signal
import socket
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from typing import Protocol

from batchmap.executors.call_future import CallFuture, fail, succeed
from batchmap.executors.pickling import call_error
from batchmap.executors.process.direct_fork import ForkedProcess
from batchmap.executors.process.fork_client import ServedProcess
from batchmap.executors.process.framing import Answer, FrameReader, FrameWriter, Kind
from batchmap.executors.process.payload import Payload
from batchmap.executors.process.process_tree import kill_trees
from batchmap.records import BatchRecord, ItemFailure
from batchmap.unpickling import loads
from batchmap.worker.failures import BatchInterrupted
from batchmap.worker.record_builder import joined_record

__all__ = [
    "Call",
    "Settle",
    "Worker",
    "WorkerDied",
    "WorkerProcess",
    "crash_failure",
    "describe_exit",
    "kill_workers",
    "settle_with_answer",
    "settle_with_error",
]

LARGE_FUNCTION_BYTES = 1 << 20
"""A function that closes over so much takes a while to load."""

Settle = Callable[[], None]
"""Sets the result or the exception of a call's future. That runs the future's callbacks, which may
be anybody's, so it is called where no lock is held. Called again, it does nothing."""


class WorkerDied(BatchInterrupted, BrokenProcessPool):
    """A worker process crashed as it made a call; others go on, and another replaces it."""


class Call:
    """A call that was submitted, and what is known so far of what came of it."""

    __slots__ = ("arguments", "finished", "function", "future", "unpickling_error")

    def __init__(self, function: Payload, arguments: Payload, future: CallFuture) -> None:
        self.function = function
        self.arguments = arguments
        self.future = future
        self.finished: list[BatchRecord] = []
        """The parts of the batch record that have arrived."""
        self.unpickling_error: BaseException | None = None
        """Why one of these parts could not be unpickled."""

    def add_part(self, part: Answer) -> None:
        """Add a part of the batch record."""
        try:
            self.finished.append(loads(part.payload, part.arrays))
        except BaseException as error:
            self.unpickling_error = call_error(error)


class WorkerProcess(Protocol):
    """A process, however it was started."""

    pid: int | None
    """`None` where it is not known yet."""
    exit_code: int | None
    """How it ended: negative for a signal; `None` before, and where that is not known."""
    ended: bool


class Worker:
    """A worker process, this end of its socket, and the calls that it was given."""

    def __init__(self, number: int, process: WorkerProcess, parent_end: socket.socket) -> None:
        self.number = number
        self.process = process
        self.socket = parent_end
        self.reader = FrameReader(parent_end)
        self.writer = FrameWriter(parent_end)
        self.calls: deque[Call] = deque()
        """The first one runs, the others wait in the worker."""
        self.call_began_s = 0.0
        self.function: Payload | None = None
        """The function that the worker was sent last."""
        self.loading = 0
        """How many functions it was sent and has not loaded yet."""
        self.was_called = False
        """Whether it was ever given a call."""
        self.ready = False
        """Whether it has started up."""
        self.leaving = False
        """Whether it exits of its own accord, between two calls."""
        self.waits_for = ""
        """What items have left running, for which it waits before it exits."""
        self.killed = False
        """Whether it was told to end at once."""
        self.warned = False
        """Whether it was told of that it takes long to exit."""
        self.overdue_offset: int | None = None
        """Of the item that took too long, for which the worker was killed."""

    def send(self, call: Call) -> bool:
        """Send a call, after its function where the worker has another; tell whether all went."""
        self.was_called = True
        self.send_function(call.function)
        return self.writer.send(Kind.CALL, call.arguments.data, call.arguments.segment)

    def send_function(self, function: Payload) -> bool:
        """Send a function, unless the worker has it; tell whether all went."""
        if self.function is function:
            return True
        self.function = function
        self.loading += 1
        return self.writer.send(Kind.FUNCTION, function.data, function.segment)

    @property
    def is_starting(self) -> bool:
        """Whether it has not loaded what it needs, and was given no call."""
        return not self.was_called and (not self.ready or self.loading > 0)

    @property
    def can_begin(self) -> bool:
        """Tell whether it would begin a call of the function that it was sent last at once.

        A fork of this process has imported what the function needs, and loads a small one quickly.
        """
        if isinstance(self.process, ForkedProcess):
            size_bytes = 0 if self.function is None else self.function.size_bytes
            return not self.loading or size_bytes < LARGE_FUNCTION_BYTES
        return self.ready and not self.loading


def settle_with_answer(call: Call, last: Answer) -> Settle:
    """Return what settles the call with the last answer that its worker sent for it."""

    def settle() -> None:
        try:
            answer = loads(last.payload, last.arrays)
        except BaseException as error:
            fail(call.future, call_error(error))
            return
        if call.unpickling_error is not None:
            fail(call.future, call.unpickling_error)
        elif last.kind is Kind.ERROR:
            fail(call.future, answer)
        elif call.finished:
            succeed(call.future, joined_record([*call.finished, answer]))
        else:
            succeed(call.future, answer)

    return settle


def settle_with_error(call: Call, error: Exception) -> Settle:
    """Return what settles the call with an error."""
    return lambda: fail(call.future, error)


def crash_failure(exit_code: int | None) -> ItemFailure:
    """Return the failure of an item whose worker crashed."""
    hint = "; perhaps for lack of memory" if exit_code == -signal.SIGKILL else ""
    return ItemFailure("WorkerDied", f"its worker ended with {describe_exit(exit_code)}{hint}", "")


def describe_exit(exit_code: int | None) -> str:
    """Return an exit code as words: the code, or the signal that it stands for."""
    if exit_code is not None and exit_code < 0:
        try:
            return f"signal {signal.Signals(-exit_code).name}"
        except ValueError:
            return f"signal {-exit_code}"
    return "an unknown exit code" if exit_code is None else f"exit code {exit_code}"


def kill_workers(workers: Iterable[Worker]) -> None:
    """Kill the workers that have not ended, with all that they have started."""
    forked = []
    for worker in workers:
        worker.killed = True
        process = worker.process
        if isinstance(process, ServedProcess):
            process.channel.kill(process)
        elif process.pid is not None and not process.ended:
            forked.append(process.pid)
    if forked:
        with suppress(OSError):
            kill_trees(forked)
