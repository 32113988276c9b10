"""Statistics of a node's runs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest
from kaygraph import (
    AsyncBatchNode,
    AsyncGraph,
    AsyncNode,
    AsyncParallelBatchNode,
    BatchNode,
    Graph,
    MetricsNode,
    ParallelBatchNode,
)


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
    monkeypatch.setattr(
        "kaygraph.base.time", SimpleNamespace(perf_counter=lambda: next(ticks), time=lambda: 0.0)
    )
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


@pytest.mark.parametrize("step", ["before_prep", "prep", "exec", "after_exec", "post"])
@pytest.mark.parametrize("is_async", [False, True])
def test_an_error_in_any_step_is_an_error(step: str, is_async: bool) -> None:
    class Breaks(*((AsyncNode, MetricsNode) if is_async else (MetricsNode,))):  # type: ignore[misc]
        pass

    def broken(*given: Any) -> Any:
        raise LookupError(step)

    async def broken_async(*given: Any) -> Any:
        raise LookupError(step)

    is_awaited = is_async and step in ("prep", "exec", "post")
    setattr(Breaks, f"{step}_async" if is_awaited else step, broken_async if is_awaited else broken)
    node = Breaks()
    with pytest.raises(LookupError, match=step):
        asyncio.run(AsyncGraph(node).run_async({}))
    assert (node.metrics["success_count"], node.metrics["error_count"]) == (0, 1)
    assert len(node.metrics["execution_times"]) == len(node.metrics["retry_counts"]) == 1


@pytest.mark.parametrize(
    "bases",
    [
        (BatchNode, MetricsNode),
        (MetricsNode, BatchNode),
        (ParallelBatchNode, MetricsNode),
        (AsyncBatchNode, MetricsNode),
        (MetricsNode, AsyncBatchNode),
        (AsyncParallelBatchNode, MetricsNode),
    ],
)
def test_a_batch_counts_as_one_execution_with_the_retries_of_all_its_items(bases: Any) -> None:
    class Batch(*bases):  # type: ignore[misc]
        def prep(self, shared: dict[str, Any]) -> Iterable[int]:
            return range(95)

        async def prep_async(self, shared: dict[str, Any]) -> Iterable[int]:
            return range(95)

        def exec(self, prep_res: int) -> None:
            if self.cur_retry < prep_res % 2:
                raise LookupError

        async def exec_async(self, prep_res: int) -> None:
            await asyncio.sleep(0)
            self.exec(prep_res)

    node = Batch(max_retries=2)
    asyncio.run(AsyncGraph(node).run_async({}))
    assert node.metrics["retry_counts"] == [47]
    assert node.get_stats()["total_executions"] == 1
    assert node.get_stats()["success_rate"] == 1.0
    asyncio.run(AsyncGraph(node).run_async({}))
    assert node.metrics["retry_counts"] == [47, 47]


def test_threads_that_run_one_node_lose_no_execution_and_no_retry() -> None:
    together = threading.Barrier(8, timeout=20)

    class Fails(MetricsNode):
        def exec(self, prep_res: Any) -> Any:
            together.wait()
            raise LookupError

        def exec_fallback(self, prep_res: Any, exc: Exception) -> Any:
            return None

    node = Fails(max_retries=5)
    threads = [threading.Thread(target=node.run, args=({},)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert node.get_stats()["total_executions"] == 8
    assert node.get_stats()["total_retries"] == 8 * 4


def test_a_run_whose_error_on_error_swallows_is_a_success() -> None:
    class Swallows(Measured):
        def on_error(self, shared: dict[str, Any], error: Exception) -> bool:
            return True

    node = Swallows(succeeds_at=9)
    node.run({})
    assert (node.metrics["success_count"], node.metrics["error_count"]) == (1, 0)


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
