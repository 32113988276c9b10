"""A Dask cluster in use: what is shipped to its workers, and which of them are there and answer."""

from __future__ import annotations

import asyncio
import hashlib
import math
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
from batchmap.executors.dask.local_processes import main_not_imported
from batchmap.executors.dask.worker_plugin import Shipment

__all__ = ["DaskCluster"]

CLOSE_S = 2.0
"""How long each step of closing the connection may take."""

FETCH_AGAIN_S = 1.0
"""After so long without a result, it is checked whether another worker has it by now."""

MAX_SHIP_ATTEMPTS = 3
"""How often it is tried to ship something while workers are lost."""

COUNT_WORKERS_S = 1.0
"""How often the workers are counted, at most."""

cloudpickle.register_pickle_by_value(worker_plugin)


class DaskCluster:
    """A connection to the cluster of `scheduler`, or to a local one with so many workers.

    Raises `WorkersLostError` for one that does not answer or start, `UsageError` for one whose
    Python is of another version.
    """

    def __init__(self, workers: int, scheduler: DaskAddress | None) -> None:
        self.name = (
            f"the Dask scheduler at {scheduler.address}" if scheduler else "the local Dask cluster"
        )
        self._shipped: dict[str, float] = {}
        """How long workers may take to drop each of what was shipped, in seconds."""
        self._local: Any = None
        self._counted = workers
        self._count_again_s = 0.0
        silence_logs()
        with ExitStack() as opening:
            if scheduler is None:  # until it is closed, for it replaces workers that crash
                opening.enter_context(main_not_imported())
                self._local = start_local(self.name, workers)
                opening.callback(self._end_local)
            self.client = connect(self.name, scheduler, self._local)
            opening.callback(self._disconnect)
            self._wait_for_workers()
            self._check_versions()
            self._closing = opening.pop_all()

    def ship(self, data: bytes, *, is_archive: bool, dropped_within_s: float = CLOSE_S) -> str:
        """Give the data to every worker, those that join later included; return its name there.

        `dropped_within_s` is how long workers may take to drop it at the end.
        """
        name = f"shipped-{hashlib.sha256(data).hexdigest()[:32]}"
        shipment = Shipment(name, data, is_archive=is_archive)
        self._shipped[name] = dropped_within_s
        for _ in range(MAX_SHIP_ATTEMPTS):
            try:
                self._answer_of_all(lambda: self.client.register_plugin(shipment, name=name))
                return name
            except OSError as error:  # a worker was lost meanwhile
                if not self.is_running:
                    raise self.lost() from error
        raise WorkersLostError(f"{self.name} loses its workers while they are given the files")

    def _answer_of_all(self, ask: Callable[[], Any]) -> Any:
        """Return what awaiting `ask()` gives, for which every worker must answer.

        Raises `WorkersLostError` where one is silent: Dask would wait for it without end.
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
                        f"{self.name} has not heard from {', '.join(sorted(silent))} for over "
                        f"{CONNECT_S:.0f} s; end that worker, or wait until Dask drops it"
                    ) from None

    async def silent(self, silence_s: float) -> set[str]:
        """Return the workers that the scheduler has not heard from within `silence_s`.

        That is counted from when it heard from any worker last, so that its clock need not agree
        with this machine's.
        """
        workers = (await self.client.scheduler.identity())["workers"]
        seen_s = {name: worker["last_seen"] for name, worker in workers.items()}
        return {name for name in seen_s if seen_s[name] < max(seen_s.values()) - silence_s}

    @property
    def is_running(self) -> bool:
        """Tell whether the scheduler is connected, as far as is known."""
        return bool(self.client.status == "running")

    @property
    def workers(self) -> int:
        """Return how many calls run at once now; workers may have joined or left."""
        now_s = SYSTEM_CLOCK.now()
        if now_s >= self._count_again_s:
            self._count_again_s = now_s + COUNT_WORKERS_S
            with suppress(Exception):  # the scheduler is lost, and so are the calls, which raise it
                if self.is_running:
                    threads = self.client.sync(
                        self.client.scheduler.ncores, callback_timeout=COUNT_WORKERS_S
                    )
                    self._counted = max(1, sum(threads.values()))
        return self._counted

    async def fetch(self, key: str) -> Any:
        """Return the result that `key` stands for; `None` when it was lost with its worker.

        The scheduler goes on asking a lost worker for as long as connecting may take. By then
        another one may have the result, and is asked as well.
        """
        scheduler = self.client.scheduler
        asked = {asyncio.ensure_future(scheduler.gather(keys=[key]))}
        holders: list[str] = []
        try:
            while asked:
                done, asked = await asyncio.wait(
                    asked, timeout=FETCH_AGAIN_S, return_when=asyncio.FIRST_COMPLETED
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

    async def answering_and_held(
        self, keys: Sequence[str], silence_s: float
    ) -> tuple[list[str], set[str]]:
        """Return the workers that are not `silent`, and the keys that silent ones alone hold.

        A key is held by the worker that runs it or has its result. Both are empty where no worker
        is silent.
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
        """Return the error to raise when the scheduler is lost."""
        return WorkersLostError(f"{self.name} is lost", advice="{resume} goes on with another one")

    def kill(self) -> None:
        """Kill the workers of a local cluster; any other cluster goes on running."""
        for nanny in self._local.workers.values() if self._local is not None else ():
            nanny.auto_restart = False
            with suppress(ProcessLookupError, TypeError):  # it has ended, or not started
                os.kill(nanny.pid, signal.SIGKILL)

    def close(self, within_s: float = math.inf) -> None:
        """Have what was shipped removed, and disconnect; end a local cluster."""
        with suppress(Exception):
            # Functions first: what they leave behind is undone with the modules that came before.
            for name in reversed(self._shipped) if self.is_running else ():
                self.client.sync(
                    self.client.scheduler.unregister_worker_plugin,
                    name=name,
                    callback_timeout=min(within_s, self._shipped[name]),
                )
        self._closing.close()

    def _end_local(self) -> None:
        with suppress(Exception):
            self._local.close(timeout=5)

    def _disconnect(self) -> None:
        with suppress(Exception):
            self.client.close(timeout=CLOSE_S)

    def _wait_for_workers(self) -> None:
        try:
            self.client.wait_for_workers(1, timeout=CONNECT_S)
        except TimeoutError as error:
            raise WorkersLostError(f"{self.name} has no workers; start some") from error

    def _check_versions(self) -> None:
        """Raise `UsageError` where the cluster's Python cannot read what this one pickles."""
        found = self._answer_of_all(lambda: self.client.get_versions(packages=[]))
        here = _python_of(found["client"])
        for name, versions in {"scheduler": found["scheduler"], **found["workers"]}.items():
            if versions and _python_of(versions) != here:
                raise UsageError(
                    f"{self.name}: Python {_python_of(versions)} at {name} and {here} here; "
                    "run the same version on all machines"
                )


def _python_of(versions: dict[str, Any]) -> str:
    """Return the version of Python, major and minor, which pickled functions depend on."""
    return ".".join(map(str, tuple(versions["host"]["python"].split("."))[:2]))
