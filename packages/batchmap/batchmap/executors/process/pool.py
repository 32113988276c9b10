"""Runs calls on worker processes, which can be killed one by one.

    submit -> dispatcher (a thread) -> [worker process] -> dispatcher -> future

This is the executor itself: it pickles what it is given. `dispatcher` passes calls on, `worker_set`
has the processes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from functools import partial
from itertools import islice
from typing import Any

from batchmap.errors import WorkersLostError
from batchmap.executors.at_exit import forget_at_exit, when_dropped, work_off_at_exit
from batchmap.executors.base import WorkerExecutor, check_same_process, number_of_workers
from batchmap.executors.call_future import CallFuture
from batchmap.executors.pickling import pickled_arguments, pickled_function
from batchmap.executors.process.caller_streams import flush_shared_streams
from batchmap.executors.process.dispatcher import Dispatcher
from batchmap.executors.process.payload import Payload, dumped_arguments, dumped_function
from batchmap.executors.process.spawn import processes_unavailable
from batchmap.executors.process.worker_handle import Call
from batchmap.worker.processor import BatchProcessor

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
        max_workers: int | None = None,
        *,
        timeout_s: float | None = None,
        max_growth_bytes: int | None = None,
    ) -> None:
        self._last: tuple[Any, Payload | None] = (None, None)
        """The function of the last batch, `None` for another call's; and what was pickled."""
        self._process_id = os.getpid()
        self._workers = number_of_workers(max_workers, "process")
        self._dispatcher = Dispatcher(
            self._workers,
            timeout_s=timeout_s,
            max_growth_bytes=max_growth_bytes,
        )
        self._finalizer = when_dropped(self, self._dispatcher)
        work_off_at_exit(self._dispatcher)

    @property
    def workers(self) -> int:
        """Return how many processes there are; one that ends is replaced."""
        return self._workers

    @property
    def carried_bytes(self) -> int:
        """Return how many bytes went to the workers and came back."""
        return self._dispatcher.carried_bytes

    @property
    def ready(self) -> bool:
        """Tell whether a worker would begin a call at once, of what was prepared."""
        return self._dispatcher.ready

    @property
    def unloadable(self) -> str:
        """Return why a worker could not load a function; empty where all could."""
        return self._dispatcher.unloadable

    def prepare(self, fn: Callable[..., Any]) -> None:
        """Have the workers load `fn` as they start; raises `UsageError` as `submit` does."""
        self._dispatcher.prepare(self._pickled(fn))

    @property
    def is_broken(self) -> bool:
        """Tell whether it can make no calls any more, though it was not shut down."""
        return bool(self._dispatcher.broken)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call `fn` in a worker.

        Raises `UsageError` for a function that cannot be pickled, `RuntimeError` after the
        shutdown, and `BrokenProcessPool` when workers do not start; the future, what pickling the
        arguments raises, and `BrokenProcessPool` when its worker dies.
        """
        check_same_process(self._process_id)
        if kwargs:
            fn, kwargs = partial(fn, **kwargs), {}
        pickled = self._pickled(fn)
        future = CallFuture()
        arguments = pickled_arguments(args, dumped_arguments, future)
        if arguments is not None:
            flush_shared_streams()
            self._dispatcher.add(Call(pickled, arguments, future))
        return future

    def _pickled(self, fn: Callable[..., Any]) -> Payload:
        """Return `fn` pickled: once for all batches of a run, and else as it is at each call.

        What is pickled as the last time is the same object, which workers have then.
        """
        known, last = self._last  # at once: other threads may call
        if last is not None and known == fn:
            return last
        pickled = pickled_function(fn, dumped_function, destination="another process")
        if last is not None and last.holds_same(pickled):
            pickled = last
        is_of_batch = isinstance(getattr(fn, "__self__", None), BatchProcessor)
        self._last = (fn if is_of_batch else None, pickled)
        return pickled

    def map(
        self,
        fn: Callable[..., Any],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        **options: Any,
    ) -> Iterator[Any]:
        """Return an iterator of what `fn` returns, in order; a call of a worker makes `chunksize`.

        `options` are those that `Executor.map` has beside. Raises `ValueError` for a `chunksize`
        below 1.
        """
        if chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        if chunksize == 1:
            return super().map(fn, *iterables, timeout=timeout, **options)
        chunks = _chunks(zip(*iterables, strict=False), chunksize)
        lists = super().map(partial(_call_for_each, fn), chunks, timeout=timeout, **options)
        return _one_by_one(lists)

    def begin_no_more(self) -> None:
        """Have the batches that workers have got end before their next item."""
        self._dispatcher.begin_no_more()

    def begin_again(self) -> None:
        """Have them go on, and those of batches to come."""
        self._dispatcher.begin_again()

    def wind_down(self, within_s: float) -> None:
        """Cancel what waits, end batches after the item that runs, and wait so long for workers."""
        self.begin_no_more()
        self.shutdown(wait=False, cancel_futures=True)
        self._dispatcher.join(within_s)

    def kill(self) -> None:
        """Kill the workers at once; cancel what waits; what runs raises `BatchInterrupted`."""
        self.shutdown(wait=False, cancel_futures=True)
        self._dispatcher.kill()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; with `wait`, return when the workers have ended."""
        self._finalizer.detach()
        self._last = (None, None)
        self._dispatcher.close(cancel_waiting=cancel_futures)
        if wait:
            self._dispatcher.join()

    def forget_at_exit(self) -> None:
        """Have the interpreter exit without waiting for what was submitted."""
        forget_at_exit(self._dispatcher)


def _chunks(items: Iterator[Any], size: int) -> Iterator[list[Any]]:
    while chunk := list(islice(items, size)):
        yield chunk


def _call_for_each(function: Callable[..., Any], chunk: list[Any]) -> list[Any]:
    return [function(*arguments) for arguments in chunk]


def _one_by_one(lists: Iterator[list[Any]]) -> Iterator[Any]:
    for results in lists:
        results.reverse()
        while results:
            yield results.pop()  # so that a result lives no longer than its reader needs it


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
