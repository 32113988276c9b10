"""Statistics of a node's executions."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from kaygraph import Graph, MetricsNode


class Measured(MetricsNode):
    """Succeed at attempt `succeeds_at`, if it comes to that."""

    def __init__(self, succeeds_at: int = 0, **options: Any) -> None:
        super().__init__(**options)
        self.succeeds_at = succeeds_at

    def exec(self, prep_res: Any) -> Any:
        if self.cur_retry < self.succeeds_at:
            raise LookupError
        return "done"


def test_a_new_node_has_empty_metrics_and_no_executions() -> None:
    node = MetricsNode()
    assert node.collect_metrics
    assert node.metrics == {
        "execution_times": [],
        "retry_counts": [],
        "success_count": 0,
        "error_count": 0,
    }
    assert node.get_stats() == {"status": "no_executions"}


def test_collect_metrics_comes_before_the_arguments_of_the_node() -> None:
    node = MetricsNode(False, 3, 0.5, "load")
    assert (node.max_retries, node.wait, node.node_id) == (3, 0.5, "load")
    assert not node.collect_metrics


def test_the_statistics_follow_from_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([10.0, 11.0, 20.0, 24.0, 30.0, 31.0])
    monkeypatch.setattr("kaygraph.metrics.time", SimpleNamespace(perf_counter=lambda: next(ticks)))
    node = Measured(max_retries=3)
    node.run({})
    node.succeeds_at = 2
    node.run({})
    node.succeeds_at = 9
    with pytest.raises(LookupError):
        node.run({})
    assert node.metrics == {
        "execution_times": [1.0, 4.0, 1.0],
        "retry_counts": [0, 2, 2],
        "success_count": 2,
        "error_count": 1,
    }
    assert node.get_stats() == {
        "total_executions": 3,
        "success_rate": 2 / 3,
        "avg_execution_time": 2.0,
        "min_execution_time": 1.0,
        "max_execution_time": 4.0,
        "total_retries": 4,
    }


def test_an_execution_that_the_fallback_saved_is_a_success() -> None:
    class Saved(Measured):
        def exec_fallback(self, prep_res: Any, exc: Exception) -> Any:
            return "saved"

    node = Saved(succeeds_at=9, max_retries=2)
    node.run({})
    assert (node.metrics["success_count"], node.metrics["error_count"]) == (1, 0)
    assert node.get_stats()["total_retries"] == 1


def test_nothing_is_collected_when_that_is_switched_off() -> None:
    node = Measured(collect_metrics=False)
    node.run({})
    assert node.get_stats() == {"status": "no_executions"}


def test_what_a_graph_collects_is_readable_on_the_node_that_was_built() -> None:
    node = Measured(succeeds_at=1, max_retries=2)
    graph = Graph(node)
    for _ in range(3):
        graph.run({})
    assert node.get_stats()["total_executions"] == 3
    assert node.get_stats()["success_rate"] == 1.0
    assert node.metrics["retry_counts"] == [1, 1, 1]
