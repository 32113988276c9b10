"""A process that has the task of one side, as its parent sees it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any

from batchmap.command.stop_times import EXIT_S
from batchmap.errors import BatchmapError, UsageError, WorkersLostError
from batchmap.executors.process.process_tree import kill_trees
from batchmap.stopping import StopRequest
from batchmap.text import printable

from .messages import RunTime, SidePlan, SideRequest, SideRun

__all__ = ["MeasuringStopped", "TaskSide", "open_side"]

ROOT = Path(__file__).resolve().parents[3]
"""The directory that holds `batchmap_workbook`."""

LOOK_S = 0.1
"""How often it is looked whether the command was asked to stop."""

_PROGRAM = f"""\
import sys
sys.path.insert(0, {str(ROOT)!r})
import batchmap_workbook
batchmap_workbook.isolate()
batchmap_workbook.pickle_by_value()
from batchmap_workbook.utils.execution.revisions.task_process import serve
serve(int(sys.argv[1]))
"""


class MeasuringStopped(Exception):
    """The command was asked to stop, and what was measured is of no use."""


class TaskSide:
    """The task of one side, in a process of its own; `label` says in messages which one it is."""

    def __init__(
        self, process: subprocess.Popen[bytes], connection: Connection, label: str, log: IO[bytes],
        stop: StopRequest,
    ) -> None:  # fmt: skip
        self._process = process
        self._connection = connection
        self._label = label
        self._log = log
        self._stop = stop
        self._tree = ""
        self._input: str | None = None
        self.num_items = 0

    def begin(self, request: SideRequest) -> None:
        """Have the task imported and the items read, without waiting for it."""
        self._tree = "" if request.tree is None else f"{request.tree}/"
        self._input = request.settings.input
        self._connection.send(request)

    def wait_until_ready(self) -> None:
        """Wait for the end of that.

        Raises `UsageError` where the task cannot be had or has no items, `InputError` for an input
        that cannot be read, as in the process itself.
        """
        self.num_items = self._answer()
        if not self.num_items:
            raise UsageError(f"{self._input} holds no items, so nothing can be run")

    def plan(self) -> SidePlan:
        """Return backend and workers as they are asked for, or as a run of this side has them."""
        plan: SidePlan = self._ask("plan")
        return plan

    def open(self, plan: SidePlan) -> None:
        """Have the workers started."""
        self._ask(plan)

    def run(self, first: int, number: int) -> RunTime:
        """Run `number` items from the index `first` on; the first ones follow after the last."""
        taken: RunTime = self._ask(SideRun(first, number))
        return taken

    def _ask(self, what: Any) -> Any:
        with suppress(BrokenPipeError):  # the answer tells why
            self._connection.send(what)
        return self._answer()

    def _answer(self) -> Any:
        """Return what the process answers; raises it where it is an error."""
        try:
            while not self._connection.poll(LOOK_S):
                if self._stop.requested:
                    raise MeasuringStopped
            answer = self._connection.recv()
        except (EOFError, OSError) as error:
            if self._stop.requested:
                raise MeasuringStopped from error
            raise WorkersLostError(f"{self._label}: {self._ending()}") from error
        if isinstance(answer, BatchmapError):
            lines = (line.replace(self._tree, "") for line in answer.messages)
            raise type(answer)([f"{self._label}: {line}" for line in lines])
        return answer

    def _ending(self) -> str:
        """Return how the process has ended, with the last line that it wrote."""
        code = self._process.wait()
        ended = f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").split("\n")
        last = next((line for line in reversed(lines) if line.strip()), "")
        told = f" ({printable(last):.200})" if last else ""
        return f"an item ended its process with {ended}{told}"


@contextmanager
def open_side(label: str, stop: StopRequest) -> Iterator[TaskSide]:
    """Start the process of a side; at the end it leaves, or is killed with all it has started.

    The two sides begin with the same seed of hashes, so that sets and their like have one order.
    """
    ours, theirs = socket.socketpair()
    with tempfile.TemporaryFile() as log, ours, theirs:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _PROGRAM, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            pass_fds=[theirs.fileno()],
            env={"PYTHONHASHSEED": "0", **os.environ},
            start_new_session=True,  # Ctrl-C is for its parent, which ends it
        )
        theirs.close()
        try:
            with Connection(ours.detach()) as connection:
                yield TaskSide(process, connection, label, log, stop)
            with suppress(subprocess.TimeoutExpired):
                process.wait(EXIT_S)
        finally:
            if process.poll() is None:
                kill_trees([process.pid])
            process.wait()
