"""Reports of the demonstration: a comparison, a parallel run alone, the benchmark's table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from utils.records import Comparison, ItemRecord, Plan, Recommendation, RunSummary, ScenarioResult
from utils.reporting._parts import (
    Lines,
    data_summary,
    parallel_speed,
    plan_lines,
    plural,
    rate,
    report,
    section,
    success_rate,
    table,
    text,
    title,
)
from utils.terminal import printable

__all__ = ["render_benchmark", "render_comparison", "render_parallel", "render_partial"]

BENCHMARK_TITLE = "Parallel Batch Processing Benchmark"

Place = Callable[[int], str]


def render_comparison(
    plan: Plan, parallel: RunSummary, comparison: Comparison, *, place: Place
) -> str:
    """Return the report of a sequential and a parallel run."""
    return report(
        data_summary(comparison.total_items, comparison.data_type, plan),
        section(
            "Performance Results",
            f"Sequential processing time: {comparison.sequential_time:.2f}s",
            f"Parallel processing time: {comparison.parallel_time:.2f}s",
            f"Speedup: {comparison.speedup:.2f}x",
            f"Efficiency: {comparison.efficiency:.1%}",
        ),
        section(
            "Throughput",
            f"Sequential: {rate(comparison.sequential_throughput)}",
            f"Parallel: {rate(comparison.parallel_throughput)}",
        ),
        section(
            "Correctness",
            f"Results match: {'✓' if comparison.results_match else '✗'}",
            f"Sequential errors: {comparison.errors['sequential']}",
            f"Parallel errors: {comparison.errors['parallel']}",
        ),
        _failures(parallel.unexpected_failures, place),
        section(
            "Limit",
            f"Best possible speedup, items taken in order: {comparison.limit:.2f}x",
            f"Share reached: {comparison.share_of_limit:.1%}",
            f"Best possible speedup, item times known ahead: {comparison.limit_any_order:.2f}x",
            f"Share reached: {comparison.share_of_limit_any_order:.1%}",
        ),
        section("Plan", *plan_lines(plan, parallel)),
        section("Conclusion", _comparison_conclusion(comparison)),
    )


def render_parallel(
    plan: Plan, data_type: str, run: RunSummary, *, utilisation: float, place: Place
) -> str:
    """Return the report of a parallel run alone."""
    return report(
        data_summary(run.total_processed, data_type, plan),
        *parallel_speed(run),
        section(
            "Correctness",
            f"Parallel errors: {run.failed}",
            f"Success rate: {success_rate(run)}",
        ),
        _failures(run.unexpected_failures, place),
        section("Limit", f"Share of the workers' time spent on items: {utilisation:.1%}"),
        section("Plan", *plan_lines(plan, run)),
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


def render_benchmark(
    results: Sequence[ScenarioResult], recommendations: Iterable[Recommendation]
) -> str:
    """Return the table of the scenarios and what it recommends."""
    head = (
        "Scenario", "Items", "Workers", "Seq. s", "Par. s", "Speedup", "Eff.", "Limit", "Match",
    )  # fmt: skip
    rows = [
        (
            result.name,
            str(result.comparison.total_items),
            str(result.plan.workers),
            f"{result.comparison.sequential_time:.2f}",
            f"{result.comparison.parallel_time:.2f}",
            f"{result.comparison.speedup:.2f}x",
            f"{result.comparison.efficiency:.1%}",
            f"{result.comparison.limit:.2f}x",
            "✓" if result.comparison.results_match else "✗",
        )
        for result in results
    ]
    advice = (
        f"{one.workload} ({one.kind}): {one.backend} backend, {one.workers} "
        f"{plural('worker', one.workers)}, batch size {one.batch_size}: {one.why}"
        for one in recommendations
    )
    return text(
        [*title(BENCHMARK_TITLE), *table(head, rows), "", *section("Recommendation", *advice)]
    )


def _failures(failures: Sequence[ItemRecord], place: Place) -> Lines:
    lines = [
        printable(f"{place(item.index)}: {item.failure.error_type}: {item.failure.error:.200}")
        for item in failures
        if item.failure is not None
    ]
    return section("First failures", *lines) if lines else []


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
