"""Workers that are kept between calls of the library, and lent to each of them.

pool.lend() -> LentExecutor.submit -> the pool's executor -> workers
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal, Self

from batchmap.backends import BACKENDS
from batchmap.concurrency import WorkerBounds
from batchmap.core_sharing import worker_processes
from batchmap.errors import WorkersLostError
from batchmap.executors import DispatchCost, WorkerExecutor, open_workers
from batchmap.executors.base import WIND_DOWN_S
from batchmap.options.option_row import OptionError
from batchmap.options.values import choice, timeout_s
from batchmap.options.worker_values import workers
from batchmap.stopping import StopRequest, Urgency
from batchmap.worker.worker_function import FunctionWithSetup, with_setup
from batchmap.worker.worker_scope import held_in_process

if TYPE_CHECKING:
    from batchmap.worker.setup import Setup

__all__ = ["PoolBackend", "WorkerPool", "taken_from"]

PoolBackend = Literal["process", "thread", "async", "dask"]

_BACKENDS = tuple(name for name in BACKENDS if name != "sequential")

_CLOSED = "the pool is closed; make another one"

_inside: ContextVar[frozenset[str]] = ContextVar("_inside", default=frozenset())
"""The tokens of the pools whose workers run the code that reads it."""


class WorkerPool:
    """Workers that `parallel_map` and the others use by `pool=`, and that stay until it is closed.

        with WorkerPool(backend="process", workers=4) as pool:
            for page in pages:
                parallel_map(parse, page, pool=pool)

    `workers` is a number, or `"50%"` of the usable cores; `timeout_s` limits the time of each item
    of every call, in seconds. The workers start with the first call, or with the block. Several
    threads may use the pool at once; their batches take turns. A worker that dies is replaced. A
    set-up is called once in each worker for all calls that give the same function as `setup`, and
    is undone when the pool is closed.

    A call inside an item that the pool's workers run is done in place, where it would else wait for
    workers that wait for it; so is one in another process, such as a fork. Raises `ValueError` for
    options out of range, `WorkersLostError` when workers cannot be had.
    """

    def __init__(
        self,
        backend: PoolBackend = "process",
        workers: int | str = "auto",
        *,
        timeout_s: float | None = None,
    ) -> None:
        self.backend, number, self.timeout_s = _checked(backend, workers, timeout_s)
        self.workers = BACKENDS[backend].default_workers() if number is None else number
        self._least = 1 if number is None else None
        self._process_id = os.getpid()
        self._token = os.urandom(8).hex()
        self._lock = threading.RLock()
        self._executor: WorkerExecutor | None = None
        self._opened = ExitStack()
        self._counted = ExitStack()
        """The count of its processes, as long as it has them."""
        self._setups: dict[Any, Setup] = {}
        self._is_closed = False

    def __enter__(self) -> Self:
        self._open_executor()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._close(kills=kind is not None)

    def close(self) -> None:
        """End the workers, once they have done what they were given; further calls are refused.

        A call of another thread that is not done by then raises `WorkersLostError`.
        """
        self._close(kills=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return _elsewhere, (self.backend, self.workers, self.timeout_s)

    # For the calls that use it --------------------------------------------------------------

    @property
    def is_usable_here(self) -> bool:
        """Whether its workers can do what is asked for here; else it is to be done in place.

        Raises `RuntimeError` when it is closed.
        """
        if self._process_id != os.getpid() or self._token in _inside.get():
            return False
        if self._is_closed:
            raise RuntimeError(_CLOSED)
        return True

    def known(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Return `function` with its set-up as the one that workers have called already, if any."""
        if not isinstance(function, FunctionWithSetup):
            return function
        setup = function.setup
        key: tuple[Any, str]
        try:
            key = setup.function, setup.per
            hash(key)
        except TypeError:  # it is known by itself, and kept so that nothing else gets its identity
            key = id(setup.function), setup.per
        with self._lock:
            if key not in self._setups:
                self._setups[key] = setup
                if setup.per == "process":
                    self._opened.enter_context(held_in_process(setup))
            return with_setup(function.function, self._setups[key])

    @contextmanager
    def lend(self, stop: StopRequest | None) -> Iterator[WorkerExecutor]:
        """Lend the workers to a call.

        Where it is left early, batches that run in this process end after their item, as `stop`
        tells them, and those in other processes are done to their end.
        """
        try:
            yield LentExecutor(self)
        except BaseException:
            if stop is not None:
                stop.request(Urgency.DRAIN)
            raise

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Have a worker call `fn`; raises `WorkersLostError` when the pool was closed meanwhile."""
        with self._lock:  # executors keep what they pickled last
            executor = self._open_executor()
            token = _inside.set(_inside.get() | {self._token})
            try:
                return executor.submit(fn, *args, **kwargs)
            finally:
                _inside.reset(token)

    @property
    def executor(self) -> WorkerExecutor:
        """The executor that has the workers now."""
        with self._lock:
            return self._open_executor()

    # Its executor ---------------------------------------------------------------------------

    def _open_executor(self) -> WorkerExecutor:
        with self._lock:
            if self._is_closed:
                raise WorkersLostError(_CLOSED)
            if self._executor is not None and self._executor.is_broken:
                self._executor.kill()
                self._executor = None
                self._counted.close()
            if self._executor is None:
                with ExitStack() as counted:
                    if self.backend == "process":
                        processes = worker_processes(self.workers, least=self._least)
                        self.workers = counted.enter_context(processes)
                    self._executor = self._started()
                    self._counted = counted.pop_all()
            return self._executor

    def _started(self) -> WorkerExecutor:
        token = _inside.set(_inside.get() | {self._token})  # for the loop's thread
        try:
            executor = open_workers(self.backend, self.workers, timeout_s=self.timeout_s)
        finally:
            _inside.reset(token)
        executor.forget_at_exit()
        return executor

    def _close(self, *, kills: bool) -> None:
        if self._process_id != os.getpid():
            return
        with self._lock:
            self._is_closed = True
            executor, self._executor = self._executor, None
        try:
            if executor is not None and kills:
                if self._setups:
                    executor.wind_down(WIND_DOWN_S)
                executor.kill()
            elif executor is not None:
                executor.shutdown()
        finally:
            self._counted.close()
            self._opened.close()
            self._setups.clear()


def _checked(backend: Any, number: Any, limit_s: Any) -> tuple[str, int | None, float | None]:
    errors = []
    values: list[Any] = [None, None, None]
    readers = (
        (choice(_BACKENDS), backend, "backend"),
        (workers, number, "workers"),
        (timeout_s, limit_s, "timeout_s"),
    )
    for at, (parse, raw, name) in enumerate(readers):
        try:
            values[at] = None if raw is None and name == "timeout_s" else parse(raw, name)
        except OptionError as error:
            errors.append(str(error))
    if isinstance(values[1], WorkerBounds):
        errors.append(f"workers={values[1]}: a pool has as many as it is made with; give a number")
    if errors:
        raise ValueError("; ".join(errors))
    return values[0], values[1], values[2]


def taken_from(
    pool: Any, backend: str, number: int | str, limit_s: float | None
) -> tuple[str, int | str, float | None]:
    """Return backend, workers and time limit of a call with `pool`, which gave these beside it.

    Raises `ValueError` where they are not those of the pool, `RuntimeError` where it is closed.
    """
    if not isinstance(pool, WorkerPool):
        raise ValueError(f"pool must be a WorkerPool, got {pool!r:.60}")
    given = {"backend": backend, "workers": number, "timeout_s": limit_s}
    for name, value in given.items():
        if value not in ("auto", None, getattr(pool, name)):
            raise ValueError(
                f"{name}={value!r:.60} with pool: that is the pool's; give it to WorkerPool and "
                "leave it out here"
            )
    if pool.is_usable_here:
        return pool.backend, pool.workers, pool.timeout_s
    return "sequential", "auto", pool.timeout_s


def _elsewhere(backend: PoolBackend, number: int, limit_s: float | None) -> WorkerPool:
    """Return a pool that is not of this process, whose calls are done in place."""
    pool = WorkerPool(backend, number, timeout_s=limit_s)
    pool._process_id = 0
    return pool


class LentExecutor(WorkerExecutor):
    """The workers of a pool as one call sees them, which neither ends nor kills them."""

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool

    @property
    def abandoned(self) -> int:
        """Return how many workers of the pool were given up so far."""
        return self._pool.executor.abandoned

    @property
    def carried_bytes(self) -> int:
        """Return how many bytes went to the pool's workers and came back, of all calls."""
        return self._pool.executor.carried_bytes

    @property
    def workers(self) -> int | None:
        """Return how many calls can run at once now; `None` where it stays what was asked for."""
        return self._pool.executor.workers

    @property
    def dispatch_cost(self) -> DispatchCost | None:
        """Return what a call was measured to cost, `None` where it was not measured."""
        return self._pool.executor.dispatch_cost

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Have a worker of the pool call `fn`."""
        return self._pool.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Give the workers back."""
