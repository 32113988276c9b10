"""Open an executor by its name; its module is loaded only then."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NamedTuple, Protocol, cast

from batchmap.executors.dask.address import DaskAddress
from batchmap.stopping import StopRequest

__all__ = ["EXECUTORS", "DispatchCost", "WorkerExecutor", "open_executor"]

_MODULES = {
    "sequential": "batchmap.executors.sequential",
    "thread": "batchmap.executors.thread",
    "process": "batchmap.executors.process.pool",
    "async": "batchmap.executors.coroutine",
    "dask": "batchmap.executors.dask",
}


EXECUTORS = tuple(_MODULES)
"""The names that `open_executor` knows."""


class _Opens(Protocol):
    def __call__(
        self, workers: int, *, timeout_s: float | None, **place: Any
    ) -> WorkerExecutor: ...


class DispatchCost(NamedTuple):
    """What an empty call takes, in seconds."""

    alone_s: float
    """To a worker and back, with nothing else in flight."""
    each_s: float
    """Of many at once: what it takes of all that workers share."""


class WorkerExecutor(Executor):
    """An executor that can also give up what still runs."""

    abandoned = 0
    """How many workers were given up but could not be killed."""

    carried_bytes = 0
    """How much has gone to worker processes and come back; 0 where nothing has to."""

    @property
    def workers(self) -> int | None:
        """Return how many calls run at once now, where that is not for us to say."""
        return None

    @property
    def dispatch_cost(self) -> DispatchCost | None:
        """Return what handing a call over was measured to cost, where it was."""
        return None

    @property
    def ready(self) -> bool:
        """Tell whether a worker has started up."""
        return True

    def kill(self) -> None:
        """Drop what waits and give up what runs; come back at once, or when it has been killed."""
        self.shutdown(wait=False, cancel_futures=True)


@contextmanager
def open_executor(
    name: str,
    workers: int,
    *,
    timeout_s: float | None = None,
    stop: StopRequest | None = None,
    scheduler: DaskAddress | None = None,
) -> Iterator[WorkerExecutor]:
    """Open the executor `name` (sequential, thread, process, async, dask), shut it down at the end.

    `timeout_s` limits the time of each item, in seconds; sequential work has no limit.
    `scheduler` is that of a Dask cluster, whose workers are its own business then.

    After an error, or when `stop` says to kill by then, what still runs is given up instead of
    waited for.
    Raises `ValueError` for an unknown name or `workers` below 1.
    """
    if name not in _MODULES:
        raise ValueError(f"no executor {name!r}; there are {', '.join(_MODULES)}")
    if workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")
    executor = cast(_Opens, import_module(_MODULES[name]).open_workers)(
        workers, timeout_s=timeout_s, **({} if scheduler is None else {"scheduler": scheduler})
    )
    try:
        yield executor
    except BaseException:  # nobody waits for the rest any more
        executor.kill()
        raise
    if stop is not None and stop.killing:
        executor.kill()
    else:
        executor.shutdown(cancel_futures=True)
