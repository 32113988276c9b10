"""How worker processes are started: quickly, and never by forking a process with threads."""

from __future__ import annotations

import multiprocessing
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["main_out_of_sight", "safe_context", "threaded_context"]

_PRELOADED = ["utils.processing", "utils.executors._worker"]


def safe_context() -> Any:
    """Return the quickest way to start workers that is safe now."""
    return multiprocessing.get_context("fork") if _has_one_thread() else threaded_context()


def threaded_context() -> Any:
    """Return a way to start workers that is safe in a process with threads."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context


def _has_one_thread() -> bool:
    """Tell whether nothing else runs in this process, native threads included."""
    if sys.platform != "linux" or threading.active_count() > 1:
        return False
    try:
        return sum(1 for _ in Path("/proc/self/task").iterdir()) == 1
    except OSError:
        return False


@contextmanager
def main_out_of_sight(context: Any) -> Iterator[None]:
    """Keep `multiprocessing` from running the user's script again in the worker.

    Functions of the script travel by value, so the worker does not need it; and a script need
    not guard itself with `if __name__ == "__main__"`.
    """
    if context.get_start_method() == "fork":
        yield
        return
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
