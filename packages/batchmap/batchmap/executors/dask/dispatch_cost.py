"""Measures what a call costs on a Dask cluster: empty calls one by one, then many at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, wait
from statistics import median
from typing import Any

from batchmap.clock import SYSTEM_CLOCK
from batchmap.executors.base import DispatchCost

__all__ = ["measure_dispatch_cost"]

ROUND_TRIPS = 5
"""How many empty calls are timed one by one, after a first one that is not."""

BURST = 50
BURSTS = 2
"""How many empty calls are then timed at once, and how often; the quicker time counts."""

MAX_WAIT_S = 2.0
"""How long these may take; where they take longer, the workers are busy elsewhere."""


def measure_dispatch_cost(
    submit: Callable[[Callable[[], Any]], Future[Any]],
    drop: Callable[[list[Future[Any]]], None],
) -> DispatchCost | None:
    """Return what empty calls take; `None` when the workers are busy elsewhere.

    `submit` makes a call, `drop` gives calls up that were not answered in time.
    """

    def empty_calls_s(number: int) -> float:
        start_s = SYSTEM_CLOCK.now()
        futures = [submit(int) for _ in range(number)]
        if wait(futures, timeout=MAX_WAIT_S).not_done:
            drop(futures)
            raise TimeoutError
        return SYSTEM_CLOCK.now() - start_s

    try:
        empty_calls_s(1)
        alone_s = median(empty_calls_s(1) for _ in range(ROUND_TRIPS))
        burst_s = min(empty_calls_s(BURST) for _ in range(BURSTS))
        return DispatchCost(alone_s, burst_s / BURST)
    except TimeoutError:
        return None
