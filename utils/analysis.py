"""Run summaries to a comparison: speedup, efficiency, and the limits that no schedule passes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from utils.records import Comparison, RunSummary

__all__ = ["compare_runs", "describe_runs"]


def compare_runs(
    sequential: RunSummary,
    parallel: RunSummary,
    *,
    data_type: str,
    planned_workers: int,
    usable_cores: int,
    results_match: bool,
) -> Comparison:
    """Return the comparison of two runs over the same items.

    Two limits are stated, both from the item times of the sequential run; what that run spent
    between the items is shared out evenly among the workers, so no limit is above their number.
    `limit`: the workers are never idle while items wait, and items start in their order, which is
    the best that can be done without knowing their times (list scheduling, Graham 1969).
    `limit_any_order`: no schedule ends before max(total / workers, longest item).
    In both, no schedule ends before the CPU time divided by the cores. What the parallel run
    reached can be reached, so no limit is below the speedup, though items vary between runs.
    """
    cpu_bound_s = sequential.cpu_s / usable_cores
    between_items_s = max(0.0, sequential.total_duration - sequential.busy_s)
    any_order_s = max(sequential.total_duration / planned_workers, sequential.longest_item_s)
    in_order_s = sequential.in_order_makespan_s + between_items_s / planned_workers
    if sequential.planned_workers != planned_workers:  # chosen later, by measuring
        in_order_s = any_order_s
    speedup = _ratio(sequential.total_duration, parallel.total_duration)
    limit, limit_any_order = (
        max(speedup, _ratio(sequential.total_duration, max(shortest_s, cpu_bound_s)))
        for shortest_s in (in_order_s, any_order_s)
    )
    return Comparison(
        total_items=sequential.total_processed,
        data_type=data_type,
        sequential_time=sequential.total_duration,
        parallel_time=parallel.total_duration,
        speedup=speedup,
        workers=parallel.workers,
        efficiency=_ratio(speedup, parallel.workers),
        limit=limit,
        share_of_limit=_ratio(speedup, limit),
        limit_any_order=limit_any_order,
        share_of_limit_any_order=_ratio(speedup, limit_any_order),
        results_match=results_match,
        sequential_throughput=sequential.throughput,
        parallel_throughput=parallel.throughput,
        errors={"sequential": sequential.failed, "parallel": parallel.failed},
    )


def describe_runs(
    runs: Mapping[str, RunSummary], *, data_type: str, planned_workers: int
) -> dict[str, Any]:
    """Return the part of a comparison's figures that applies when there is only one run, or half.

    `runs` holds `sequential`, `parallel`, both or none. `utilisation` is the share, from 0 to 1,
    of the planned workers' time that the parallel run spent on items.
    """
    analysis: dict[str, Any] = {
        "total_items": max((run.total_processed for run in runs.values()), default=0),
        "data_type": data_type,
        "errors": {phase: run.failed for phase, run in runs.items()},
    }
    for phase, run in runs.items():
        analysis[f"{phase}_time"] = run.total_duration
        analysis[f"{phase}_throughput"] = run.throughput
    if "parallel" in runs:
        run = runs["parallel"]
        analysis["workers"] = run.workers
        analysis["utilisation"] = _ratio(run.busy_s, planned_workers * run.total_duration)
    return analysis


def _ratio(above: float, below: float) -> float:
    return above / below if below else 0.0
