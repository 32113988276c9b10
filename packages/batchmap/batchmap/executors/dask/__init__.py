"""Workers of a Dask cluster: a local one, or one that is there already.

    submit -> client -> scheduler -> [worker: ShippedCall] -> answer in bytes -> future

`_connecting` leads to a cluster; `_cluster` ships modules and functions to it, and knows which of
its workers are silent; `_executor` runs calls there. `_shipping` and `_calls` are what a worker
runs, which gets nothing but these files: so `distributed` is imported no sooner than needed.
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
    """Return an executor on so many workers of a local cluster, or on that of `scheduler`."""
    try:
        from batchmap.executors.dask.executor import DaskExecutor
    except ImportError as error:
        raise UsageError(
            f"--backend dask needs a package ({error}); pip install -r requirements-dask.txt"
        ) from error
    return DaskExecutor(workers, timeout_s=timeout_s, scheduler=scheduler)
