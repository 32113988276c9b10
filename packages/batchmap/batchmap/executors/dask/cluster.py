"""A Dask cluster that we are connected to: what is shipped to it, and how it fares."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from typing import Any

import cloudpickle

from batchmap.clock import SYSTEM_CLOCK
from batchmap.errors import UsageError, WorkersLostError
from batchmap.executors.dask import worker_plugin
from batchmap.executors.dask.address import DaskAddress
from batchmap.executors.dask.connection import CONNECT_S, connect, silence_logs, start_local
from batchmap.executors.dask.worker_plugin import Shipment
from batchmap.executors.process.spawn import main_out_of_sight

__all__ = ["DaskCluster"]

LEAVE_S = 2.0
"""How long each step of the leave-taking may take."""

ASK_AGAIN_S = 1.0
"""How long the fetching of a result may take before it is looked whether its worker is alive."""

SHIP_TRIES = 3

COUNT_WORKERS_EVERY_S = 1.0

cloudpickle.register_pickle_by_value(worker_plugin)


class DaskCluster:
    """Connect to the cluster of `scheduler`, or start one with so many workers.

    Raises `WorkersLostError` for one that does not answer or start, `UsageError` for one whose
    Python is of another version.
    """

    def __init__(self, workers: int, scheduler: DaskAddress | None) -> None:
        self.told = (
            f"the Dask scheduler at {scheduler.address}" if scheduler else "the local Dask cluster"
        )
        self._shipped: list[str] = []
        self._local: Any = None
        self._counted = workers
        self._count_again_s = 0.0
        silence_logs()
        with ExitStack() as opening:
            if scheduler is None:  # workers that die are started again, so for as long as it lasts
                opening.enter_context(main_out_of_sight())
                self._local = start_local(self.told, workers)
                opening.callback(self._end_local)
            self.client = connect(self.told, scheduler, self._local)
            opening.callback(self._disconnect)
            self._wait_for_workers()
            self._check_versions()
            self._leaving = opening.pop_all()

    def ship(self, data: bytes, *, is_archive: bool) -> str:
        """Give every worker the data, those that join later included; return its name."""
        name = f"shipped-{hashlib.sha256(data).hexdigest()[:32]}"
        shipment = Shipment(name, data, is_archive=is_archive)
        self._shipped.append(name)
        for _ in range(SHIP_TRIES):
            try:
                self._answer_of_all(lambda: self.client.register_plugin(shipment, name=name))
                return name
            except OSError as error:  # a worker has died meanwhile
                if not self.is_running:
                    raise self.lost() from error
        raise WorkersLostError(f"{self.told} loses its workers while they are given the files")

    def _answer_of_all(self, ask: Callable[[], Any]) -> Any:
        """Return what `ask` comes to, for which every worker must answer.

        Raises `WorkersLostError` where one has fallen silent: it would be waited for without end.
        """

        async def answer() -> Any:
            return await ask()

        task = asyncio.run_coroutine_threadsafe(answer(), self.client.loop.asyncio_loop)
        while True:
            try:
                return task.result(timeout=CONNECT_S)
            except TimeoutError:
                if task.done():
                    raise
                silent = self.client.sync(self.silent, CONNECT_S)
                if silent:
                    task.cancel()
                    raise WorkersLostError(
                        f"{self.told} has not heard from {', '.join(sorted(silent))} for over "
                        f"{CONNECT_S:.0f} s; end that worker, or wait until it is given up"
                    ) from None

    async def silent(self, silence_s: float) -> set[str]:
        """Return the workers that the scheduler has not heard from within `silence_s`.

        Its clock need not be ours, for what counts is how much later it heard from another.
        """
        workers = (await self.client.scheduler.identity())["workers"]
        seen_s = {name: worker["last_seen"] for name, worker in workers.items()}
        return {name for name in seen_s if seen_s[name] < max(seen_s.values()) - silence_s}

    @property
    def is_running(self) -> bool:
        """Tell whether the scheduler is there, as far as is known."""
        return bool(self.client.status == "running")

    @property
    def workers(self) -> int:
        """Return how many calls run at once now; workers may have joined or left."""
        now_s = SYSTEM_CLOCK.now()
        if now_s >= self._count_again_s:
            self._count_again_s = now_s + COUNT_WORKERS_EVERY_S
            with suppress(Exception):  # the scheduler is lost, which the calls tell
                if self.is_running:
                    threads = self.client.sync(
                        self.client.scheduler.ncores, callback_timeout=COUNT_WORKERS_EVERY_S
                    )
                    self._counted = max(1, sum(threads.values()))
        return self._counted

    async def fetch(self, key: str) -> Any:
        """Return the result that `key` stands for; `None` when it died with its worker.

        The scheduler goes on asking a dead worker for as long as connecting may take; by then
        another may have made the result anew, and is asked beside it.
        """
        scheduler = self.client.scheduler
        asked = {asyncio.ensure_future(scheduler.gather(keys=[key]))}
        holders: list[str] = []
        try:
            while asked:
                done, asked = await asyncio.wait(
                    asked, timeout=ASK_AGAIN_S, return_when=asyncio.FIRST_COMPLETED
                )
                for reply in [task.result() for task in done]:
                    if reply["status"] == "OK":
                        return reply["data"][key]
                if asked and not done:
                    now = (await scheduler.who_has(keys=[key]))[key]
                    if now and now != holders:
                        asked.add(asyncio.ensure_future(scheduler.gather(keys=[key])))
                    holders = now or holders
            return None
        finally:
            for task in asked:
                task.cancel()

    async def heard_and_held(
        self, keys: Sequence[str], silence_s: float
    ) -> tuple[list[str], set[str]]:
        """Return the workers that are not `silent`, and which of the keys silent ones alone hold.

        A key is held by the worker that runs it or has its result.
        """
        silent = await self.silent(silence_s)
        if not silent:
            return [], set()
        running = await self.client.scheduler.processing(workers=None)
        done = await self.client.scheduler.who_has(keys=keys)
        held = {key for name in silent for key in running.get(name, ())}
        held |= {key for key, names in done.items() if names and silent.issuperset(names)}
        return [name for name in running if name not in silent], held

    def lost(self) -> WorkersLostError:
        """Return the error that tells that the scheduler is lost."""
        return WorkersLostError(f"{self.told} is lost; --resume goes on with another one")

    def kill(self) -> None:
        """Kill the workers of a local cluster; another goes on without us."""
        for nanny in self._local.workers.values() if self._local is not None else ():
            nanny.auto_restart = False
            with suppress(ProcessLookupError, TypeError):  # it has ended, or not begun
                os.kill(nanny.pid, signal.SIGKILL)

    def close(self) -> None:
        """Take what was shipped away again, and leave; end a local cluster."""
        with suppress(Exception):
            for name in self._shipped if self.is_running else ():
                self.client.sync(
                    self.client.scheduler.unregister_worker_plugin,
                    name=name,
                    callback_timeout=LEAVE_S,
                )
        self._leaving.close()

    def _end_local(self) -> None:
        with suppress(Exception):
            self._local.close(timeout=5)

    def _disconnect(self) -> None:
        with suppress(Exception):
            self.client.close(timeout=LEAVE_S)

    def _wait_for_workers(self) -> None:
        try:
            self.client.wait_for_workers(1, timeout=CONNECT_S)
        except TimeoutError as error:
            raise WorkersLostError(f"{self.told} has no workers; start some") from error

    def _check_versions(self) -> None:
        """Raise `UsageError` where the cluster's Python cannot read what this one pickles."""
        seen = self._answer_of_all(lambda: self.client.get_versions(packages=[]))
        ours = _python_of(seen["client"])
        for name, versions in {"scheduler": seen["scheduler"], **seen["workers"]}.items():
            if versions and _python_of(versions) != ours:
                raise UsageError(
                    f"{self.told}: Python {_python_of(versions)} at {name} and {ours} here; "
                    "run the same version on all machines"
                )


def _python_of(versions: dict[str, Any]) -> str:
    """Return the version of Python, as far as it says what can be unpickled."""
    return ".".join(map(str, tuple(versions["host"]["python"].split("."))[:2]))
