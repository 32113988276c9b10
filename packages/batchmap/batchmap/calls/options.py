"""What the options that the calls of the library have in common come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal

from batchmap.errors import UsageError
from batchmap.executors.process.spawn import processes_unavailable
from batchmap.options import EngineOptions, OptionReader
from batchmap.options.limit_values import check_limit_per, limits_per
from batchmap.options.rate_values import check_cost
from batchmap.options.retrying import check_retry_if, check_retrying
from batchmap.options.values import list_size, whole
from batchmap.options.worker_values import check_bounds
from batchmap.scheduling.keyed_starts import LimitPer
from batchmap.scheduling.rate_limiter import Cost
from batchmap.worker.call_shape import CallShape
from batchmap.worker.retry_decision import RetryIf
from batchmap.worker_pool import WorkerPool, taken_from

__all__ = [
    "Auto",
    "call_shape",
    "checked_on_plan",
    "length",
    "read_options",
]

Auto = Literal["auto"]

_DEFAULTS = ("auto", "auto", "auto", None, None, None, None, None, None, None, None)
_DEFAULT_OPTIONS = EngineOptions(backend="auto")
"""Read once: a call of few cheap items must not pay for checking options that nobody gave."""


def length(items: Any) -> int | None:
    """Return how many items there are, `None` when they do not tell."""
    try:
        return len(items)
    except Exception:
        return None


def call_shape(
    star: bool,
    index: bool,
    expand: bool,
    skip_none: bool,
    batched: int | str | None,
    seed: int | None,
) -> CallShape:
    """Return how the function is called; raises `ValueError` for what does not go together."""
    size: Any = batched
    if batched not in (None, "auto"):
        reader = OptionReader({"batched": batched})
        size = reader.read("batched", list_size)
        _close(reader)
    if star and batched is not None:
        raise ValueError("batched gives the function a list, and star spreads one item; give one")
    if seed is not None and batched is not None:
        raise ValueError(
            "batched has many items share a call, and seed gives each its own; give one"
        )
    return CallShape(
        star=star, index=index, expand=expand, skip_none=skip_none, batched=size, seed=seed
    )


def _close(reader: OptionReader) -> None:
    try:
        reader.close()
    except UsageError as error:
        raise ValueError("; ".join(error.messages)) from None


def read_options(
    backend: str,
    workers: int | str,
    batch_size: int | str,
    retries: int | None,
    retry_if: RetryIf | None,
    retry_for: float | str | timedelta | None,
    timeout_s: float | None,
    rate: float | str | Sequence[float | str] | None,
    cost: Cost | None,
    limit_per: LimitPer | None,
    batched: int | str | None,
    seed: int | None,
    pool: WorkerPool | None,
) -> EngineOptions:
    """Return the options by the table of all; raises `ValueError` with all that is wrong.

    With a `seed`, what is left to be chosen runs in processes, where items run one at a time.
    """
    if pool is not None:
        backend, workers, timeout_s = taken_from(pool, backend, workers, timeout_s)
    asked = (backend, workers, batch_size, retries, retry_if, retry_for, timeout_s)
    given = (*asked, rate, cost, limit_per, seed)
    if given == _DEFAULTS:
        return _DEFAULT_OPTIONS
    reader = OptionReader(
        {
            "backend": backend,
            "workers": workers,
            "batch_size": batch_size,
            "retries": retries,
            "retry_for": retry_for,
            "timeout_s": timeout_s,
            "rate": rate,
            "limit_per": limit_per,
            "seed": seed,
        }
    )
    values = reader.read_rows(EngineOptions)
    check_bounds(reader, values)
    check_retry_if(reader, retry_if)
    check_retrying(reader, values, retry_if)
    check_cost(reader, values, cost)
    check_limit_per(reader, reader.read("limit_per", limits_per), batched=batched)
    options = EngineOptions(**values)
    if reader.read("seed", whole(None, None, "for example 7")) is not None:
        if options.backend == "auto":
            options = replace(options, backend=_backend_of_seeds())
        elif options.backend not in ("sequential", "process", None):
            reader.error(
                f"seed: items that run side by side in one process share its random streams, and "
                f"backend={options.backend!r} has them do that; give 'process' or 'sequential'"
            )
    _close(reader)
    return options


def checked_on_plan(on_plan: Any) -> Any:
    """Return `on_plan`; raises `ValueError` where it is no function."""
    if on_plan is None or callable(on_plan):
        return on_plan
    raise ValueError(f"on_plan must be a function, got {on_plan!r:.60}")


def _backend_of_seeds() -> str:
    return "sequential" if processes_unavailable() else "process"
