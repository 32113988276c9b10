"""Runs the task of one side, in a process of its own, as the other end of a pipe asks for it.

The process has no standard input, and nothing that the task prints is shown, as it runs the same
items hundreds of times. Only the modules of the repository differ between the two sides: both work
in the directory of the command, so that a relative path leads to the same data.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import cycle, islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

import batchmap
from batchmap.clock import SYSTEM_CLOCK
from batchmap.command.settings import task_file
from batchmap.engine import RunState, stream_batches
from batchmap.errors import BatchmapError, UsageError
from batchmap.executors.process.worker_process import end_with
from batchmap.resources import queued_s
from batchmap.stopping import StopRequest, Urgency
from batchmap.tuning.default_plan import default_plan
from batchmap.worker.worker_scope import held_in_process
from batchmap.worker_pool import PoolBackend, WorkerPool

from ...cli.settings import Settings
from ...cli.task import load_compared_task
from ..items import open_items
from .messages import RunTime, SidePlan, SideRequest, SideRun

__all__ = ["MOST_ITEMS", "serve"]

_OURS = ("batchmap", "batchmap_workbook")
"""The program's own packages, which are those of its checkout on both sides."""

MOST_ITEMS = 10_000
"""So many items are held in memory and run, around and around."""


def serve(descriptor: int) -> None:
    """Do what is asked for through the pipe `descriptor`, until its other end is closed."""
    with Connection(descriptor) as connection, ExitStack() as stack:
        side: _Side | None = None
        while True:
            try:
                asked = connection.recv()
            except EOFError:
                return
            try:
                if side is None:
                    end_with(asked.parent)
                    side = _Side(asked, stack)
                    answer: Any = side.num_items
                else:
                    answer = side.answer(asked)
            except BatchmapError as error:
                answer = error
            connection.send(answer)


class _Side:
    """The task and its items; its workers last until `stack` is closed."""

    def __init__(self, request: SideRequest, stack: ExitStack) -> None:
        self._settings = request.settings
        self._stack = stack
        located = _located(request)
        with _modules_of_the_revision(request):
            self._task = load_compared_task(located)
        most = min(self._settings.limit or MOST_ITEMS, MOST_ITEMS)
        items, _ = open_items(replace(self._settings, limit=most), most)
        self._items = list(islice(items, most))
        self.num_items = len(self._items)
        self._pool: WorkerPool | None = None
        self._backend = ""
        self._processor = processor = self._task.processor(stop=StopRequest())
        if processor.setup is not None and processor.setup.per == "process":
            stack.enter_context(held_in_process(processor.setup))

    def answer(self, asked: SidePlan | SideRun | str) -> SidePlan | RunTime | None:
        """Return what `messages` says for what was asked."""
        if isinstance(asked, SideRun):
            return self._run(asked)
        if isinstance(asked, SidePlan):
            self._open(asked)
            return None
        return self._plan()

    def _plan(self) -> SidePlan:
        """Return the plan that is asked for: one item after another, unless it says otherwise.

        What it leaves open is measured, as a run would.
        """
        settings = self._settings
        backend = settings.backend or ("sequential" if settings.workers is None else "auto")
        if backend != "auto":
            plan = default_plan(backend, settings.workers, settings.batch_size)
            return SidePlan(plan.backend, plan.workers)
        stop = StopRequest()
        state = RunState(on_plan=lambda _: stop.request(Urgency.DRAIN))
        for _ in self._records(self._items, backend, stop, state):
            pass
        assert state.plan is not None
        return SidePlan(state.plan.backend, state.plan.workers)

    def _open(self, plan: SidePlan) -> None:
        """Have the workers of the plan ready; a set-up is called once in each, and not in each run.

        Raises `UsageError` for a backend that cannot run the task.
        """
        if plan.backend == "async" and not self._processor.is_async:
            raise UsageError(
                f"{self._settings.task} is an `async def` function at one of the revisions only; "
                "--backend thread runs both alike"
            )
        backend = plan.backend
        if backend == "sequential" and (self._processor.has_setup or self._settings.timeout_s):
            backend = "thread"
        self._backend = backend
        if backend != "sequential":
            pool = WorkerPool(
                cast(PoolBackend, backend), plan.workers, timeout_s=self._settings.timeout_s
            )
            self._pool = self._stack.enter_context(pool)

    def _run(self, asked: SideRun) -> RunTime:
        items = list(islice(cycle(self._items), asked.first, asked.first + asked.number))
        failed = 0
        thread = threading.get_native_id()
        # The clock is read around the other figure, so that each wait for a core lies within.
        since_s, queued_since_s = SYSTEM_CLOCK.now(), queued_s(thread)
        for record in self._records(items, self._backend, StopRequest(), RunState()):
            failed += len(record.failures)
        waited_s, time_s = queued_s(thread) - queued_since_s, SYSTEM_CLOCK.now() - since_s
        is_in_this_thread = self._backend == "sequential"
        return RunTime(time_s - waited_s if is_in_this_thread else time_s, failed)

    def _records(
        self, items: list[Any], backend: str, stop: StopRequest, state: RunState
    ) -> Iterator[Any]:
        task = self._task
        return stream_batches(
            task.processor(stop=stop),
            task.items_of(items),
            replace(self._settings, backend=backend),
            total=len(items),
            limits=task.limits(self._settings),
            stop=stop,
            state=state,
            pool=self._pool,
        )


@contextmanager
def _modules_of_the_revision(request: SideRequest) -> Iterator[None]:
    """Have imports find the revision's modules before those of the working tree.

    Raises `UsageError` when they are found in the working tree nevertheless.
    """
    if request.tree is None:
        yield
        return
    top, tree, here = request.top, request.tree, Path.cwd()
    library = Path(batchmap.__file__).parents[1]  # which workers import, whatever the revision
    sys.path[:] = [
        path if Path(path) == library else str(_at_revision(Path(path), top, tree) or path)
        for path in sys.path
    ]
    before = set(sys.modules)
    os.chdir(_at_revision(here, top, tree) or here)  # a module is looked for from there
    try:
        yield
    finally:
        os.chdir(here)
    _check_the_task(request)
    for name in sorted(set(sys.modules) - before):
        file = getattr(sys.modules[name], "__file__", None)
        is_ours = name.partition(".")[0] in _OURS
        if file and not is_ours and _at_revision(Path(file), top, tree):
            raise UsageError(
                f"{name} is imported from {file}, which is not its file at the revision; name its "
                "directory in PYTHONPATH"
            )


def _check_the_task(request: SideRequest) -> None:
    """Raise `UsageError` where the task itself is not imported from the files of the revision."""
    assert request.tree is not None
    module = sys.modules.get(str(request.settings.task).rpartition(":")[0])
    if module is None:  # it is a file of the revision
        return
    file = getattr(module, "__file__", None)
    if file is None or not Path(file).resolve().is_relative_to(request.tree):
        raise UsageError(
            f"{module.__name__} is imported from {file or 'Python itself'}, which is no file of "
            "the revision; name a module of the repository"
        )


def _at_revision(path: Path, top: Path, tree: Path) -> Path | None:
    """Return where the revision has what the working tree has at `path`, `None` for nothing."""
    path = path.resolve()
    if path.is_relative_to(tree) or not path.is_relative_to(top):
        return None
    there = tree / path.relative_to(top)
    return there if there.exists() else None


def _located(request: SideRequest) -> Settings:
    """Return the settings with the task's file where the side has it."""
    settings = request.settings
    file = task_file(settings.task)
    if file is None or request.tree is None:
        return settings
    path = request.tree / file.resolve().relative_to(request.top)
    return replace(settings, task=f"{path}:{str(settings.task).rpartition(':')[2]}")
