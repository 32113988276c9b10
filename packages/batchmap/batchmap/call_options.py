"""The options that the calls of the library have in common: their types, and what they come to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal, TypedDict

from batchmap.errors import UsageError
from batchmap.executors.process.spawn import processes_unavailable
from batchmap.options import EngineOptions, OptionReader
from batchmap.options.retrying import check_retry_if, check_retrying
from batchmap.options.values import whole
from batchmap.progress_display import ShowsProgress
from batchmap.records import Plan
from batchmap.worker.retry_decision import RetryIf
from batchmap.worker.setup import SetupFunction, SetupPer
from batchmap.worker_pool import WorkerPool, taken_from

__all__ = [
    "Auto",
    "CallOptions",
    "CallOptionsAndSetup",
    "StreamOptions",
    "StreamOptionsAndSetup",
    "checked_on_plan",
    "length",
    "lent",
    "read_options",
]

Auto = Literal["auto"]

_DEFAULTS = ("auto", "auto", "auto", None, None, None, None, None, None)
_DEFAULT_OPTIONS = EngineOptions(backend="auto")
"""Read once: a call of few cheap items must not pay for checking options that nobody gave."""


class CallOptions(TypedDict, total=False):
    """The options that both calls have, for type checkers."""

    backend: str
    workers: int | str
    batch_size: int | Auto
    retries: int | None
    retry_if: RetryIf | None
    retry_for: float | str | timedelta | None
    timeout_s: float | None
    rate: float | str | None
    setup_per: SetupPer
    progress: ShowsProgress
    on_plan: Callable[[Plan], object] | None
    seed: int | None
    pool: WorkerPool | None


class CallOptionsAndSetup(CallOptions, total=False):
    """The same where the function takes the item alone, whatever a set-up gives."""

    setup: SetupFunction | None


class StreamOptions(CallOptions, total=False):
    """The options of streams, for type checkers."""

    keep_order: bool


class StreamOptionsAndSetup(CallOptionsAndSetup, total=False):
    """The same where the function takes the item alone, whatever a set-up gives."""

    keep_order: bool


def length(items: Any) -> int | None:
    """Return how many items there are, `None` when they do not tell."""
    try:
        return len(items)
    except Exception:
        return None


def read_options(
    backend: str,
    workers: int | str,
    batch_size: int | str,
    retries: int | None,
    retry_if: RetryIf | None,
    retry_for: float | str | timedelta | None,
    timeout_s: float | None,
    rate: float | str | None,
    seed: int | None,
    pool: WorkerPool | None,
) -> EngineOptions:
    """Return the options by the table of all; raises `ValueError` with all that is wrong.

    With a `seed`, what is left to be chosen runs in processes, where items run one at a time.
    """
    if pool is not None:
        backend, workers, timeout_s = taken_from(pool, backend, workers, timeout_s)
    given = (backend, workers, batch_size, retries, retry_if, retry_for, timeout_s, rate, seed)
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
            "seed": seed,
        }
    )
    values = reader.read_rows(EngineOptions)
    check_retry_if(reader, retry_if)
    check_retrying(reader, values, retry_if)
    options = EngineOptions(**values)
    if reader.read("seed", whole(None, None, "for example 7")) is not None:
        if options.backend == "auto":
            options = replace(options, backend=_backend_of_seeds())
        elif options.backend not in ("sequential", "process", None):
            reader.error(
                f"seed: items that run side by side in one process share its random streams, and "
                f"backend={options.backend!r} has them do that; give 'process' or 'sequential'"
            )
    try:
        reader.close()
    except UsageError as error:
        raise ValueError("; ".join(error.messages)) from None
    return options


def checked_on_plan(on_plan: Any) -> Any:
    """Return `on_plan`; raises `ValueError` where it is no function."""
    if on_plan is None or callable(on_plan):
        return on_plan
    raise ValueError(f"on_plan must be a function, got {on_plan!r:.60}")


def lent(pool: WorkerPool | None, options: EngineOptions) -> WorkerPool | None:
    """Return the pool unless what was asked for is to be done in place."""
    return None if pool is None or options.backend != pool.backend else pool


def _backend_of_seeds() -> str:
    return "sequential" if processes_unavailable() else "process"
