"""The reports of a comparison, of a parallel run alone, and of either when it was interrupted."""

from __future__ import annotations

from collections.abc import Mapping

from batchmap.command.text_layout import plural, rate, section
from batchmap.metrics import RunSummary
from batchmap.records import Plan

from ...analysis.aggregates import parts_of
from ...analysis.records import Case, Comparison
from ..verdict import notices, partial_verdict, verdict
from ..wording import success_rate
from .layout import data_summary, parallel_speed, plan_lines, short_report, whole_report
from .sections import (
    failures_section,
    limit_lines,
    mismatch_lines,
    predictions_section,
    rounds_lines,
    slow_items_section,
    time_breakdown_section,
    timeline_section,
    warnings_section,
)

__all__ = ["render_comparison", "render_parallel", "render_partial"]


def render_comparison(case: Case, *, details: bool) -> str:
    """Return the report of a comparison, short or with all `details`; the case must have one."""
    comparison = case.comparison
    assert comparison is not None
    said = (verdict(case), *notices(case))
    summary = data_summary(comparison.total_items, comparison.data_type, case.plan, case.parallel)
    results = section(
        "Performance Results",
        f"Sequential processing time: {comparison.sequential_time:.2f}s",
        f"Parallel processing time: {comparison.parallel_time:.2f}s",
        f"Speedup: {comparison.speedup:.2f}x",
        f"Efficiency: {comparison.efficiency:.1%}",
        f"Limit: {comparison.limit:.2f}x, {comparison.share_of_limit:.1%} of it reached",
        *(rounds_lines(comparison) if details else ()),
    )
    throughput = section(
        "Throughput",
        f"Sequential: {rate(comparison.sequential_throughput)}",
        f"Parallel: {rate(comparison.parallel_throughput)}",
    )
    correctness = section(
        "Correctness",
        f"Results match: {'✓' if comparison.results_match else '✗'}",
        *(mismatch_lines(comparison.verdict) if details else ()),
        f"Sequential errors: {comparison.errors['sequential']}",
        f"Parallel errors: {comparison.errors['parallel']}",
    )
    conclusion = section("Conclusion", _conclusion(comparison))
    if not details:
        return short_report(said, summary, results, throughput, correctness, conclusion)
    return whole_report(
        said,
        summary,
        results,
        throughput,
        correctness,
        failures_section(case),
        section("Limit", *limit_lines(comparison)),
        time_breakdown_section(case.accounting, case.diagnosis),
        predictions_section(comparison),
        timeline_section(case.parallel_trace),
        slow_items_section(case.parallel),
        section("Plan", *plan_lines(case.plan, case.parallel)),
        warnings_section(comparison.warnings),
        conclusion,
    )


def render_parallel(case: Case, *, details: bool) -> str:
    """Return the report of a parallel run without a baseline, short or with all `details`."""
    run = case.parallel
    said = (verdict(case), *notices(case))
    sections = (
        data_summary(run.total_processed, case.data_type, case.plan, run),
        *parallel_speed(run),
        section(
            "Correctness",
            f"Parallel errors: {run.failed}",
            f"Success rate: {success_rate(run)}",
        ),
    )
    at_work = parts_of(case.accounting)[0].share
    limit = section("Limit", f"Share of the workers' time spent on items: {at_work:.1%}")
    conclusion = section(
        "Conclusion",
        f"{run.total_processed:,} {plural('item', run.total_processed)} in "
        f"{run.total_duration:.2f}s on {run.workers} {plural('worker', run.workers)}.",
    )
    if not details:
        return short_report(said, *sections, limit, conclusion)
    return whole_report(
        said,
        *sections,
        failures_section(case),
        limit,
        time_breakdown_section(case.accounting, case.diagnosis),
        timeline_section(case.parallel_trace),
        slow_items_section(run),
        section("Plan", *plan_lines(case.plan, run)),
        conclusion,
    )


def render_partial(
    plan: Plan | None, data_type: str, total: int | None, runs: Mapping[str, RunSummary]
) -> str:
    """Return the report of a run or a comparison that was interrupted.

    `runs` holds what was done until then, by phase: `sequential`, `parallel`, both or none. A
    `total` or a plan that is not known is `None`.
    """
    of_total = "" if total is None else f" of {total:,}"
    sections = [
        section(
            f"{phase.capitalize()} so far",
            f"Items done: {run.total_processed:,}{of_total}",
            f"{phase.capitalize()} processing time: {run.total_duration:.2f}s",
            f"{phase.capitalize()} errors: {run.failed}",
        )
        for phase, run in runs.items()
    ]
    interrupted = partial_verdict(runs)
    return whole_report(
        [interrupted],
        data_summary(total, data_type, plan),
        *sections,
        section("Conclusion", f"{interrupted}."),
    )


def _conclusion(comparison: Comparison) -> str:
    if not comparison.total_items:
        return "There were no items, so there is nothing to compare."
    found = comparison.verdict
    if not comparison.results_match and found.failed_in_one == found.different:
        items = f"{found.different:,} {plural('item', found.different)}"
        return f"{items} failed in one run only, so the speedup counts for nothing."
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
