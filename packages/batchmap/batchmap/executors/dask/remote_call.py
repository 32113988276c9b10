"""The inside of a Dask worker: makes one call and returns its answer in bytes."""

from __future__ import annotations

import os
import pickle
from typing import Any

from batchmap.executors.pickling import pickled_error, pickled_result
from batchmap.executors.thread import ThreadExecutor
from batchmap.worker.failures import BatchInterrupted
from batchmap.worker.worker_function import has_setup

__all__ = ["ERROR", "INTERRUPTED", "RESULT", "answer"]

RESULT = "result"
"""The answer holds, pickled, what the call returned."""
ERROR = "error"
"""It holds what the call raised."""
INTERRUPTED = "interrupted"
"""It holds the parts of the `BatchInterrupted` that the call raised."""


def answer(
    shipped: dict[Any, Any], name: str, arguments: bytes, timeout_s: float | None
) -> tuple[str, bytes]:
    """Call the function that `shipped` has under `name`, with the time limit for each item.

    `shipped` belongs to the worker; the function stays in it once it is unpickled.
    """
    with shipped["lock"]:
        function = shipped.get(("loaded", name))
        if function is None:
            function = shipped[("loaded", name)] = pickle.loads(shipped[name])
            shipped[name] = None
    try:
        result = _called(shipped, name, function, pickle.loads(arguments), timeout_s)
        return RESULT, pickled_result(result)
    except BatchInterrupted as error:
        parts = error.failure, error.offset, list(error.finished), error.final
        return INTERRUPTED, pickle.dumps(parts)
    except BaseException as error:
        return ERROR, pickled_error(error)


def _called(
    shipped: dict[Any, Any], name: str, function: Any, arguments: Any, timeout_s: float | None
) -> Any:
    own = name if has_setup(function) else ""  # its threads leave when its run ends
    if timeout_s is None and not own:
        return function(*arguments)
    with shipped["lock"]:  # a thread that hangs cannot be killed, so another one takes its place
        key = ("threads", own, timeout_s)
        if key not in shipped:
            threads = ThreadExecutor(4 * (os.cpu_count() or 1), timeout_s=timeout_s)
            threads.forget_at_exit()  # the worker exits when its cluster has it exit
            shipped[key] = threads
    return shipped[key].submit(function, *arguments).result()
