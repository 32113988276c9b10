"""The backends: ways to run batches, each a `concurrent.futures.Executor`, opened by its name.

    sequential    in the calling thread, one call after another
    thread        threads of this process
    coroutine     coroutines in one event loop (the backend `async`)
    process/      worker processes, which can be killed one by one
    dask/         the workers of a Dask cluster

Beside these, `thread_worker` and `event_loop_thread` are what `thread` and `coroutine` run,
`call_future` settles futures whatever their callbacks raise, `at_exit` has work done before the
interpreter exits, and `pickling` makes bytes of what goes to another process.

To add an executor: write a module here with a subclass of `WorkerExecutor` (`base.py`) and a
function `open_workers(workers, *, timeout_s=None)` that returns one, and add its row to
`batchmap/backends.py`, which says what else it takes.
"""

from batchmap.executors.base import (
    EXECUTORS,
    DispatchCost,
    WorkerExecutor,
    open_executor,
    open_workers,
)

__all__ = ["EXECUTORS", "DispatchCost", "WorkerExecutor", "open_executor", "open_workers"]
