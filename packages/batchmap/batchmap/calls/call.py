"""A call of the library: what is to be called, and how, once all options are checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from batchmap.calls.options import Auto, call_shape, checked_on_plan, read_options
from batchmap.calls.progress import ShowsProgress, checked_progress
from batchmap.engine import LentWorkers, limits_of
from batchmap.options import EngineOptions
from batchmap.records import Plan
from batchmap.scheduling.keyed_starts import LimitPer
from batchmap.scheduling.limits import Limits
from batchmap.scheduling.rate_limiter import Cost
from batchmap.stopping import StopRequest
from batchmap.worker.call_shape import CallShape
from batchmap.worker.processor import BatchProcessor
from batchmap.worker.retry_decision import RetryIf
from batchmap.worker.setup import SetupFunction, SetupPer
from batchmap.worker.worker_function import made_ready
from batchmap.worker_pool import WorkerPool

__all__ = ["Call", "checked_call"]


@dataclass(slots=True, kw_only=True)
class Call:
    """What a call of the library was asked for."""

    processor: BatchProcessor
    options: EngineOptions
    cost: Cost | None
    limit_per: LimitPer | None
    progress: ShowsProgress
    on_plan: Callable[[Plan], object] | None
    pool: LentWorkers | None
    """Workers that are there already; `None` where there are none, or items run in place."""
    stop: StopRequest

    @property
    def shape(self) -> CallShape:
        """How the function is called."""
        return self.processor.shape

    @property
    def may_begin_in_place(self) -> bool:
        """Whether first items may run before there is anything but a loop over them."""
        options, processor = self.options, self.processor
        needs_engine = processor.is_async or processor.has_setup or self.progress or self.on_plan
        is_limited = options.retry_for or options.timeout_s or options.rate or self.limit_per
        is_retried = options.retries or processor.retry_if
        return options.backend == "auto" and not (
            needs_engine or is_limited or is_retried or self.shape.batched
        )

    def limits(self) -> Limits:
        """Return the limits of the call; they are for one run."""
        return limits_of(
            self.options,
            self.processor.retry_if,
            cost=self.cost,
            limit_per=self.limit_per,
            takes_pairs=self.shape.takes_pairs,
        )


def checked_call(
    function: Callable[..., Any],
    *,
    backend: str,
    workers: int | str,
    batch_size: int | Auto,
    retries: int | None,
    retry_if: RetryIf | None,
    retry_for: float | str | timedelta | None,
    timeout_s: float | None,
    rate: float | str | Sequence[float | str] | None,
    cost: Cost | None,
    limit_per: LimitPer | None,
    setup: SetupFunction | None,
    setup_per: SetupPer,
    star: bool,
    index: bool,
    expand: bool,
    skip_none: bool,
    batched: int | Auto | None,
    progress: ShowsProgress,
    on_plan: Callable[[Plan], object] | None,
    seed: int | None,
    pool: WorkerPool | None,
    stops_at_failure: bool = False,
) -> Call:
    """Return a call of `function` with the options of `parallel_map`, which are all given.

    With `stops_at_failure`, a batch ends with its first failure. Raises `ValueError` and
    `TypeError` for options out of range and those that do not go together.
    """
    options = read_options(
        backend, workers, batch_size, retries, retry_if, retry_for, timeout_s, rate, cost,
        limit_per, batched, seed, pool,
    )  # fmt: skip
    progress, on_plan = checked_progress(progress), checked_on_plan(on_plan)
    function = made_ready(function, setup, setup_per)
    stop = StopRequest()
    processor = BatchProcessor(
        function if pool is None else pool.known(function),
        shape=call_shape(star, index, expand, skip_none, batched, seed),
        retry_if=retry_if,
        stop=stop,
        stops_at_failure=stops_at_failure,
    )
    is_lent = pool is not None and options.backend == pool.backend
    return Call(
        processor=processor,
        options=options,
        cost=cost,
        limit_per=limit_per,
        progress=progress,
        on_plan=on_plan,
        pool=pool if is_lent else None,
        stop=stop,
    )
