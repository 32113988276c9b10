"""The backends, a row each: which module runs them, and what the rest has to know of them.

To add an executor, add a row here, a module in `executors/` (its `__init__` says what it must
have), and the backend's name to `NAMES` in `tests/test_executors.py`, the contract of them all. To
have it chosen where no backend is asked for, add a rule to `tuning/backend_choice.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from batchmap.core_sharing import cores_to_use
from batchmap.resources import coroutines_at_once

__all__ = ["BACKENDS", "Backend", "runs_in_processes", "usual_hand_over_s"]


@dataclass(frozen=True, slots=True)
class Backend:
    """A way to run batches."""

    name: str
    module: str
    """The module of its executor, which is imported when the executor is opened."""
    hand_over_s: float
    """What handing a batch over usually costs, in seconds, as found on a machine of 2023."""
    default_workers: Callable[[], int]
    """How many workers it has where no number is asked for."""
    has_processes: bool = False
    """Whether items run in processes other than the one that asks for them."""


def _one() -> int:
    return 1


def _four_a_core() -> int:
    return 4 * cores_to_use()


_ROWS = (
    Backend("sequential", "batchmap.executors.sequential", 2e-6, _one),
    Backend("thread", "batchmap.executors.thread", 5e-5, _four_a_core),
    Backend("process", "batchmap.executors.process.pool", 1.5e-4, cores_to_use, True),
    Backend("async", "batchmap.executors.coroutine", 5e-5, coroutines_at_once),
    Backend("dask", "batchmap.executors.dask", 2e-3, cores_to_use, True),
)

BACKENDS = {row.name: row for row in _ROWS}
"""Each backend by its name."""


def usual_hand_over_s(name: str) -> float:
    """Return what handing a batch over usually costs, in seconds; 0 before a backend is chosen."""
    return BACKENDS[name].hand_over_s if name in BACKENDS else 0.0


def runs_in_processes(name: str | None) -> bool:
    """Tell whether the items of the backend called `name` run in processes of their own."""
    return name in BACKENDS and BACKENDS[name].has_processes
