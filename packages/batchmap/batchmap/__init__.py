"""Apply a Python function to many items in parallel: right results, no tuning.

    from batchmap import parallel_map

    sizes = parallel_map(len, texts)

`stream_map` yields records as items finish; `BatchProcessor` does one batch where it is called.
Names are loaded when they are first asked for, so that `import batchmap` costs almost nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from batchmap.call_types import astream_map, parallel_map, stream_map
    from batchmap.errors import (
        BatchmapError,
        InputError,
        OutputError,
        OutputHeldError,
        TaskUnusableError,
        UsageError,
        WorkersLostError,
    )
    from batchmap.lone_surrogates import unescape
    from batchmap.records import ItemFailure, ItemRecord, Plan, Progress
    from batchmap.retry_errors import Pause, Permanent, RetryAfter, Stop
    from batchmap.run_api import run
    from batchmap.run_outcome import RunOutcome, SyncCounts
    from batchmap.worker.failures import ItemsFailedError, RunStoppedError
    from batchmap.worker.processor import BatchProcessor
    from batchmap.worker.spending import spent
    from batchmap.worker_pool import WorkerPool

__all__ = [
    "BatchProcessor",
    "BatchmapError",
    "InputError",
    "ItemFailure",
    "ItemRecord",
    "ItemsFailedError",
    "OutputError",
    "OutputHeldError",
    "Pause",
    "Permanent",
    "Plan",
    "Progress",
    "RetryAfter",
    "RunOutcome",
    "RunStoppedError",
    "Stop",
    "SyncCounts",
    "TaskUnusableError",
    "UsageError",
    "WorkerPool",
    "WorkersLostError",
    "__version__",
    "astream_map",
    "parallel_map",
    "run",
    "spent",
    "stream_map",
    "unescape",
]

__version__ = "1.0.0"

_MODULES = {
    "BatchProcessor": "batchmap.worker.processor",
    "WorkerPool": "batchmap.worker_pool",
    **dict.fromkeys(("ItemsFailedError", "RunStoppedError"), "batchmap.worker.failures"),
    "astream_map": "batchmap.api",
    "parallel_map": "batchmap.api",
    "stream_map": "batchmap.api",
    "run": "batchmap.run_api",
    "spent": "batchmap.worker.spending",
    "unescape": "batchmap.lone_surrogates",
    **dict.fromkeys(("Pause", "Permanent", "RetryAfter", "Stop"), "batchmap.retry_errors"),
    **dict.fromkeys(("ItemFailure", "ItemRecord", "Plan", "Progress"), "batchmap.records"),
    **dict.fromkeys(("RunOutcome", "SyncCounts"), "batchmap.run_outcome"),
}
"""Where each public name is defined; the rest are errors."""


if not TYPE_CHECKING:  # a type checker would take any name for one that is there

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module(_MODULES.get(name, "batchmap.errors")), name)


def __dir__() -> list[str]:
    return sorted(__all__)
