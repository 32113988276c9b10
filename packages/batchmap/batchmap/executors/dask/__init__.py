"""Runs calls on the workers of a Dask cluster: a local one, or one that runs already.

    submit -> client -> scheduler -> [worker: ShippedCall] -> answer in bytes -> future

    executor        takes calls, follows them, and makes those of silent workers run elsewhere
    cluster         connects, ships modules and functions, knows which workers are silent
    connection      starts a local cluster, or connects to one by its `address`
    code_archive    packs the modules that a worker's machine may lack
    worker_plugin   unpacks them there, and finds the function of a call
    remote_call     makes the call there
    dispatch_cost   measures what an empty call costs

Only the modules behind `open_workers` import `distributed`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchmap.errors import UsageError
from batchmap.executors.dask.address import DaskAddress

if TYPE_CHECKING:
    from batchmap.executors.dask.executor import DaskExecutor

__all__ = ["open_workers"]


def open_workers(
    workers: int, *, timeout_s: float | None = None, scheduler: DaskAddress | None = None
) -> DaskExecutor:
    """Return an executor on so many workers of a local cluster, or on that of `scheduler`.

    Raises `UsageError` where Dask is not installed.
    """
    try:
        from batchmap.executors.dask.executor import DaskExecutor
    except ImportError as error:
        raise UsageError(
            f'the dask backend needs a package ({error}); pip install "batchmap[dask]"'
        ) from error
    return DaskExecutor(workers, timeout_s=timeout_s, scheduler=scheduler)
