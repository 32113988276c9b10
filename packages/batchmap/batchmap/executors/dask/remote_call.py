"""The inside of a Dask worker: one call, its answer in bytes."""

from __future__ import annotations

import os
import pickle
from typing import Any

from batchmap.executors.pickling import pickled_error, pickled_result
from batchmap.executors.thread import ThreadExecutor
from batchmap.worker.failures import BatchInterrupted

__all__ = ["BROKEN", "ERROR", "RESULT", "answer"]

RESULT = "result"
ERROR = "error"
BROKEN = "broken"
"""What the answer is: pickled, what the call returned, raised, or the parts of a `BatchInterrupted`."""


def answer(
    hold: dict[Any, Any], name: str, arguments: bytes, timeout_s: float | None
) -> tuple[str, bytes]:
    """Call the function that `hold` has under `name`, with the time limit for each item.

    `hold` belongs to the worker, and keeps the function once it is loaded.
    """
    with hold["lock"]:
        function = hold.get(("loaded", name))
        if function is None:
            function = hold[("loaded", name)] = pickle.loads(hold[name])
            hold[name] = None
    try:
        result = _called(hold, function, pickle.loads(arguments), timeout_s)
        return RESULT, pickled_result(result)
    except BatchInterrupted as broken:
        parts = broken.failure, broken.place, list(broken.finished), broken.final
        return BROKEN, pickle.dumps(parts)
    except Exception as error:
        return ERROR, pickled_error(error)


def _called(hold: dict[Any, Any], function: Any, arguments: Any, timeout_s: float | None) -> Any:
    if timeout_s is None:
        return function(*arguments)
    with hold["lock"]:  # a thread that hangs cannot be killed, so another one takes its place
        key = ("threads", timeout_s)
        if key not in hold:
            hold[key] = ThreadExecutor(4 * (os.cpu_count() or 1), timeout_s=timeout_s)
    return hold[key].submit(function, *arguments).result()
