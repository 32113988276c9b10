"""A node that counts and times its runs."""

from __future__ import annotations

import threading
from typing import Any

from kaygraph.node import Node

__all__ = ["MetricsNode"]


class MetricsNode(Node):
    """Keep the time (s), retries and outcome of each run, from `before_prep` to `post`.

    A batch counts as one run, with the retries of all its items. A run counts as an error when
    it raises; one that the fallback or `on_error` saved is a success. The copies of a node that
    a graph runs share `metrics` with the node that was built.
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
        self._retries = 0
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

    def _note_retry(self, attempt: int, error: Exception) -> None:
        super()._note_retry(attempt, error)
        with self._metrics_lock:
            self._retries += 1

    def _end(self, start: float, failed: bool) -> float:
        elapsed = super()._end(start, failed)
        with self._metrics_lock:
            # One node may run in several threads at once; each retry is still counted once.
            retries, self._retries = self._retries, 0
            if self.collect_metrics:
                self.metrics["execution_times"].append(elapsed)
                self.metrics["retry_counts"].append(retries)
                self.metrics["error_count" if failed else "success_count"] += 1
        return elapsed

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        del state["_metrics_lock"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._metrics_lock = threading.Lock()
