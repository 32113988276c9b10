"""A task that is imported in worker processes alone, for it changes the process that imports it."""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

from batchmap.command.task import Task, load_task
from batchmap.errors import UsageError
from batchmap.records import RetryDecision
from batchmap.worker.call_shape import CallShape
from batchmap.worker.processor import is_async
from batchmap.worker.retry_decision import decide_retry
from batchmap.worker.setup import SetupPer
from batchmap.worker.worker_function import WorkerFunction, awaited, in_shape, ready, ready_in_loop

__all__ = ["task_in_workers"]


class _TaskWords(NamedTuple):
    """What a task is called on the command line, with what belongs to it."""

    name: str
    setup: str | None
    setup_per: SetupPer
    retry_if: str | None

    def load(self, shape: CallShape) -> Task:
        """Import the task here."""
        return load_task(
            self.name,
            setup=self.setup,
            setup_per=self.setup_per,
            retry_if=self.retry_if,
            shape=shape,
        )


_imported: dict[_TaskWords, Task] = {}
_importing = threading.Lock()


def _imported_task(words: _TaskWords, shape: CallShape) -> Task:
    """Return the task, imported once in this process: its functions share their module."""
    with _importing:
        if words not in _imported:
            _imported[words] = words.load(shape)
        return _imported[words]


def task_in_workers(
    name: str,
    *,
    setup: str | None,
    setup_per: SetupPer,
    retry_if: str | None,
    shape: CallShape,
) -> Task:
    """Return the task `name`, as `load_task` does; its functions are imported in workers.

    What has to be known of it here is found out by a process that imports it and ends. Raises
    `UsageError` when it cannot be imported.
    """
    words = _TaskWords(name, setup, setup_per, retry_if)
    read_end, write_end = os.pipe()
    child = os.fork()
    if not child:
        try:
            task = words.load(shape)
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
    asked = None if retry_if is None else _ImportedRetryIf(words, shape, of_time_limit)
    return Task(name, wrapper(words), code, asked)


class _ImportedFunction(WorkerFunction):
    """The function that a task's name stands for, imported before its first call."""

    def __init__(self, words: _TaskWords) -> None:
        self._words = words
        self._loaded: Callable[..., Any] | None = None

    def ready(self) -> Callable[[Any], Any]:
        """Return the function, imported and set up in this worker."""
        return ready(self._function())[0]

    async def ready_in_loop(self) -> Callable[[Any], Any]:
        """Return it in a worker that is an event loop."""
        return await ready_in_loop(self._function())

    def _function(self) -> Callable[[Any], Any]:
        if self._loaded is None:
            loaded = _imported_task(self._words, self._shape).function
            shaped = in_shape(loaded, self._shape)
            self._loaded = awaited(shaped) if self._awaits else shaped
        return self._loaded

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_loaded": None}


class _AsyncImportedFunction(_ImportedFunction):
    async def __call__(self, item: Any) -> Any:
        """Return the function's result for `item`."""
        return await (await self.ready_in_loop())(item)


class _ImportedRetryIf:
    """The function that says which errors are tried again, imported before its first call."""

    def __init__(
        self, words: _TaskWords, shape: CallShape, of_time_limit: RetryDecision | None
    ) -> None:
        self._words = words
        self._shape = shape
        self._of_time_limit = of_time_limit

    def __call__(self, error: BaseException) -> Any:
        """Return what the function says of `error`."""
        retry_if = _imported_task(self._words, self._shape).retry_if
        assert retry_if is not None
        return retry_if(error)

    def of_time_limit(self, _: BaseException) -> RetryDecision | None:
        """Return what it says of an item that took too long, without importing it here."""
        return self._of_time_limit
