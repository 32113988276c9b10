"""What all executors have in common, and how one is opened by its name."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NamedTuple, Protocol, cast

from batchmap.backends import BACKENDS
from batchmap.core_sharing import worker_processes
from batchmap.executors.dask.address import DaskAddress
from batchmap.stopping import StopRequest

__all__ = ["EXECUTORS", "DispatchCost", "WorkerExecutor", "open_executor"]

EXECUTORS = tuple(BACKENDS)
"""The names that `open_executor` knows."""


class _OpenWorkers(Protocol):
    """The function `open_workers` that each of these modules has."""

    def __call__(
        self, workers: int, *, timeout_s: float | None, **where: Any
    ) -> WorkerExecutor: ...


class DispatchCost(NamedTuple):
    """What an empty call was measured to take, in seconds."""

    alone_s: float
    """To a worker and back, with nothing else in flight."""
    each_s: float
    """With many in flight: how long each occupies what all workers share, such as a scheduler."""


class WorkerExecutor(Executor):
    """An executor that can also kill or abandon what still runs."""

    abandoned = 0
    """How many workers were given up because their item exceeded its time limit and they, unlike a
    process, cannot be killed."""

    @property
    def carried_bytes(self) -> int:
        """Return how many bytes were sent to worker processes and received; 0 without processes."""
        return 0

    @property
    def workers(self) -> int | None:
        """Return how many calls can run at once now; `None` where it stays what was asked for."""
        return None

    @property
    def dispatch_cost(self) -> DispatchCost | None:
        """Return what a call was measured to cost, `None` where it was not measured."""
        return None

    @property
    def ready(self) -> bool:
        """Tell whether a worker has started up."""
        return True

    def kill(self) -> None:
        """Cancel what waits and kill or abandon what runs; do not wait for it to finish."""
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
    """Open the executor `name`, one of `EXECUTORS`, and shut it down at the end.

    `timeout_s` limits the time of each item, in seconds. With such a limit, the sequential executor
    runs calls in one thread, as an item cannot be given up in the thread that calls.
    `scheduler` is the address of a Dask cluster that runs already; the number of its workers is
    what it is, whatever `workers` says.

    After an error, or when `stop` asks to kill by then, what still runs is killed or abandoned
    instead of waited for. Raises `ValueError` for an unknown name or `workers` below 1.
    """
    if name not in BACKENDS:
        raise ValueError(f"no executor {name!r}; there are {', '.join(BACKENDS)}")
    if workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")
    if name == "sequential" and timeout_s is not None:
        name, workers = "thread", 1
    open_workers = cast(_OpenWorkers, import_module(BACKENDS[name].module).open_workers)
    where = {} if scheduler is None else {"scheduler": scheduler}
    executor = open_workers(workers, timeout_s=timeout_s, **where)
    try:
        with worker_processes(workers if name == "process" else 0):
            yield executor
    except BaseException:  # nobody waits for the rest any more
        executor.kill()
        raise
    if stop is not None and stop.killing:
        executor.kill()
    else:
        executor.shutdown(cancel_futures=True)
