"""A node that counts and times its executions."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kaygraph.node import Execution, Node

__all__ = ["MetricsNode"]


class MetricsNode(Node):
    """Keep the time (s), retries and outcome of each `exec`, retries included, in `metrics`.

    An execution counts as an error when it raises; one that a fallback saved is a success.
    The copies of a node that a graph runs share `metrics` with the node that was built.
    """

    def __init__(self, collect_metrics: bool = True, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.collect_metrics = collect_metrics
        self.metrics: dict[str, Any] = {
            "execution_times": [],
            "retry_counts": [],
            "success_count": 0,
            "error_count": 0,
        }
        self._metrics_lock = threading.Lock()

    def get_stats(self) -> dict[str, Any]:
        """Return the totals, or `{"status": "no_executions"}` before the first one.

        Times are in seconds; `success_rate` is a share from 0 to 1.
        """
        with self._metrics_lock:
            times: list[float] = list(self.metrics["execution_times"])
            if not times:
                return {"status": "no_executions"}
            return {
                "total_executions": len(times),
                "success_rate": self.metrics["success_count"] / len(times),
                "avg_execution_time": sum(times) / len(times),
                "min_execution_time": min(times),
                "max_execution_time": max(times),
                "total_retries": sum(self.metrics["retry_counts"]),
            }

    def _exec_attempts(self, item: Any, execution: Execution) -> Any:
        if not self.collect_metrics:
            return super()._exec_attempts(item, execution)
        with self._measured(execution):
            return super()._exec_attempts(item, execution)

    async def _exec_attempts_async(self, item: Any, execution: Execution) -> Any:
        if not self.collect_metrics:
            return await super()._exec_attempts_async(item, execution)
        with self._measured(execution):
            return await super()._exec_attempts_async(item, execution)

    @contextmanager
    def _measured(self, execution: Execution) -> Iterator[None]:
        outcome = "error_count"
        start = time.perf_counter()
        try:
            yield
            outcome = "success_count"
        finally:
            elapsed = time.perf_counter() - start
            with self._metrics_lock:
                self.metrics["execution_times"].append(elapsed)
                self.metrics["retry_counts"].append(execution.attempt)
                self.metrics[outcome] += 1

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        del state["_metrics_lock"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._metrics_lock = threading.Lock()
