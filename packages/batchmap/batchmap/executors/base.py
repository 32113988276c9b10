"""What all executors have in common, and how one is opened by its name."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

from batchmap.backends import BACKENDS
from batchmap.core_sharing import worker_processes
from batchmap.stopping import StopRequest

if TYPE_CHECKING:
    from batchmap.executors.dask.address import DaskAddress

__all__ = [
    "AFTER_SHUTDOWN",
    "EXECUTORS",
    "DispatchCost",
    "WorkerExecutor",
    "check_same_process",
    "number_of_workers",
    "open_executor",
    "open_workers",
]

AFTER_SHUTDOWN = "cannot schedule new futures after shutdown"
"""What `submit` raises then, in a `RuntimeError`; the words are those of the standard library."""

EXECUTORS = tuple(BACKENDS)
"""The names that `open_executor` knows."""

WIND_DOWN_S = 2.0
"""How long workers that have something to undo may go on after an error, in seconds."""


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

    @property
    def abandoned(self) -> int:
        """Return how many workers were given up because their item exceeded its time limit.

        Those are workers that, unlike a process, cannot be killed.
        """
        return 0

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
    def begins_once(self) -> bool:
        """Tell whether a call begins once at most, on the clock of this process.

        Elsewhere it may be made again when its worker is lost, and must not be refused as late.
        """
        return True

    @property
    def ready(self) -> bool:
        """Tell whether a worker has started up, or needs next to nothing for that."""
        return True

    def prepare(self, fn: Callable[..., Any]) -> None:
        """Have workers load `fn` before its first call; `ready` then tells whether one has."""

    @property
    def unloadable(self) -> str:
        """Return why a worker could not load a function; empty where all could."""
        return ""

    @property
    def is_broken(self) -> bool:
        """Tell whether it can make no calls any more, though it was not shut down."""
        return False

    def forget_at_exit(self) -> None:
        """Have the interpreter exit without waiting for what was submitted."""

    def widen(self, workers: int) -> None:
        """Have room for so many calls at once, where that is not settled from the beginning."""

    def begin_no_more(self) -> None:
        """Have batches that run in other processes end before their next item, where they can.

        Those that run in this process are told by their own request to stop.
        """

    def begin_again(self) -> None:
        """Take back `begin_no_more`."""

    def wind_down(self, within_s: float) -> None:
        """Cancel what waits, have what runs end soon, and let workers leave within that time."""
        self.shutdown(cancel_futures=True)

    def kill(self) -> None:
        """Cancel what waits and kill or abandon what runs; do not wait for it to finish."""
        self.shutdown(wait=False, cancel_futures=True)


def number_of_workers(max_workers: int | None, backend: str) -> int:
    """Return how many workers an executor has: `max_workers`, or the usual number of `backend`.

    Raises `ValueError` for a number below 1.
    """
    if max_workers is None:
        return BACKENDS[backend].default_workers()
    if max_workers < 1:
        raise ValueError(f"max_workers must be greater than 0, got {max_workers}")
    return max_workers


def check_same_process(process_id: int) -> None:
    """Raise `BrokenExecutor` in a fork of the process that has the workers."""
    if os.getpid() != process_id:
        raise BrokenExecutor(f"the workers are those of process {process_id}, which forked")


def open_workers(
    name: str, workers: int, *, timeout_s: float | None = None, **where: Any
) -> WorkerExecutor:
    """Return the executor of the backend `name`, which whoever calls this shuts down."""
    module = import_module(BACKENDS[name].module)
    return cast(_OpenWorkers, module.open_workers)(workers, timeout_s=timeout_s, **where)


@contextmanager
def open_executor(
    name: str,
    workers: int,
    *,
    timeout_s: float | None = None,
    stop: StopRequest | None = None,
    scheduler: DaskAddress | None = None,
    winds_down: bool = False,
    least: int | None = None,
) -> Iterator[WorkerExecutor]:
    """Open the executor `name`, one of `EXECUTORS`, and shut it down at the end.

    `timeout_s` limits the time of each item, in seconds. With such a limit, the sequential executor
    runs calls in one thread, as an item cannot be given up in the thread that calls.
    `scheduler` is the address of a Dask cluster that runs already; the number of its workers is
    what it is, whatever `workers` says. With `least`, there are fewer worker processes where other
    calls of this process have the cores, but at least so many; the executor's `workers` says how
    many there are.

    After an error, or when `stop` asks to kill by then, what still runs is killed or abandoned
    instead of waited for; with `winds_down`, an error leaves workers some time to end what they run
    and to undo their set-up. Raises `ValueError` for an unknown name or `workers` below 1.
    """
    if name not in BACKENDS:
        raise ValueError(f"no executor {name!r}; there are {', '.join(BACKENDS)}")
    if workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")
    if name == "sequential" and timeout_s is not None:
        name, workers = "thread", 1
    where = {} if scheduler is None else {"scheduler": scheduler}
    with ExitStack() as counted:
        if name == "process":  # from before they are started
            workers = counted.enter_context(worker_processes(workers, least=least))
        executor = open_workers(name, workers, timeout_s=timeout_s, **where)
        executor.forget_at_exit()  # what is left of a run then is given up
        try:
            yield executor
        except BaseException:  # nobody waits for the rest any more
            try:
                if winds_down and not (stop is not None and stop.killing):
                    executor.wind_down(WIND_DOWN_S)
            finally:
                executor.kill()
            raise
        if stop is not None and stop.killing:
            executor.kill()
        else:
            executor.shutdown(cancel_futures=True)
