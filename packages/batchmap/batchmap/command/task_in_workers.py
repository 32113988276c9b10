"""A task that is imported in worker processes alone, for it changes the process that imports it."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from typing import Any

from batchmap.command.task import Task, load_task
from batchmap.errors import UsageError
from batchmap.records import RetryDecision
from batchmap.worker.call_shape import CallShape
from batchmap.worker.processor import is_async
from batchmap.worker.retry_decision import RetryIf, decide_retry

__all__ = ["task_in_workers"]


def task_in_workers(
    name: str, *, setup: str | None, retry_if: str | None, shape: CallShape
) -> Task:
    """Return the task `name`, as `load_task` does; its functions are imported in workers.

    What has to be known of it here is found out by a process that imports it and ends. Raises
    `UsageError` when it cannot be imported.
    """
    read_end, write_end = os.pipe()
    child = os.fork()
    if not child:
        try:
            task = load_task(name, setup=setup, retry_if=retry_if, shape=shape)
            of_time_limit = decide_retry(TimeoutError("took too long"), task.retry_if)
            with os.fdopen(write_end, "wb") as pipe:
                pipe.write(pickle.dumps((task.code, is_async(task.function), of_time_limit)))
        finally:
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    if not told:
        raise UsageError(f"{name} cannot be imported a second time")
    code, runs_in_a_loop, of_time_limit = pickle.loads(told)
    wrapper = _AsyncImportedFunction if runs_in_a_loop else _ImportedFunction
    asked = None if retry_if is None else _ImportedRetryIf(name, shape, retry_if, of_time_limit)
    return Task(name, wrapper(name, setup, shape), code, asked)


class _ImportedFunction:
    """The function that a task's name stands for, imported before its first call."""

    def __init__(self, name: str, setup: str | None, shape: CallShape) -> None:
        self._name = name
        self._setup = setup
        self._shape = shape
        self._loaded: Callable[..., Any] | None = None

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Return the function's result."""
        return self._function()(*arguments, **keywords)

    def _function(self) -> Callable[..., Any]:
        if self._loaded is None:
            self._loaded = load_task(self._name, setup=self._setup, shape=self._shape).function
        return self._loaded

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._name, self._setup, self._shape)


class _AsyncImportedFunction(_ImportedFunction):
    async def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Return the function's result."""
        return await self._function()(*arguments, **keywords)


class _ImportedRetryIf:
    """The function that says which errors are tried again, imported before its first call."""

    def __init__(
        self, task: str, shape: CallShape, name: str, of_time_limit: RetryDecision
    ) -> None:
        self._task = task
        self._shape = shape
        self._name = name
        self._of_time_limit = of_time_limit
        self._loaded: RetryIf | None = None

    def __call__(self, error: BaseException) -> Any:
        """Return what the function says of `error`."""
        if self._loaded is None:
            self._loaded = load_task(self._task, retry_if=self._name, shape=self._shape).retry_if
        assert self._loaded is not None
        return self._loaded(error)

    def of_time_limit(self, _: BaseException) -> RetryDecision:
        """Return what it says of an item that took too long, without importing it here."""
        return self._of_time_limit

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._task, self._shape, self._name, self._of_time_limit)
