"""Workers of a Dask cluster: a local one, or one that is there already.

    submit -> client -> scheduler -> [worker: ShippedCall] -> answer in bytes -> future

Modules and functions are shipped once to every worker, those that join later included. A batch
whose worker is lost runs elsewhere; one that keeps killing workers raises `BatchBroken`.
"""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
import signal
import socket
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future
from contextlib import ExitStack, suppress
from importlib import import_module
from typing import Any
from uuid import uuid4

import cloudpickle

from utils.clock import SYSTEM_CLOCK
from utils.errors import TaskUnusableError, UsageError, WorkersLostError
from utils.executors._archive import pack_modules
from utils.executors._dask_calls import BROKEN, ERROR
from utils.executors._door import WorkerExecutor
from utils.executors._starting import main_out_of_sight, safe_context, signals_held
from utils.failures import BatchBroken
from utils.records import ItemFailure

try:
    distributed: Any = import_module("distributed")
    from distributed.scheduler import KilledWorker

    from utils.executors import _shipping
    from utils.executors._shipping import Shipment, ShippedCall
except ImportError as error:
    raise UsageError(
        f"--backend dask needs a package ({error}); pip install -r requirements-dask.txt"
    ) from error

__all__ = ["DaskExecutor", "open_workers"]

CONNECT_S = 10.0
"""How long a scheduler, and then its first worker, may take to answer."""

COUNT_WORKERS_EVERY_S = 1.0

_DEATHS_ALLOWED = 1
"""After how many deaths of its workers a local cluster gives a batch up; the engine then looks
for the item that is to blame."""


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
        self._shipped: list[str] = []
        self._function: tuple[Any, str] = (None, "")
        self._under_way: dict[Future[Any], Any] = {}
        self._closing = False
        for name in list(logging.root.manager.loggerDict):
            if name.partition(".")[0] == "distributed":  # we tell what matters
                logging.getLogger(name).setLevel(logging.CRITICAL)
        self._told = f"the Dask scheduler at {address}" if address else "the local Dask cluster"
        self._while_open = ExitStack()
        if not address:  # workers that die are started again, so for as long as there are any
            self._while_open.enter_context(main_out_of_sight())
        self._cluster = None if address else _local_cluster(workers)
        try:
            if address is not None:
                _check_answers(address)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # versions are looked at below
                self._client = distributed.Client(
                    address or self._cluster, timeout=CONNECT_S, set_as_default=False
                )
        except (OSError, ValueError, TimeoutError) as error:
            self._while_open.close()
            if self._cluster is not None:
                self._cluster.close()
            raise WorkersLostError(
                f"{self._told} does not answer ({error!s:.200}); check --address"
            ) from error
        try:
            self._client.wait_for_workers(1, timeout=CONNECT_S)
            self._check_versions()
            self._archive = self._ship(pack_modules(), is_archive=True)
        except TimeoutError as error:
            self._close()
            raise WorkersLostError(f"{self._told} has no workers; start some") from error
        except BaseException:
            self._close()
            raise
        self._counted = workers
        self._count_again_s = 0.0

    @property
    def workers(self) -> int:
        """Return how many calls run at once now; workers may have joined or left."""
        now_s = SYSTEM_CLOCK.now()
        if now_s >= self._count_again_s:
            self._count_again_s = now_s + COUNT_WORKERS_EVERY_S
            with suppress(Exception):  # the scheduler is lost, which the calls tell
                if self._client.status == "running":
                    threads = self._client.sync(
                        self._client.scheduler.ncores, callback_timeout=COUNT_WORKERS_EVERY_S
                    )
                    self._counted = max(1, sum(threads.values()))
        return self._counted

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call `fn` in a worker.

        Raises `UsageError` for a function that cannot be pickled, what pickling raises for
        arguments that cannot, `RuntimeError` after the shutdown.
        """
        if kwargs:
            from functools import partial

            fn, kwargs = partial(fn, **kwargs), {}
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
            raise self._lost() from error
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
            name = self._ship(pickled, is_archive=False)
            self._function = (fn, name)
        return name

    def _ship(self, data: bytes, *, is_archive: bool) -> str:
        """Give every worker the data, those that join later included; return its name."""
        name = f"shipped-{hashlib.sha256(data).hexdigest()[:32]}"
        self._client.register_plugin(Shipment(name, data, is_archive=is_archive), name=name)
        self._shipped.append(name)
        return name

    def _check_versions(self) -> None:
        """Raise `UsageError` where the cluster's Python cannot read what this one pickles."""
        seen = self._client.get_versions(packages=[])
        ours = _python_of(seen["client"])
        for name, versions in {"scheduler": seen["scheduler"], **seen["workers"]}.items():
            if versions and _python_of(versions) != ours:
                raise UsageError(
                    f"{self._told}: Python {_python_of(versions)} at {name} and {ours} here; "
                    "run the same version on all machines"
                )

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
        if isinstance(error, distributed.CancelledError) or self._client.status != "running":
            return self._lost()
        return TaskUnusableError(
            f"a Dask worker cannot run the task: {type(error).__name__}: {error!s:.200}"
        )

    def _lost(self) -> WorkersLostError:
        return WorkersLostError(f"{self._told} is lost; --resume goes on with another one")

    def kill(self) -> None:
        """Take back what was submitted; a local cluster is killed, another goes on without us."""
        if self._cluster is not None:
            for nanny in self._cluster.workers.values():
                nanny.auto_restart = False
                with suppress(ProcessLookupError, TypeError):  # it has ended, or not begun
                    os.kill(nanny.pid, signal.SIGKILL)
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
        self._close()

    def _close(self) -> None:
        with suppress(Exception):
            for name in self._shipped if self._client.status == "running" else ():
                self._client.unregister_worker_plugin(name)
        with suppress(Exception):
            self._client.close(timeout=2)
        if self._cluster is not None:
            with suppress(Exception):
                self._cluster.close(timeout=5)
        self._while_open.close()


def _python_of(versions: dict[str, Any]) -> str:
    """Return the version of Python, as far as it says what can be unpickled."""
    return ".".join(map(str, tuple(versions["host"]["python"].split("."))[:2]))


def _check_answers(address: str) -> None:
    """Raise `OSError` at once where nobody listens; Dask goes on trying."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_S).close()


def _local_cluster(workers: int) -> Any:
    with signals_held(safe_context()):
        import dask

        with dask.config.set({"distributed.scheduler.allowed-failures": _DEATHS_ALLOWED}):
            return distributed.LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                dashboard_address="127.0.0.1:0",
                scheduler_kwargs={"dashboard": False},
                host="127.0.0.1",
                silence_logs=50,
                memory_limit=0,
            )


cloudpickle.register_pickle_by_value(_shipping)


def open_workers(
    workers: int, *, timeout_s: float | None = None, address: str | None = None
) -> DaskExecutor:
    """Return an executor on so many workers of a local cluster, or on the cluster at `address`."""
    return DaskExecutor(workers, timeout_s=timeout_s, address=address)
