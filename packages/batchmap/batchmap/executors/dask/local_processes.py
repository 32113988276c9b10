"""Starts the processes of a local cluster, which Dask does by `multiprocessing`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker, spawn

from batchmap.executors.process.spawn import signals_blocked

__all__ = ["main_not_imported", "signals_blocked_for_dask"]


@contextmanager
def signals_blocked_for_dask() -> Iterator[None]:
    """Block signals to the process group while processes are started, which ignore them."""
    # The first process to start would start it too, which unblocks the signals.
    resource_tracker.ensure_running()
    with signals_blocked():
        yield


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
