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

__all__ = ["task_in_workers"]


def task_in_workers(name: str, *, setup: str | None, shape: CallShape) -> Task:
    """Return the task `name`, as `load_task` does, whose function is imported where it is called.

    What has to be known of it here is found out by a process that imports it and ends. Raises
    `UsageError` when it cannot be imported.
    """
    read_end, write_end = os.pipe()
    child = os.fork()
    if not child:
        try:
            task = load_task(name, setup=setup, shape=shape)
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
    return Task(name, wrapper(name, setup), code)


class _ImportedFunction:
    """The function that a task's name stands for, imported before its first call."""

    def __init__(self, name: str, setup: str | None) -> None:
        self._name = name
        self._setup = setup
        self._loaded: Callable[..., Any] | None = None

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Return the function's result."""
        return self._function()(*arguments, **keywords)

    def _function(self) -> Callable[..., Any]:
        if self._loaded is None:
            self._loaded = load_task(self._name, setup=self._setup).function
        return self._loaded

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._name, self._setup)


class _AsyncImportedFunction(_ImportedFunction):
    async def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Return the function's result."""
        return await self._function()(*arguments, **keywords)
