"""A worker process and its calls, as the process sees them that started it."""

from __future__ import annotations

import pickle
import signal
import socket
from collections import deque
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from typing import Protocol

from batchmap.executors.call_future import CallFuture, fail, succeed
from batchmap.executors.pickling import call_error
from batchmap.executors.process.framing import Answer, FrameReader, FrameWriter, Kind
from batchmap.executors.process.payload import Payload
from batchmap.records import BatchRecord, ItemFailure
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
    "settle_with_answer",
    "settle_with_error",
]

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
            self.finished.append(pickle.loads(part.payload, buffers=part.arrays))
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
        """The function that the worker has loaded."""
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
        function, arguments = call.function, call.arguments
        if self.function is not function:
            self.function = function
            self.writer.send(Kind.FUNCTION, function.data, function.segment)
        return self.writer.send(Kind.CALL, arguments.data, arguments.segment)


def settle_with_answer(call: Call, last: Answer) -> Settle:
    """Return what settles the call with the last answer that its worker sent for it."""

    def settle() -> None:
        try:
            answer = pickle.loads(last.payload, buffers=last.arrays)
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
