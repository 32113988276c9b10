"""Runs calls on the workers of a Dask cluster.

A call whose worker is lost runs elsewhere, and so does one whose worker is silent; one that keeps
crashing workers raises `BatchInterrupted`.
"""

from __future__ import annotations

import asyncio
import math
import pickle
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import BrokenExecutor, Future
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import uuid4

import distributed
from distributed.scheduler import KilledWorker

from batchmap.clock import SYSTEM_CLOCK
from batchmap.errors import TaskUnusableError
from batchmap.executors.base import DispatchCost, WorkerExecutor
from batchmap.executors.dask.address import DaskAddress
from batchmap.executors.dask.cluster import CLOSE_S, DaskCluster
from batchmap.executors.dask.code_archive import pack_modules
from batchmap.executors.dask.dispatch_cost import measure_dispatch_cost
from batchmap.executors.dask.remote_call import ERROR, INTERRUPTED
from batchmap.executors.dask.worker_plugin import LEAVE_S, ShippedCall
from batchmap.executors.pickling import call_error, dumps, pickled_arguments, pickled_function
from batchmap.records import ItemFailure
from batchmap.unpickling import loads
from batchmap.worker.failures import BatchInterrupted
from batchmap.worker.worker_function import has_setup

__all__ = ["DaskExecutor"]

SILENCE_S = 10.0
"""A worker that was not heard from for so long has its calls made by others, too."""

SILENCE_CHECK_S = 1.0
"""How often it is checked whether workers are silent."""


@dataclass(slots=True, eq=False)
class _Call:
    """A call in flight: one copy of it, and more where workers are silent."""

    future: Future[Any]
    data: bytes
    """A `ShippedCall`, pickled."""
    sent_s: float
    """When the newest copy was sent."""
    copies: list[Any] = field(default_factory=list)
    """Dask's futures."""


class DaskExecutor(WorkerExecutor):
    """Runs calls on the workers of a Dask cluster; the first answer to a call counts.

    With a time limit, an item that takes longer is abandoned: it runs in a thread of a Dask worker,
    which cannot be killed.
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
        """The function that was submitted last, and its name on the workers."""
        self._carried_bytes = 0
        self._in_flight: dict[Future[Any], _Call] = {}
        self._stuck: list[Any] = []
        """Copies of finished calls that a silent worker holds; to release them would make room for
        new calls there."""
        self._loop_tasks: set[Future[None]] = set()
        """What runs for this executor in Dask's event loop."""
        self._abandoned = 0
        self._close_within_s = math.inf
        self._closing = False
        self._cluster = DaskCluster(workers, scheduler)
        self._client = self._cluster.client
        try:
            self._archive = self._cluster.ship(pack_modules(), is_archive=True)
            self._dispatch_cost = measure_dispatch_cost(self.submit, self._drop)
        except BaseException:
            self._closing = True
            self._cluster.close()
            raise
        self._in_loop(self._resend_from_silent_workers())

    @property
    def carried_bytes(self) -> int:
        """Return how many bytes of calls and answers went to the workers and came back."""
        return self._carried_bytes

    @property
    def abandoned(self) -> int:
        """Return how many items were abandoned, each of which has a thread of a Dask worker."""
        return self._abandoned

    @property
    def begins_once(self) -> bool:
        """Tell that Dask makes calls again when it loses a worker, and that clocks may differ."""
        return False

    @property
    def workers(self) -> int:
        """Return how many calls run at once now; workers may have joined or left."""
        return self._cluster.workers

    @property
    def dispatch_cost(self) -> DispatchCost | None:
        """Return what empty calls took when the executor was opened."""
        return self._dispatch_cost

    @property
    def is_broken(self) -> bool:
        """Tell whether the scheduler is lost."""
        return not self._closing and not self._cluster.is_running

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call `fn` in a worker.

        What pickling the arguments raises is set on the future. Raises `UsageError` for a function
        that cannot be pickled, `RuntimeError` after the shutdown.
        """
        if kwargs:
            fn = partial(fn, **kwargs)
        if self._closing:
            raise RuntimeError("cannot submit after shutdown")
        future: Future[Any] = Future()
        if (arguments := pickled_arguments(args, dumps, future)) is None:
            return future
        self._carried_bytes += len(arguments)
        call = ShippedCall(self._archive, self._shipped_function(fn), arguments, self._timeout_s)
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
        """Send one more copy of the call, to one of `workers` if that can be."""
        remote = self._client.submit(
            pickle.loads,
            call.data,
            key=f"batch-{uuid4().hex}",
            pure=False,
            workers=workers,
            allow_other_workers=workers is not None,
        )
        call.sent_s = SYSTEM_CLOCK.now()
        call.copies.append(remote)
        remote.add_done_callback(lambda done: self._take(call, done))

    def _shipped_function(self, fn: Callable[..., Any]) -> str:
        known, name = self._function
        if known != fn:
            pickled = pickled_function(fn, dumps, destination="another machine")
            drop_s = LEAVE_S if has_setup(fn) else CLOSE_S
            name = self._cluster.ship(pickled, is_archive=False, dropped_within_s=drop_s)
            self._function = (fn, name)
        return name

    def _take(self, call: _Call, remote: Any) -> None:
        """Settle the call by what came of a copy, unless another copy was first."""
        if remote.status != "finished":
            try:
                remote.result()
            except BaseException as error:
                if self._is_first(call):
                    call.future.set_exception(self._cause(error))
                return
            # It had finished, was lost with its worker, and has been computed again meanwhile.
        # In the loop, as a result that cannot be fetched must not hold up others.
        self._in_loop(self._fetch(call, remote.key))

    async def _fetch(self, call: _Call, key: str) -> None:
        try:
            answer = await self._cluster.fetch(key)
        except Exception as error:
            if self._is_first(
                call
            ):  # an `OSError` is the connection's: the function's is an answer
                is_lost = isinstance(error, OSError)
                call.future.set_exception(self._cluster.lost() if is_lost else self._cause(error))
            return
        if answer is not None:
            await asyncio.to_thread(self._settle, call, *answer)
        elif call.future in self._in_flight:
            self._send(call)

    def _is_first(self, call: _Call) -> bool:
        """Take the call out of those in flight; tell whether it was still among them."""
        with self._lock:
            if len(call.copies) > 1:
                self._stuck += call.copies
            return self._in_flight.pop(call.future, None) is not None

    def _settle(self, call: _Call, kind: str, payload: bytes) -> None:
        if not self._is_first(call):
            return
        self._carried_bytes += len(payload)
        future = call.future
        try:
            answer = loads(payload)
        except BaseException as error:
            future.set_exception(call_error(error))
            return
        if kind == INTERRUPTED:
            failure, offset, finished, final = answer
            self._abandoned += 1
            future.set_exception(
                BatchInterrupted(failure, offset=offset, finished=finished, final=final)
            )
        elif kind == ERROR:
            future.set_exception(answer)
        else:
            future.set_result(answer)

    async def _resend_from_silent_workers(self) -> None:
        """Have the calls that silent workers hold made by others, too, until the shutdown.

        Dask could be told to drop such a worker, which would be quicker. But it may only be busy
        with what lets no other thread run, and other users of the cluster may wait for it.
        """
        while not self._closing:
            await asyncio.sleep(SILENCE_CHECK_S)
            due_s = SYSTEM_CLOCK.now() - SILENCE_S
            late = [call for call in list(self._in_flight.values()) if call.sent_s < due_s]
            if not late and not self._stuck:
                continue
            with suppress(Exception):  # the scheduler is lost, and so are the calls, which raise it
                answering, held = await self._cluster.answering_and_held(
                    [copy.key for call in late for copy in call.copies], SILENCE_S
                )
                self._stuck = [copy for copy in self._stuck if copy.key in held]
                for call in late if answering else ():
                    if all(copy.key in held for copy in call.copies):
                        self._send(call, answering)

    def _in_loop(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.run_coroutine_threadsafe(work, self._client.loop.asyncio_loop)
        self._loop_tasks.add(task)
        task.add_done_callback(self._loop_tasks.discard)

    def _drop(self, futures: list[Future[Any]]) -> None:
        """Cancel those of the calls that are in flight."""
        for future in futures:
            if (call := self._in_flight.pop(future, None)) is not None:
                self._client.cancel(call.copies, force=True)

    def _cause(self, error: BaseException) -> BaseException:
        """Return what to raise for a call that got no answer."""
        if isinstance(error, KilledWorker):
            why = f"the workers that ran it crashed; the last was {error.last_worker.address}"
            return BatchInterrupted(ItemFailure("WorkerDied", why, ""), offset=None)
        if isinstance(error, distributed.CancelledError) or not self._cluster.is_running:
            return self._cluster.lost()
        return TaskUnusableError(
            f"a Dask worker cannot run the task: {type(error).__name__}: {error!s:.200}"
        )

    def wind_down(self, within_s: float) -> None:
        """Cancel what was submitted, and wait so long for workers to undo their set-up."""
        self._close_within_s = within_s
        self.shutdown(cancel_futures=True)

    def kill(self) -> None:
        """Cancel what was submitted; a local cluster is killed, any other goes on running."""
        self._cluster.kill()
        self.shutdown(wait=False, cancel_futures=True)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; with `wait`, return when those that run have ended."""
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
                future.set_exception(BrokenExecutor("they were cancelled"))
        for future in list(self._in_flight):
            with suppress(BaseException):
                future.result()
        for task in list(self._loop_tasks):
            task.cancel()
        self._cluster.close(self._close_within_s)
