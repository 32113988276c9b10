"""A task that is imported in worker processes alone, for it changes the process that imports it."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from typing import Any

from batchmap.command.task import Task, load_task
from batchmap.errors import UsageError
from batchmap.worker.call_shape import CallShape
from batchmap.worker.processor import is_async
from batchmap.worker.setup import SetupPer
from batchmap.worker.worker_function import WorkerFunction, awaited, in_shape, ready, ready_in_loop

__all__ = ["task_in_workers"]


def task_in_workers(name: str, *, setup: str | None, setup_per: SetupPer, shape: CallShape) -> Task:
    """Return the task `name`, as `load_task` does, whose function is imported where it is called.

    What has to be known of it here is found out by a process that imports it and ends. Raises
    `UsageError` when it cannot be imported.
    """
    read_end, write_end = os.pipe()
    child = os.fork()
    if not child:
        try:
            task = load_task(name, setup=setup, setup_per=setup_per, shape=shape)
            with os.fdopen(write_end, "wb") as pipe:
                pipe.write(pickle.dumps((task.code, is_async(task.function))))
        finally:
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    if not told:
        raise UsageError(f"{name} cannot be imported a second time")
    code, runs_in_a_loop = pickle.loads(told)
    wrapper = _AsyncImportedFunction if runs_in_a_loop else _ImportedFunction
    return Task(name, wrapper(name, setup, setup_per), code)


class _ImportedFunction(WorkerFunction):
    """The function that a task's name stands for, imported before its first call."""

    def __init__(self, name: str, setup: str | None, setup_per: SetupPer) -> None:
        self._parts = name, setup, setup_per
        self._loaded: Callable[..., Any] | None = None

    def ready(self) -> Callable[[Any], Any]:
        """Return the function, imported and set up in this worker."""
        return ready(self._function())[0]

    async def ready_in_loop(self) -> Callable[[Any], Any]:
        """Return it in a worker that is an event loop."""
        return await ready_in_loop(self._function())

    def _function(self) -> Callable[[Any], Any]:
        if self._loaded is None:
            name, setup, setup_per = self._parts
            loaded = load_task(name, setup=setup, setup_per=setup_per, shape=self._shape).function
            shaped = in_shape(loaded, self._shape)
            self._loaded = awaited(shaped) if self._awaits else shaped
        return self._loaded

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_loaded": None}


class _AsyncImportedFunction(_ImportedFunction):
    async def __call__(self, item: Any) -> Any:
        """Return the function's result for `item`."""
        return await (await self.ready_in_loop())(item)
