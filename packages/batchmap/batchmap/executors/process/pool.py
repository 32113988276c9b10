"""Runs calls on worker processes, which can be killed one by one.

    submit -> dispatcher (a thread) -> [worker process] -> dispatcher -> future

This is the executor itself: it pickles what it is given. `dispatcher` passes calls on, `worker_set`
has the processes.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from batchmap.errors import WorkersLostError
from batchmap.executors.base import WorkerExecutor
from batchmap.executors.pickling import dumps, pickled_function
from batchmap.executors.process.dispatcher import Dispatcher
from batchmap.executors.process.spawn import processes_unavailable
from batchmap.executors.process.worker_handle import Call

__all__ = ["ProcessExecutor", "open_workers"]


class ProcessExecutor(WorkerExecutor):
    """Runs calls on so many processes; a batch whose worker crashes raises `BatchInterrupted`.

    Functions may be lambdas and closures. With a time limit, a worker is killed when its item takes
    longer. A worker that keeps growing is replaced between two calls: see `work`, which explains
    `max_growth_bytes`. Workers are forked where that is safe, that is before this process has a
    second thread, and else come from a server without threads.
    """

    def __init__(
        self,
        workers: int,
        *,
        timeout_s: float | None = None,
        max_growth_bytes: int | None = None,
    ) -> None:
        self._function: tuple[Any, bytes] = (None, b"")
        """The function that was submitted last, and pickled."""
        self._dispatcher = Dispatcher(
            workers, timeout_s=timeout_s, max_growth_bytes=max_growth_bytes
        )

    @property
    def carried_bytes(self) -> int:
        """Return how many bytes went to the workers and came back."""
        return self._dispatcher.carried_bytes

    @property
    def ready(self) -> bool:
        """Tell whether a worker has started up."""
        return self._dispatcher.ready

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call `fn` in a worker.

        Raises `UsageError` for a function that cannot be pickled, what pickling raises for
        arguments that cannot, `RuntimeError` after the shutdown, and `BrokenExecutor` when workers
        do not start.
        """
        if kwargs:
            from functools import partial

            fn, kwargs = partial(fn, **kwargs), {}
        known, pickled = self._function
        if known != fn:
            pickled = pickled_function(fn, destination="another process")
            self._function = (fn, pickled)
        call = Call(pickled, dumps(args), Future())
        self._dispatcher.add(call)
        return call.future

    def kill(self) -> None:
        """Kill the workers at once; cancel what waits; what runs raises `BatchInterrupted`."""
        self.shutdown(wait=False, cancel_futures=True)
        self._dispatcher.kill()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; with `wait`, return when the workers have ended."""
        self._dispatcher.close(cancel_waiting=cancel_futures)
        if wait:
            self._dispatcher.join()


def open_workers(workers: int, *, timeout_s: float | None = None) -> ProcessExecutor:
    """Return an executor of so many processes; raises `WorkersLostError` when there can be none."""
    if reason := processes_unavailable():
        raise WorkersLostError(reason, advice="try {backend:thread}")
    try:
        return ProcessExecutor(workers, timeout_s=timeout_s)
    except OSError as error:
        raise WorkersLostError(
            f"no worker process can be started ({error.strerror})", advice="try {backend:thread}"
        ) from error
