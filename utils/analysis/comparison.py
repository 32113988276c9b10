"""Rounds of runs to a comparison: speedup, limits, losses, and what more workers would bring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from batchmap.metrics import RunSummary
from batchmap.records import Plan
from batchmap.scheduling.batching import HAND_OVER_S

from ..execution.trace import Round, Trace
from .bottlenecks import COMPUTES_FROM, LARGE_BATCH_BYTES, Evidence, diagnose
from .measurement_noise import spread_of, warnings_of
from .records import Bottleneck, Comparison, TimeBreakdown, Verdict
from .time_breakdown import account
from .what_if import ScheduleModel, best_batch_size, predictions, stops_paying_at

__all__ = ["Asked", "compare_runs", "computes", "describe_runs", "explain_run", "median_round"]

USUAL_HAND_OVER = 3
"""A hand-over of up to so many times the usual cost does not depend on what it carries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What of a run was not left to be chosen."""

    batch_size: bool = False
    rate: bool = False
    sizes_followed: bool = False
    """Whether batches were cut by what was measured, whatever the plan's size."""


def computes(run: RunSummary) -> bool:
    """Tell whether a run's items mostly compute, and last long enough to tell."""
    return run.busy_s > 0 and run.cpu_s >= COMPUTES_FROM * run.busy_s


def compare_runs(
    rounds: Sequence[Round],
    *,
    data_type: str,
    plan: Plan,
    usable_cores: int,
    capacity: float | None,
    verdict: Verdict,
    asked: Asked,
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
    sequential, parallel, parallel_trace = (
        middle.sequential,
        middle.parallel,
        middle.parallel_trace,
    )
    cores = float(usable_cores) if capacity is None else capacity
    speedup = _ratio(sequential.total_duration, parallel.total_duration)
    replay = _replay(middle, plan, cores, asked)
    limit, limit_any_order = _limits(sequential, replay, plan.workers, speedup)
    accounting = account(parallel_trace, parallel, sequential=sequential)
    waited = asked.rate or sequential.retries or parallel.retries  # which no replay knows of
    says_more = not waited and sequential.busy_s > 0
    times = {
        "sequential": spread_of([one.sequential.total_duration for one in rounds]),
        "parallel": spread_of([one.parallel.total_duration for one in rounds]),
    }
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
        accounting=accounting,
        diagnosis=_diagnosis(
            plan, accounting, parallel_trace, parallel, sequential, usable_cores, cores, asked
        ),
        predictions=tuple(one for one in predictions(replay) if one.workers != plan.workers)
        if says_more
        else (),
        stops_paying_at=stops_paying_at(replay) if says_more else None,
        best_batch_size=best_batch_size(replay) if says_more else None,
        sequential_times=times["sequential"],
        parallel_times=times["parallel"],
        speedups=spread_of(
            [_ratio(one.sequential.total_duration, one.parallel.total_duration) for one in rounds]
        ),
        warnings=tuple(
            warnings_of(
                times,
                {
                    "sequential": [one.sequential_trace for one in rounds],
                    "parallel": [one.parallel_trace for one in rounds],
                },
                computes=computes(sequential),
            )
        ),
    )


def median_round(rounds: Sequence[Round]) -> Round:
    """Return the median run of each side, by its time, as one round."""
    sequential, sequential_trace = _median(
        [(one.sequential, one.sequential_trace) for one in rounds]
    )
    parallel, parallel_trace = _median([(one.parallel, one.parallel_trace) for one in rounds])
    return Round(sequential, parallel, sequential_trace, parallel_trace)


def explain_run(
    plan: Plan, run: RunSummary, trace: Trace, *, usable_cores: int, asked: Asked
) -> tuple[TimeBreakdown, Bottleneck | None]:
    """Return where the workers of a run without a baseline went, and the largest loss."""
    accounting = account(trace, run)
    return accounting, _diagnosis(
        plan, accounting, trace, run, None, usable_cores, float(usable_cores), asked
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


def _median(runs: Sequence[tuple[RunSummary, Trace]]) -> tuple[RunSummary, Trace]:
    """Return the run with the median time, the lower one of two."""
    return sorted(runs, key=lambda run: run[0].total_duration)[(len(runs) - 1) // 2]


def _limits(
    sequential: RunSummary, replay: ScheduleModel, planned_workers: int, speedup: float
) -> tuple[float, float]:
    cpu_bound_s = sequential.cpu_s / min(replay.capacity, planned_workers)
    between_items_s = max(0.0, sequential.total_duration - sequential.busy_s)
    any_order_s = max(sequential.total_duration / planned_workers, sequential.longest_item_s)
    if sequential.planned_workers == planned_workers:
        makespan_s = sequential.in_order_makespan_s
    else:  # chosen later, by measuring
        makespan_s = replay.makespan_s(planned_workers)
    in_order_s = makespan_s + between_items_s / planned_workers
    in_order, any_order = (
        max(speedup, _ratio(sequential.total_duration, max(shortest_s, cpu_bound_s)))
        for shortest_s in (in_order_s, any_order_s)
    )
    return min(in_order, any_order), any_order


def _replay(middle: Round, plan: Plan, cores: float, asked: Asked) -> ScheduleModel:
    """Return what the parallel run's schedule depended on.

    Items that were measured in place, one after another, are part of the start.
    """
    sequential, parallel, trace = middle.sequential, middle.parallel, middle.parallel_trace
    batches = max(1, parallel.batches)
    hand_over_s = max(0.0, trace.hand_over_s) / batches
    usual_s = min(hand_over_s, USUAL_HAND_OVER * HAND_OVER_S.get(plan.backend, 0.0))
    carried = trace.surroundings.carried_bytes / batches
    items_a_batch = max(1.0, parallel.total_processed / batches)
    in_workers = [span for span in trace.spans if not span.in_place]
    in_place = sum(span.items for span in trace.spans if span.in_place)
    starts_s = sorted({span.worker: span.started_s for span in reversed(in_workers)}.values())
    return ScheduleModel(
        item_times_s=middle.sequential_trace.item_times_s[
            in_place // middle.sequential_trace.items_a_time :
        ],
        items_a_time=middle.sequential_trace.items_a_time,
        sequential_s=sequential.total_duration,
        workers=max(1, parallel.workers),
        batch_size=round(items_a_batch) if asked.sizes_followed else plan.batch_size,
        shrinks=not asked.batch_size,
        start_s=starts_s[0] if starts_s else 0.0,
        start_step_s=(starts_s[-1] - starts_s[0]) / max(1, len(starts_s) - 1) if starts_s else 0.0,
        end_s=max(
            0.0, trace.wall_s - max((span.ended_s for span in trace.spans), default=trace.wall_s)
        ),
        hand_over_s=usual_s,
        carrying_s=(hand_over_s - usual_s) / items_a_batch if carried >= LARGE_BATCH_BYTES else 0.0,
        slowdown=_ratio(parallel.busy_s, sequential.busy_s),
        parallel_s=parallel.total_duration,
        cpu_s=sequential.cpu_s * (1 - _ratio(in_place, parallel.total_processed)),
        capacity=cores,
    )


def _diagnosis(
    plan: Plan,
    accounting: TimeBreakdown,
    trace: Trace,
    parallel: RunSummary,
    sequential: RunSummary | None,
    cores: int,
    capacity: float,
    asked: Asked,
) -> Bottleneck | None:
    if accounting.workers < 2 or parallel.interrupted:
        return None
    return diagnose(
        Evidence(
            plan=plan,
            accounting=accounting,
            trace=trace,
            parallel=parallel,
            sequential=sequential,
            cores=cores,
            capacity=capacity,
            batch_size_asked=asked.batch_size,
            rate_asked=asked.rate,
        )
    )


def _ratio(above: float, below: float) -> float:
    return above / below if below else 0.0
