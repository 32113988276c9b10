"""The graphs: the shared store is filled as promised, whatever the backend."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import pytest
from batchmap.records import Batch, ItemRecord, Plan
from batchmap.stopping import StopRequest, Urgency

from batchmap_workbook.graphs import create_comparison_graph, create_parallel_graph
from batchmap_workbook.utils.cli.settings import Settings
from batchmap_workbook.utils.workloads.built_in import SimulatedIO
from tests.conftest import rest_slow
from tests.fakes import FakeClock

BACKENDS = ("sequential", "thread", "process")


def quiet(**options: Any) -> Settings:
    return Settings.of(**{"latency_s": 0, "quiet": True, **options})


def compared(settings: Settings, **options: Any) -> dict[str, Any]:
    shared: dict[str, Any] = {}
    create_comparison_graph(settings, shows=False, **options).run(shared)
    return shared


def outcomes(results: Any) -> list[tuple[Any, str | None]]:
    return [(entry.result, entry.failure and entry.failure.error) for entry in results]


def test_the_comparison_fills_every_key() -> None:
    shared = compared(quiet(count=30, workers=3))
    assert shared.keys() == {
        "items", "total_items", "data_type", "batches", "batch_size", "num_batches", "plan",
        "sequential_results", "sequential_metrics", "parallel_results", "parallel_metrics",
        "analysis", "report", "planned", "sequential_trace", "parallel_trace", "rounds", "case",
        "started",
    }  # fmt: skip
    assert (shared["total_items"], shared["data_type"]) == (30, "mixed")
    assert isinstance(shared["plan"], Plan)
    assert {
        "total_processed", "successful", "failed", "success_rate", "total_duration", "throughput",
        "avg_time_per_item", "workers",
    } <= shared["parallel_metrics"].keys() & shared["sequential_metrics"].keys()  # fmt: skip
    assert {
        "total_items", "data_type", "sequential_time", "parallel_time", "speedup", "workers",
        "efficiency", "limit", "results_match", "sequential_throughput", "parallel_throughput",
        "errors",
    } <= shared["analysis"].keys()  # fmt: skip
    assert shared["report"].startswith("Parallel Batch Processing Performance Report\n")


def test_items_and_batches_can_be_iterated_again() -> None:
    shared = compared(quiet(count=30))
    items = [item for batch in shared["batches"] for item in batch.items]
    assert items == list(shared["items"]) == list(shared["items"])
    assert len(list(shared["batches"])) == shared["num_batches"]


def test_results_are_item_records_in_input_order() -> None:
    shared = compared(quiet(count=50, workers=4))
    for phase in ("sequential", "parallel"):
        entries = list(shared[f"{phase}_results"])
        assert all(isinstance(entry, ItemRecord) for entry in entries)
        assert [entry.index for entry in entries] == list(range(50))


@pytest.mark.parametrize("workload", rest_slow(2, "io", "text", "number"))
def test_one_seed_gives_the_same_results_and_failures_in_every_backend(workload: str) -> None:
    seen = [
        outcomes(
            compared(
                quiet(
                    count=12, workers=2, backend=backend, workload=workload, seed=5,
                    failure_rate=0.3, data="text" if workload == "io" else None,
                )
            )["parallel_results"]
        )
        for backend in BACKENDS
    ]  # fmt: skip
    assert seen[0] == seen[1] == seen[2]
    assert any(error for _, error in seen[0])
    assert any(error is None for _, error in seen[0])


def test_another_seed_gives_other_results_and_other_failures() -> None:
    one, other = (
        outcomes(compared(quiet(count=100, seed=seed))["parallel_results"]) for seed in (1, 2)
    )
    assert one != other
    assert [bool(error) for _, error in one] != [bool(error) for _, error in other]


def test_the_parallel_graph_keeps_metrics_and_no_results() -> None:
    shared: dict[str, Any] = {}
    create_parallel_graph(quiet(count=40), shows=False).run(shared)
    assert shared["parallel_metrics"]["total_processed"] == 40
    assert not {"parallel_results", "sequential_results", "sequential_metrics"} & shared.keys()
    assert "speedup" not in shared["analysis"]
    assert "Parallel processing time" in shared["report"]


def test_the_sequential_run_is_the_same_with_one_worker() -> None:
    shared = compared(quiet(count=20, workers=5, backend="process", batch_size=3))
    assert shared["sequential_metrics"]["workers"] == 1
    assert shared["batch_size"] == 3
    assert shared["num_batches"] == 7


def test_ones_own_function_goes_through_the_same_graph() -> None:
    shared = compared(quiet(count=10, data="numbers"), function=lambda number: number % 10)
    assert [entry.result for entry in shared["parallel_results"]] == [
        item % 10 for item in shared["items"]
    ]
    assert shared["analysis"]["results_match"] is True


def test_a_function_that_gives_other_results_each_time_is_reported() -> None:
    calls = itertools.count()
    shared = compared(quiet(count=5), function=lambda item: next(calls))
    assert shared["analysis"]["results_match"] is False
    assert "Results match: ✗" in shared["report"]
    assert "do not match" in shared["report"]


def test_an_interrupted_sequential_run_goes_straight_to_the_report() -> None:
    stop = StopRequest()

    def stop_at_third(item: Any) -> Any:
        if next(seen) == 3:
            stop.request(Urgency.DRAIN)
        return item

    seen = itertools.count(1)
    shared = compared(quiet(count=20), function=stop_at_third, stop=stop)
    assert "parallel_metrics" not in shared
    assert shared["sequential_metrics"]["total_processed"] == 3
    assert "Interrupted after 3 items in the sequential run." in shared["report"]


def test_the_wiring_is_that_of_the_design() -> None:
    chain = "LoadDataNode SplitBatchNode SequentialProcessNode ParallelProcessNode AggregateNode"
    assert node_names(create_comparison_graph().start_node) == [*chain.split(), "ReportNode"]
    assert node_names(create_parallel_graph().start_node) == [
        "LoadDataNode", "SplitBatchNode", "ParallelProcessNode", "ReportNode",
    ]  # fmt: skip


def node_names(node: Any) -> list[str]:
    names = []
    while node is not None:
        names.append(type(node).__name__)
        successors: Mapping[str, Any] = node.successors
        node = successors.get("default")
    return names


def test_the_simulated_wait_is_never_skipped() -> None:
    clock = FakeClock()
    shared = compared(
        quiet(count=10, workers=1, backend="thread"),
        function=SimulatedIO(failure_rate=0, clock=clock),
    )
    assert len(clock.sleeps) == 2 * 10
    assert clock.sleeps[:10] == clock.sleeps[10:]
    assert isinstance(next(iter(shared["batches"])), Batch)
