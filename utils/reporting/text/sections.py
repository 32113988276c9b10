"""The sections and entries of a text report that say what was found out about a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from batchmap.command.summary import error_text, slow_lines
from batchmap.command.text_layout import Lines, plural, section
from batchmap.metrics import RunSummary
from batchmap.text import printable

from ...analysis.aggregates import parts_of
from ...analysis.records import Bottleneck, Case, Comparison, TimeBreakdown, Verdict
from ...analysis.worker_load import worker_loads
from ...execution.trace import Trace
from ..wording import seconds
from .bars import bar, load_row

__all__ = [
    "failures_section",
    "limit_lines",
    "mismatch_lines",
    "predictions_section",
    "rounds_lines",
    "slow_items_section",
    "time_breakdown_section",
    "timeline_section",
    "warnings_section",
]

BAR_WIDTH = 30
TIMELINE_WIDTH = 60
MAX_TIMELINE_ROWS = 8


def rounds_lines(comparison: Comparison) -> Iterator[str]:
    """Yield how far the rounds lie apart, where there were several."""
    rounds = len(comparison.speedups.values)
    if rounds < 2:
        return
    sequential, parallel = comparison.sequential_times, comparison.parallel_times
    speedups = comparison.speedups
    yield f"Rounds: {rounds}, in turn; the figures are those of each side's median round"
    yield f"Sequential from {sequential.least:.2f}s to {sequential.most:.2f}s"
    yield f"Parallel from {parallel.least:.2f}s to {parallel.most:.2f}s"
    yield f"Speedup of a round from {speedups.least:.2f}x to {speedups.most:.2f}x"


def mismatch_lines(verdict: Verdict) -> Iterator[str]:
    """Yield the first items whose results differ, and why they do."""
    if verdict.matches:
        return
    yield f"Items that differ: {verdict.different:,}"
    for one in verdict.differences:
        yield printable(f"{one.place}: sequential {one.sequential}, parallel {one.parallel}")
    if verdict.why is not None:
        yield printable(f"Why: {verdict.why}")


def failures_section(case: Case) -> Lines:
    """Return the sections on what failed and was not simulated: the first items, and the kinds.

    The kinds are left out where each was seen once.
    """
    lines = [printable(f"{one.place}: {one.error_type}: {one.error:.200}") for one in case.failures]
    errors = case.parallel.errors
    return [
        *(section("First failures", *lines) if lines else []),
        *(
            section("Most frequent errors", *map(error_text, errors))
            if any(one.number > 1 for one in errors)
            else []
        ),
    ]


def limit_lines(comparison: Comparison) -> Iterator[str]:
    """Yield how near the speedup came to what is possible."""
    reached = bar(comparison.share_of_limit, BAR_WIDTH)
    yield f"Reached: {reached} {comparison.speedup:.2f}x of {comparison.limit:.2f}x"
    yield f"Best possible speedup, items taken in order: {comparison.limit:.2f}x"
    yield f"Share reached: {comparison.share_of_limit:.1%}"
    yield f"Best possible speedup, item times known ahead: {comparison.limit_any_order:.2f}x"
    yield f"Share reached: {comparison.share_of_limit_any_order:.1%}"
    if comparison.machine_capacity is not None:
        yield (
            f"Cores' work that this machine does at once: {comparison.machine_capacity:.2f}, "
            "measured with plain processes side by side"
        )


def time_breakdown_section(accounting: TimeBreakdown, diagnosis: Bottleneck | None) -> Lines:
    """Return the section on what the workers' time went into, and the advice on the largest loss.

    A single worker without a baseline has none: there is nothing that its time could be set
    against.
    """
    alone = accounting.workers == 1 and accounting.slower_items is None
    if not accounting.workers or alone:
        return []
    lines = [
        f"{part.name.capitalize()}: {part.workers:.2f} of {accounting.workers} "
        f"{plural('worker', accounting.workers)} ({part.share:.1%})"
        for part in parts_of(accounting)
    ]
    if accounting.slower_items is None:
        lines.append("Slower items: unknown without a sequential run")
    if diagnosis is not None:
        lines.append(
            f"Largest loss: {diagnosis.loss} ({diagnosis.cause}): {printable(diagnosis.told)}"
        )
        lines.append(f"Advice: {diagnosis.advice}")
    return section("Where the Workers Went", *lines)


def predictions_section(comparison: Comparison) -> Lines:
    """Return the section on the predicted times of other worker counts and batch sizes."""
    if not comparison.predictions:
        return []
    lines = [
        f"{one.workers} {plural('worker', one.workers)}: {one.speedup:.2f}x, "
        f"{seconds(one.time_s)} predicted"
        for one in comparison.predictions
    ]
    if (enough := comparison.stops_paying_at) is not None:
        lines.append(f"Stops paying beyond: {enough} {plural('worker', enough)}")
    if (better := comparison.best_batch_size) is not None:
        lines.append(
            f"Batch size {better.batch_size}: {better.speedup:.2f}x, {seconds(better.time_s)} "
            "predicted"
        )
    return section("Other Worker Counts", *lines)


def slow_items_section(run: RunSummary) -> Lines:
    """Return the section on the slowest items and what they have in common; empty without any."""
    lines = list(slow_lines(run.slowest, run.slowest_share))
    return section("Slowest Items", *lines) if lines else []


def timeline_section(trace: Trace) -> Lines:
    """Return the section that draws when each of the first workers was busy."""
    loads = worker_loads(trace, intervals=TIMELINE_WIDTH)[:MAX_TIMELINE_ROWS]
    if len(loads) < 2:
        return []
    lines = [f"Worker {load.worker}: {load_row(load.shares)}" for load in loads]
    if trace.workers > len(loads):
        lines.append(f"and {trace.workers - len(loads)} more, all over {trace.wall_s:.2f}s")
    else:
        lines.append(f"all over {trace.wall_s:.2f}s")
    return section("Timeline", *lines)


def warnings_section(warnings: Sequence[str]) -> Lines:
    """Return the section on what makes the figures less trustworthy."""
    return section("Warnings", *warnings) if warnings else []
