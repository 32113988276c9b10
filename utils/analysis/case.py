"""Judges what runs came to: whether results agree, where time went, as a case for the reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from batchmap.command.run_settings import RunSettings
from batchmap.command.settings import CommandSettings
from batchmap.records import Plan, RunSummary
from batchmap.resources import usable_cores

from ..cli.settings import Settings
from ..execution.trace import Round
from ..workloads.simulated import WORKLOADS
from .comparison import Asked, compare_runs, computes, explain_run, median_round
from .core_capacity import measure_capacity
from .correctness.compare_results import compare_results
from .correctness.mismatch_causes import find_mismatch_cause
from .records import Case, Comparison, FailureExample, Verdict

__all__ = ["analyze_rounds", "build_case", "plan_as_run"]

LONG_ENOUGH_S = 0.1
"""The machine's capacity is measured for baselines that take at least this long."""


def analyze_rounds(
    rounds: Sequence[Round],
    shared: Mapping[str, Any],
    settings: Settings,
    *,
    function: Callable[[Any], Any] | None,
    is_last: bool,
) -> Comparison:
    """Return the comparison of these rounds; `shared` holds the results of the last one.

    Only after the last one is the machine measured, and only if the items compute.
    """
    plan: Plan = shared["plan"]
    return compare_runs(
        rounds,
        data_type=shared["data_type"],
        plan=plan,
        usable_cores=usable_cores(),
        capacity=_capacity(rounds[-1].sequential) if is_last else None,
        verdict=_verdict(shared, settings, function),
        asked=_asked(settings, shared),
    )


def _verdict(
    shared: Mapping[str, Any], settings: Settings, function: Callable[[Any], Any] | None
) -> Verdict:
    """Return whether the results agree now and did in the rounds before."""
    before = shared.get("analysis", {}).get("verdict")
    if before is not None and not before.matches:
        return before  # type: ignore[no-any-return]
    items = shared["items"]
    sequential, parallel = shared["sequential_results"], shared["parallel_results"]
    verdict = compare_results(
        sequential, parallel, tolerance=settings.tolerance, place=_place(items)
    )
    if verdict.matches:
        return verdict
    why = find_mismatch_cause(
        function
        or WORKLOADS[settings.workload].build(
            seed=settings.seed,
            latency_s=settings.latency_s,
            failure_rate=settings.failure_rate,
            backend=shared["plan"].backend,
        ),
        items,
        verdict,
        sequential,
        parallel,
        shared["parallel_trace"],
        tolerance=settings.tolerance,
        in_processes=shared["plan"].backend in ("process", "dask"),
    )
    return verdict if why is None else replace(verdict, why=why)


def _capacity(sequential: RunSummary) -> float | None:
    if not computes(sequential) or sequential.total_duration < LONG_ENOUGH_S:
        return None
    cores = usable_cores()
    try:
        return 1.0 if cores == 1 else min(float(cores), measure_capacity(cores))
    except OSError:  # no more processes may be started, which is no reason to lose the figures
        return None


def _asked(settings: CommandSettings, shared: Mapping[str, Any]) -> Asked:
    has_size = settings.batch_size is not None
    return Asked(
        batch_size=has_size,
        rate=settings.rate is not None,
        sizes_followed=shared["planned"].is_open and not has_size,
    )


def _place(items: Any) -> Callable[[int], str]:
    place: Callable[[int], str] = getattr(items, "place", "item {}".format)
    return place


def build_case(name: str, shared: Mapping[str, Any], settings: CommandSettings) -> Case | None:
    """Return all that is known of a run and its baseline; `None` before a parallel run."""
    if "parallel_trace" not in shared:
        return None
    plan: Plan = shared["plan"]
    comparison = None
    parallel = RunSummary(**shared["parallel_metrics"])
    trace = shared["parallel_trace"]
    sequential = sequential_trace = None
    if "analysis" in shared and "rounds" in shared:
        comparison = Comparison(**shared["analysis"])
        accounting, diagnosis = comparison.accounting, comparison.diagnosis
        one = median_round(shared["rounds"])
        parallel, trace = one.parallel, one.parallel_trace
        sequential, sequential_trace = one.sequential, one.sequential_trace
    else:
        accounting, diagnosis = explain_run(
            plan, parallel, trace, usable_cores=usable_cores(), asked=_asked(settings, shared)
        )
    place = _place(shared["items"])
    return Case(
        name=name,
        workload=_workload_of(settings),
        data_type=shared["data_type"],
        plan=plan,
        sequential=sequential,
        parallel=parallel,
        sequential_trace=sequential_trace,
        parallel_trace=trace,
        comparison=comparison,
        accounting=accounting,
        diagnosis=diagnosis,
        failures=tuple(
            FailureExample(place(item.index), item.failure.error_type, item.failure.error)
            for item in parallel.unexpected_failures
            if item.failure is not None
        ),
    )


def _workload_of(settings: CommandSettings) -> str:
    if isinstance(settings, RunSettings):
        return settings.task
    assert isinstance(settings, Settings)
    return settings.task or settings.workload


def plan_as_run(plan: Plan, summary: RunSummary, settings: CommandSettings) -> Plan:
    """Return a plan that was made by measuring, with the batches that there were."""
    mean = round(summary.total_processed / summary.batches) if summary.batches else 1
    return replace(
        plan, batch_size=settings.batch_size or max(1, mean), num_batches=summary.batches
    )
