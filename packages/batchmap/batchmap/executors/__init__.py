"""The backends: ways to run batches, each a `concurrent.futures.Executor`, opened by its name.

    sequential    in the calling thread, one call after another
    thread        threads of this process
    coroutine     coroutines in one event loop (the backend `async`)
    process/      worker processes, which can be killed one by one
    dask/         the workers of a Dask cluster

To add an executor: write a module here with a subclass of `WorkerExecutor` (`base.py`) and a
function `open_workers(workers, *, timeout_s=None)` that returns one; name the module in the table
of `base.py`; say what a hand-over costs in `HAND_OVER_S` (`scheduling/batching.py`) and how many
workers it has by default (`tuning`); and add its name to `NAMES` in `tests/test_executors.py`, the
contract that every executor keeps. To have it chosen where no backend is asked for, add the rule
to `tuning/backend_choice.py`.
"""

from batchmap.executors.base import EXECUTORS, DispatchCost, WorkerExecutor, open_executor

__all__ = ["EXECUTORS", "DispatchCost", "WorkerExecutor", "open_executor"]
