"""Reports of the demonstration: a comparison, a parallel run alone, one that was interrupted."""

from __future__ import annotations

from batchmap.metrics import RunSummary
from batchmap.records import Plan

from ...analysis.records import Case, Comparison
from .layout import (
    data_summary,
    parallel_speed,
    plan_lines,
    plural,
    rate,
    report,
    section,
    success_rate,
)
from .sections import (
    difference_lines,
    failures_told,
    limit_lines,
    more_workers,
    spread_lines,
    timeline_told,
    warnings_told,
    workers_went,
)

__all__ = ["render_comparison", "render_parallel", "render_partial"]


def render_comparison(case: Case) -> str:
    """Return the report of a sequential and a parallel run."""
    comparison = case.comparison
    assert comparison is not None
    return report(
        data_summary(comparison.total_items, comparison.data_type, case.plan),
        section(
            "Performance Results",
            f"Sequential processing time: {comparison.sequential_time:.2f}s",
            f"Parallel processing time: {comparison.parallel_time:.2f}s",
            f"Speedup: {comparison.speedup:.2f}x",
            f"Efficiency: {comparison.efficiency:.1%}",
            *spread_lines(comparison),
        ),
        section(
            "Throughput",
            f"Sequential: {rate(comparison.sequential_throughput)}",
            f"Parallel: {rate(comparison.parallel_throughput)}",
        ),
        section(
            "Correctness",
            f"Results match: {'✓' if comparison.results_match else '✗'}",
            *difference_lines(comparison.verdict),
            f"Sequential errors: {comparison.errors['sequential']}",
            f"Parallel errors: {comparison.errors['parallel']}",
        ),
        failures_told(case.failures),
        section("Limit", *limit_lines(comparison)),
        workers_went(case.accounting, case.diagnosis),
        more_workers(comparison),
        timeline_told(case.parallel_trace),
        section("Plan", *plan_lines(case.plan, case.parallel)),
        warnings_told(comparison.warnings),
        section("Conclusion", _comparison_conclusion(comparison)),
    )


def render_parallel(case: Case, *, utilisation: float) -> str:
    """Return the report of a parallel run alone."""
    run = case.parallel
    return report(
        data_summary(run.total_processed, case.data_type, case.plan),
        *parallel_speed(run),
        section(
            "Correctness",
            f"Parallel errors: {run.failed}",
            f"Success rate: {success_rate(run)}",
        ),
        failures_told(case.failures),
        section("Limit", f"Share of the workers' time spent on items: {utilisation:.1%}"),
        workers_went(case.accounting, case.diagnosis),
        timeline_told(case.parallel_trace),
        section("Plan", *plan_lines(case.plan, run)),
        section(
            "Conclusion",
            f"{run.total_processed:,} items in {run.total_duration:.2f}s "
            f"on {run.workers} {plural('worker', run.workers)}.",
        ),
    )


def render_partial(
    plan: Plan | None, data_type: str, total: int | None, runs: dict[str, RunSummary]
) -> str:
    """Return what is known of a command that was interrupted; `runs` by phase."""
    sections = []
    for phase, run in runs.items():
        of_total = "" if total is None else f" of {total:,}"
        sections.append(
            section(
                f"{phase.capitalize()} so far",
                f"Items done: {run.total_processed:,}{of_total}",
                f"{phase.capitalize()} processing time: {run.total_duration:.2f}s",
                f"{phase.capitalize()} errors: {run.failed}",
            )
        )
    done = " and ".join(
        f"{run.total_processed:,} items in the {phase} run" for phase, run in runs.items()
    )
    return report(
        data_summary(total, data_type, plan),
        *sections,
        section("Conclusion", f"Interrupted after {done or 'no items'}."),
    )


def _comparison_conclusion(comparison: Comparison) -> str:
    if not comparison.total_items:
        return "There were no items, so there is nothing to compare."
    if not comparison.results_match:
        return "The results of the two runs do not match, so the speedup counts for nothing."
    if comparison.speedup > 1.5:
        size = "a significant"
    elif comparison.speedup > 1.1:
        size = "a moderate"
    else:
        size = "a minimal"
    return (
        f"Parallel processing gave {size} speedup of {comparison.speedup:.2f}x "
        f"with {comparison.workers} {plural('worker', comparison.workers)}."
    )
