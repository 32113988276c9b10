"""Run calls on the workers of a Dask cluster.

A batch whose worker is lost runs elsewhere; one that keeps killing workers raises `BatchBroken`.
"""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import uuid4

import cloudpickle
import distributed
from distributed.scheduler import KilledWorker

from utils.errors import TaskUnusableError, UsageError
from utils.executors._dask._archive import pack_modules
from utils.executors._dask._calls import BROKEN, ERROR
from utils.executors._dask._cluster import DaskCluster
from utils.executors._dask._shipping import ShippedCall
from utils.executors._door import WorkerExecutor
from utils.failures import BatchBroken
from utils.records import ItemFailure

__all__ = ["DaskExecutor"]


class DaskExecutor(WorkerExecutor):
    """Run calls on the workers of a Dask cluster.

    With a time limit, an item that takes longer is abandoned, as in a thread, for a thread of a
    Dask worker cannot be killed.
    """

    def __init__(
        self, workers: int, *, timeout_s: float | None = None, address: str | None = None
    ) -> None:
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._function: tuple[Any, str] = (None, "")
        self._under_way: dict[Future[Any], Any] = {}
        self._closing = False
        self._cluster = DaskCluster(workers, address)
        self._client = self._cluster.client
        try:
            self._archive = self._cluster.ship(pack_modules(), is_archive=True)
        except BaseException:
            self._cluster.close()
            raise

    @property
    def workers(self) -> int:
        """Return how many calls run at once now; workers may have joined or left."""
        return self._cluster.workers

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call `fn` in a worker.

        Raises `UsageError` for a function that cannot be pickled, what pickling raises for
        arguments that cannot, `RuntimeError` after the shutdown.
        """
        if kwargs:
            fn = partial(fn, **kwargs)
        if self._closing:
            raise RuntimeError("cannot submit after shutdown")
        arguments = cloudpickle.dumps(args)
        self.carried_bytes += len(arguments)
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        try:
            remote = self._client.submit(
                pickle.loads,
                pickle.dumps(
                    ShippedCall(
                        self._archive, self._shipped_function(fn), arguments, self._timeout_s
                    )
                ),
                key=f"batch-{uuid4().hex}",
                pure=False,
            )
        except (OSError, RuntimeError) as error:
            raise self._cluster.lost() from error
        with self._lock:
            self._under_way[future] = remote
        remote.add_done_callback(lambda done: self._settle(future, done))
        return future

    def _shipped_function(self, fn: Callable[..., Any]) -> str:
        known, name = self._function
        if known != fn:
            try:
                pickled = cloudpickle.dumps(fn)
            except Exception as error:
                raise UsageError(
                    f"the function cannot go to another machine ({type(error).__name__}: "
                    f"{error!s:.200}); the thread backend needs no such journey"
                ) from error
            name = self._cluster.ship(pickled, is_archive=False)
            self._function = (fn, name)
        return name

    def _settle(self, future: Future[Any], remote: Any) -> None:
        with self._lock:
            if self._under_way.pop(future, None) is None:
                return
        try:
            kind, payload = remote.result()
        except BaseException as error:
            future.set_exception(self._cause(error))
            return
        self.carried_bytes += len(payload)
        try:
            answer = pickle.loads(payload)
        except Exception as error:
            future.set_exception(error)
            return
        if kind == BROKEN:
            failure, place, finished, final = answer
            self.abandoned += 1
            future.set_exception(BatchBroken(failure, place=place, finished=finished, final=final))
        elif kind == ERROR:
            future.set_exception(answer)
        else:
            future.set_result(answer)

    def _cause(self, error: BaseException) -> BaseException:
        """Return what a call that did not come back means for the run."""
        if isinstance(error, KilledWorker):
            told = f"the workers that ran it died; the last was {error.last_worker.address}"
            return BatchBroken(ItemFailure("WorkerDied", told, ""), place=None)
        if isinstance(error, distributed.CancelledError) or not self._cluster.is_running:
            return self._cluster.lost()
        return TaskUnusableError(
            f"a Dask worker cannot run the task: {type(error).__name__}: {error!s:.200}"
        )

    def kill(self) -> None:
        """Take back what was submitted; a local cluster is killed, another goes on without us."""
        self._cluster.kill()
        self.shutdown(wait=False, cancel_futures=True)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; with `wait`, come back when those that run have ended."""
        if self._closing:
            return
        self._closing = True
        if not wait or cancel_futures:
            with self._lock:
                dropped, self._under_way = self._under_way, {}
            with suppress(Exception):
                self._client.cancel(list(dropped.values()), force=True)
            for future in dropped:
                future.set_exception(BrokenExecutor("they were given up"))
        for future in list(self._under_way):
            with suppress(BaseException):
                future.result()
        self._cluster.close()
