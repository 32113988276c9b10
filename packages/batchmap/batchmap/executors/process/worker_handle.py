"""A worker process and its calls, as the command sees them."""

from __future__ import annotations

import pickle
import signal
import socket
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from multiprocessing.process import BaseProcess
from typing import Any

from batchmap.executors.process.framing import FrameReader, FrameWriter, Kind
from batchmap.records import BatchRecord, ItemFailure

__all__ = ["Call", "Worker", "cause_of_death", "ending", "raising", "settlement"]


class Call:
    """What was submitted, and what is known of it so far."""

    __slots__ = ("arguments", "finished", "function", "future", "unreadable")

    def __init__(self, function: bytes, arguments: bytes, future: Future[Any]) -> None:
        self.function = function
        self.arguments = arguments
        self.future = future
        self.finished: list[BatchRecord] = []
        self.unreadable: Exception | None = None
        """Why a part of what it came to could not be unpickled."""

    def add_part(self, payload: bytes) -> None:
        """Keep a part of what it came to."""
        try:
            self.finished.append(pickle.loads(payload))
        except Exception as error:
            self.unreadable = error


class Worker:
    """A worker process as the command sees it."""

    def __init__(self, number: int, process: BaseProcess, sock: socket.socket) -> None:
        self.number = number
        self.process = process
        self.socket = sock
        self.reader = FrameReader(sock)
        self.writer = FrameWriter(sock)
        self.calls: deque[Call] = deque()
        self.at_call_since_s = 0.0
        self.function = b""
        self.ready = False
        self.leaving = False
        """Whether it ends of its own accord, between two calls."""
        self.overdue_place: int | None = None
        """The item for whose time it was killed."""


def settlement(call: Call, kind: Kind, payload: bytes) -> Callable[[], None]:
    """Return how to tell the call's future what its worker answered."""

    def settle() -> None:
        try:
            answer = pickle.loads(payload)
        except Exception as error:
            call.future.set_exception(error)
            return
        if call.unreadable is not None:
            call.future.set_exception(call.unreadable)
        elif kind is Kind.ERROR:
            call.future.set_exception(answer)
        elif call.finished:
            call.future.set_result(BatchRecord.joined([*call.finished, answer]))
        else:
            call.future.set_result(answer)

    return settle


def raising(call: Call, error: Exception) -> Callable[[], None]:
    """Return how to tell the call's future of an error."""
    return lambda: call.future.set_exception(error)


def cause_of_death(exit_code: int | None) -> ItemFailure:
    """Put into words how a worker ended."""
    hint = "; perhaps for lack of memory" if exit_code == -signal.SIGKILL else ""
    return ItemFailure("WorkerDied", f"its worker ended with {ending(exit_code)}{hint}", "")


def ending(exit_code: int | None) -> str:
    """Return an exit code as words: the code, or the signal it stands for."""
    if exit_code is not None and exit_code < 0:
        try:
            return f"signal {signal.Signals(-exit_code).name}"
        except ValueError:
            return f"signal {-exit_code}"
    return f"exit code {exit_code}"
