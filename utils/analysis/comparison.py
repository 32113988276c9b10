"""Compares sequential and parallel runs over the same items: speedup, limits, losses, forecasts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from batchmap.metrics import RunSummary
from batchmap.records import Plan

from ..execution.trace import Round, Trace
from .bottlenecks import Evidence, find_bottleneck
from .given_options import GivenOptions
from .records import Bottleneck, Comparison, TimeBreakdown, Verdict
from .schedule_model import ScheduleModel, model_schedule
from .thresholds import is_cpu_bound
from .time_breakdown import break_down_time
from .what_if import best_batch_size, predictions, stops_paying_at

__all__ = ["compare_runs", "describe_runs", "explain_run", "median_round"]


def compare_runs(
    rounds: Sequence[Round],
    *,
    data_type: str,
    plan: Plan,
    usable_cores: int,
    capacity: float | None,
    verdict: Verdict,
    given: GivenOptions,
) -> Comparison:
    """Return the comparison of sequential and parallel runs over the same items.

    With several rounds, each side's figures are those of its median round. `capacity` is how many
    cores' work the machine was measured to do at once, `None` where it was not measured.

    Two limits are stated, both from the item times of the sequential run; what that run spent
    between the items is shared out evenly among the workers, so no limit is above their number.
    `limit`: the workers are never idle while items wait, and items start in their order, which is
    the best that can be done without knowing their times (list scheduling, Graham 1969).
    `limit_any_order`: no schedule ends before max(total / workers, longest item).
    In both, no schedule ends before the CPU time divided by the capacity. What the parallel run
    reached can be reached, so no limit is below the speedup, though items vary between runs.
    """
    middle = median_round(rounds)
    sequential, parallel = middle.sequential, middle.parallel
    cores = float(usable_cores) if capacity is None else capacity
    speedup = _ratio(sequential.total_duration, parallel.total_duration)
    model = model_schedule(middle, plan, capacity=cores, given=given)
    limit, limit_any_order = _limits(sequential, model, plan.workers, speedup)
    breakdown = break_down_time(middle.parallel_trace, parallel, sequential=sequential)
    bottleneck = _bottleneck(
        Evidence(
            plan=plan,
            breakdown=breakdown,
            trace=middle.parallel_trace,
            parallel=parallel,
            sequential=sequential,
            cores=usable_cores,
            capacity=cores,
            given=given,
        )
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
        machine_capacity=capacity,
        results_match=verdict.matches,
        verdict=verdict,
        sequential_throughput=sequential.throughput,
        parallel_throughput=parallel.throughput,
        errors={"sequential": sequential.failed, "parallel": parallel.failed},
        accounting=breakdown,
        diagnosis=bottleneck,
        **_forecasts(model, middle, plan, given),
        **_reliability(rounds, is_cpu_bound(sequential)),
    )


def median_round(rounds: Sequence[Round]) -> Round:
    """Return the median run of each side, by its time, as one round."""
    sequential, sequential_trace = _median(
        [(one.sequential, one.sequential_trace) for one in rounds]
    )
    parallel, parallel_trace = _median([(one.parallel, one.parallel_trace) for one in rounds])
    return Round(sequential, parallel, sequential_trace, parallel_trace)


def explain_run(
    plan: Plan, run: RunSummary, trace: Trace, *, usable_cores: int, given: GivenOptions
) -> tuple[TimeBreakdown, Bottleneck | None]:
    """Return where the workers' time of a run without a baseline went, and the largest loss."""
    breakdown = break_down_time(trace, run)
    bottleneck = _bottleneck(
        Evidence(
            plan=plan,
            breakdown=breakdown,
            trace=trace,
            parallel=run,
            sequential=None,
            cores=usable_cores,
            capacity=float(usable_cores),
            given=given,
        )
    )
    return breakdown, bottleneck


def describe_runs(runs: Mapping[str, RunSummary], *, data_type: str) -> dict[str, Any]:
    """Return the part of a comparison's figures that applies when there is only one run, or half.

    `runs` holds `sequential`, `parallel`, both or none. `utilisation` is the share, from 0 to 1,
    of the workers' time that the parallel run spent on items.
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
        analysis["utilisation"] = _ratio(run.busy_s, run.workers * run.total_duration)
    return analysis


def _median(runs: Sequence[tuple[RunSummary, Trace]]) -> tuple[RunSummary, Trace]:
    """Return the run with the median time, the lower one of two."""
    return sorted(runs, key=lambda run: run[0].total_duration)[(len(runs) - 1) // 2]


def _limits(
    sequential: RunSummary, model: ScheduleModel, planned_workers: int, speedup: float
) -> tuple[float, float]:
    """Return the best speedups with the items in their order, and in any order."""
    cpu_bound_s = sequential.cpu_s / min(model.capacity, planned_workers)
    between_items_s = max(0.0, sequential.total_duration - sequential.busy_s)
    any_order_s = max(sequential.total_duration / planned_workers, sequential.longest_item_s)
    if sequential.planned_workers == planned_workers:
        makespan_s = sequential.in_order_makespan_s
    else:  # the workers were chosen after the sequential run, by measuring
        makespan_s = model.makespan_s(planned_workers)
    in_order_s = makespan_s + between_items_s / planned_workers
    in_order, any_order = (
        max(speedup, _ratio(sequential.total_duration, max(shortest_s, cpu_bound_s)))
        for shortest_s in (in_order_s, any_order_s)
    )
    return min(in_order, any_order), any_order


def _bottleneck(evidence: Evidence) -> Bottleneck | None:
    return None if evidence.parallel.interrupted else find_bottleneck(evidence)


def _forecasts(
    model: ScheduleModel, measured: Round, plan: Plan, given: GivenOptions
) -> dict[str, Any]:
    """Return what other workers and batches would gain, by field of `Comparison`.

    Nothing where the model misses what the time depends on: a rate, or waits before retries.
    """
    waited = given.rate or measured.sequential.retries or measured.parallel.retries
    if waited or measured.sequential.busy_s <= 0:
        return {"predictions": (), "stops_paying_at": None, "best_batch_size": None}
    return {
        "predictions": tuple(one for one in predictions(model) if one.workers != plan.workers),
        "stops_paying_at": stops_paying_at(model),
        "best_batch_size": best_batch_size(model),
    }


def _reliability(rounds: Sequence[Round], computes: bool) -> dict[str, Any]:
    """Return how far the rounds lie apart, and what makes them doubtful, by field."""
    # which a run alone does not need
    from .measurement_noise import environment_of, noise_warnings, spread_of

    sequential_s = [one.sequential.total_duration for one in rounds]
    parallel_s = [one.parallel.total_duration for one in rounds]
    times = {"sequential": spread_of(sequential_s), "parallel": spread_of(parallel_s)}
    traces = {
        "sequential": [one.sequential_trace for one in rounds],
        "parallel": [one.parallel_trace for one in rounds],
    }
    return {
        "sequential_times": times["sequential"],
        "parallel_times": times["parallel"],
        "speedups": spread_of(list(map(_ratio, sequential_s, parallel_s))),
        "environment": environment_of(traces),
        "warnings": tuple(noise_warnings(times, traces, computes=computes)),
    }


def _ratio(above: float, below: float) -> float:
    return above / below if below else 0.0
