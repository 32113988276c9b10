"""Run calls on the workers of a Dask cluster.

A batch whose worker is lost runs elsewhere, and so does one whose worker has fallen silent; one
that keeps killing workers raises `BatchInterrupted`.
"""

from __future__ import annotations

import asyncio
import pickle
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import BrokenExecutor, Future, wait
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import Any
from uuid import uuid4

import cloudpickle
import distributed
from distributed.scheduler import KilledWorker

from batchmap.clock import SYSTEM_CLOCK
from batchmap.errors import TaskUnusableError, UsageError
from batchmap.executors.base import DispatchCost, WorkerExecutor
from batchmap.executors.dask.address import DaskAddress
from batchmap.executors.dask.cluster import DaskCluster
from batchmap.executors.dask.code_archive import pack_modules
from batchmap.executors.dask.remote_call import BROKEN, ERROR
from batchmap.executors.dask.worker_plugin import ShippedCall
from batchmap.records import ItemFailure
from batchmap.worker.failures import BatchInterrupted

__all__ = ["DaskExecutor"]


LOOK_AFTER_S = 10.0
"""A worker that was not heard from for so long has its batches run elsewhere, too."""

LOOK_EVERY_S = 1.0

ROUND_TRIPS = 5
"""How many empty calls are timed one by one, after a first one that is not."""

TOGETHER = 50
BURSTS = 2
"""How many are then timed at once, and how often: the quicker time counts."""

PATIENCE_S = 2.0
"""How long these may take; more, and the workers are at something else."""


@dataclass(slots=True, eq=False)
class _Call:
    """A call in flight: normally one copy of it, and more while workers are silent."""

    future: Future[Any]
    data: bytes
    looked_at_s: float
    copies: list[Any] = field(default_factory=list)


class DaskExecutor(WorkerExecutor):
    """Run calls on the workers of a Dask cluster.

    With a time limit, an item that takes longer is abandoned, as in a thread, for a thread of a
    Dask worker cannot be killed. The first result of a call counts.
    """

    def __init__(
        self,
        workers: int,
        *,
        timeout_s: float | None = None,
        scheduler: DaskAddress | None = None,
    ) -> None:
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._function: tuple[Any, str] = (None, "")
        self._in_flight: dict[Future[Any], _Call] = {}
        self._stuck: list[Any] = []
        """Copies that a silent worker has, of calls that are done; let go, they make room there."""
        self._at_work: set[Future[None]] = set()
        """What goes on in Dask's event loop."""
        self._closing = False
        self._cluster = DaskCluster(workers, scheduler)
        self._client = self._cluster.client
        try:
            self._archive = self._cluster.ship(pack_modules(), is_archive=True)
            self._dispatch_cost = self._measured_dispatch_cost()
        except BaseException:
            self._closing = True
            self._cluster.close()
            raise
        self._in_loop(self._look_after_silent_workers())

    @property
    def workers(self) -> int:
        """Return how many calls run at once now; workers may have joined or left."""
        return self._cluster.workers

    @property
    def dispatch_cost(self) -> DispatchCost | None:
        """Return what empty calls took when the cluster was opened."""
        return self._dispatch_cost

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
        call = ShippedCall(self._archive, self._shipped_function(fn), arguments, self._timeout_s)
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        in_flight = _Call(future, pickle.dumps(call), SYSTEM_CLOCK.now())
        with self._lock:
            self._in_flight[future] = in_flight
        try:
            self._send(in_flight)
        except (OSError, RuntimeError) as error:
            raise self._cluster.lost() from error
        return future

    def _send(self, call: _Call, workers: list[str] | None = None) -> None:
        """Have one more copy of the call made, by one of `workers` if it can be."""
        remote = self._client.submit(
            pickle.loads,
            call.data,
            key=f"batch-{uuid4().hex}",
            pure=False,
            workers=workers,
            allow_other_workers=workers is not None,
        )
        call.looked_at_s = SYSTEM_CLOCK.now()
        call.copies.append(remote)
        remote.add_done_callback(lambda done: self._take(call, done))

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

    def _take(self, call: _Call, remote: Any) -> None:
        """Settle the call by what became of a copy, unless another one came first."""
        if remote.status == "finished":  # one that cannot be fetched must not keep others back
            self._in_loop(self._fetch(call, remote.key))
            return
        try:
            remote.result()
        except BaseException as error:
            if self._is_first(call):
                call.future.set_exception(self._cause(error))

    async def _fetch(self, call: _Call, key: str) -> None:
        try:
            answer = await self._cluster.fetch(key)
        except Exception as error:
            if self._is_first(call):
                call.future.set_exception(self._cause(error))
            return
        if answer is not None:
            await asyncio.to_thread(self._settle, call, *answer)
        elif call.future in self._in_flight:
            self._send(call)

    def _is_first(self, call: _Call) -> bool:
        """Tell whether the call was still in flight; it is no more."""
        with self._lock:
            if len(call.copies) > 1:
                self._stuck += call.copies
            return self._in_flight.pop(call.future, None) is not None

    def _settle(self, call: _Call, kind: str, payload: bytes) -> None:
        if not self._is_first(call):
            return
        self.carried_bytes += len(payload)
        future = call.future
        try:
            answer = pickle.loads(payload)
        except Exception as error:
            future.set_exception(error)
            return
        if kind == BROKEN:
            failure, place, finished, final = answer
            self.abandoned += 1
            future.set_exception(
                BatchInterrupted(failure, place=place, finished=finished, final=final)
            )
        elif kind == ERROR:
            future.set_exception(answer)
        else:
            future.set_result(answer)

    async def _look_after_silent_workers(self) -> None:
        """Have the calls that silent workers hold made by others, too, for as long as we live.

        To tell the scheduler to drop such a worker would be quicker, but it may only be busy with
        something that lets no other thread run, and is not ours to end.
        """
        while not self._closing:
            await asyncio.sleep(LOOK_EVERY_S)
            due_s = SYSTEM_CLOCK.now() - LOOK_AFTER_S
            late = [call for call in list(self._in_flight.values()) if call.looked_at_s < due_s]
            if not late and not self._stuck:
                continue
            with suppress(Exception):  # the scheduler is lost, which the calls tell
                heard, held = await self._cluster.heard_and_held(
                    [copy.key for call in late for copy in call.copies], LOOK_AFTER_S
                )
                self._stuck = [copy for copy in self._stuck if copy.key in held]
                for call in late if heard else ():
                    if all(copy.key in held for copy in call.copies):
                        self._send(call, heard)

    def _in_loop(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.run_coroutine_threadsafe(work, self._client.loop.asyncio_loop)
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)

    def _measured_dispatch_cost(self) -> DispatchCost | None:
        """Return what empty calls take; `None` when the workers are busy elsewhere."""
        try:
            self._empty_calls_s(1)
            alone_s = median(self._empty_calls_s(1) for _ in range(ROUND_TRIPS))
            together_s = min(self._empty_calls_s(TOGETHER) for _ in range(BURSTS))
            return DispatchCost(alone_s, together_s / TOGETHER)
        except TimeoutError:
            return None

    def _empty_calls_s(self, number: int) -> float:
        start_s = SYSTEM_CLOCK.now()
        futures = [self.submit(int) for _ in range(number)]
        if wait(futures, timeout=PATIENCE_S).not_done:
            for future in futures:
                if (call := self._in_flight.pop(future, None)) is not None:
                    self._client.cancel(call.copies, force=True)
            raise TimeoutError
        return SYSTEM_CLOCK.now() - start_s

    def _cause(self, error: BaseException) -> BaseException:
        """Return what a call that did not come back means for the run."""
        if isinstance(error, KilledWorker):
            told = f"the workers that ran it died; the last was {error.last_worker.address}"
            return BatchInterrupted(ItemFailure("WorkerDied", told, ""), place=None)
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
                dropped, self._in_flight = self._in_flight, {}
            with suppress(Exception):
                copies = [copy for call in dropped.values() for copy in call.copies]
                self._client.cancel([*copies, *self._stuck], force=True)
            for future in dropped:
                future.set_exception(BrokenExecutor("they were given up"))
        for future in list(self._in_flight):
            with suppress(BaseException):
                future.result()
        for task in list(self._at_work):
            task.cancel()
        self._cluster.close()
