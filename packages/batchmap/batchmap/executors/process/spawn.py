"""Starts worker processes: quickly, and never by forking a process that has threads."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import resource_tracker, spawn
from pathlib import Path
from typing import Any

__all__ = [
    "BLOCKED_SIGNALS",
    "check_descriptors",
    "library_found",
    "main_not_imported",
    "safe_context",
    "search_variables",
    "set_search_variables",
    "signals_blocked",
    "threaded_context",
]

THREAD_CHECKS = 20
BETWEEN_CHECKS_S = 1e-4
"""How often, and how far apart, threads are counted: one that was joined may not be gone yet."""

DESCRIPTORS_OF_A_START = 8
"""How many file descriptors must be free to start a worker from the fork server.

That takes five, and one to start the server itself; other threads may want the rest meanwhile.
"""

_PRELOADED = ["batchmap.worker.processor", "batchmap.executors.process.worker_main"]


def safe_context() -> Any:
    """Return the `multiprocessing` context that starts workers most quickly and is safe now."""
    return multiprocessing.get_context("fork") if _has_one_thread() else threaded_context()


def threaded_context() -> Any:
    """Return a `multiprocessing` context that is safe in a process with threads."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context


def check_descriptors(context: Any, descriptor: int) -> None:
    """Raise `OSError` unless enough file descriptors are free, by making copies of `descriptor`.

    A process that asks the fork server for a worker opens some of them once it is connected. Where
    that fails, the server ends with a traceback (before Python 3.14).
    """
    if context.get_start_method() != "forkserver":
        return
    copies: list[int] = []
    try:
        while len(copies) < DESCRIPTORS_OF_A_START:
            copies.append(os.dup(descriptor))
    finally:
        for copy in copies:
            os.close(copy)


def _has_one_thread() -> bool:
    """Tell whether nothing else runs in this process, native threads included."""
    if sys.platform != "linux":
        return False
    for _ in range(THREAD_CHECKS):
        if len(os.listdir("/proc/self/task")) == 1:  # noqa: PTH208  # it is quicker
            return threading.active_count() == 1
        if threading.active_count() > 1:
            return False
        time.sleep(BETWEEN_CHECKS_S)
    return False


BLOCKED_SIGNALS = {
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
}
"""Signals that may go to a whole process group, and that the parent alone answers."""


@contextmanager
def signals_blocked(context: Any) -> Iterator[None]:
    """Block `BLOCKED_SIGNALS` while processes are started, which inherit that until they unblock.

    The fork server never unblocks. What this process is sent meanwhile, it gets afterwards.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    if context.get_start_method() != "fork":
        # The first process to start would start it too, which unblocks the signals.
        resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def main_not_imported() -> Iterator[None]:
    """Keep `multiprocessing` from running the user's script again in a worker that is started.

    Functions of the script are pickled by value, so the worker does not need it; and a script need
    not guard itself with `if __name__ == "__main__"`.
    """
    original = spawn.get_preparation_data

    def without_main(name: str) -> dict[str, object]:
        data = original(name)
        for key in ("init_main_from_name", "init_main_from_path"):
            data.pop(key, None)
        return data

    spawn.get_preparation_data = without_main
    try:
        yield
    finally:
        spawn.get_preparation_data = original


@contextmanager
def library_found(context: Any) -> Iterator[None]:
    """Have a fork server that is started import this library, and not another version of it.

    It is a new interpreter, and searches where new interpreters do: in the current directory, and
    for what is installed. Up to Python 3.12, what this process has in `sys.path` does not matter to
    it. The workers would then get what it had imported. So it is started with other variables, and
    its workers, which inherit them, put back those of `search_variables`.
    """
    if context.get_start_method() != "forkserver" or _server_runs():
        yield
        return
    before = search_variables()
    library = str(Path(__file__).parents[3])
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (library, before["PYTHONPATH"])))
    os.environ["PYTHONSAFEPATH"] = "1"  # the current directory is not searched
    try:
        yield
    finally:
        set_search_variables(before)


def _server_runs() -> bool:
    from multiprocessing import forkserver

    server: Any = forkserver._forkserver
    return getattr(server, "_forkserver_pid", None) is not None


def search_variables() -> dict[str, str | None]:
    """Return the environment variables that say where a new interpreter searches for modules."""
    return {name: os.environ.get(name) for name in ("PYTHONPATH", "PYTHONSAFEPATH")}


def set_search_variables(variables: Mapping[str, str | None]) -> None:
    """Set environment variables, and unset those that are `None`."""
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
