"""What was found out about a run, as sections of the text report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from batchmap.text import printable

from ...analysis.aggregates import parts_of
from ...analysis.records import Bottleneck, Comparison, FailureExample, TimeBreakdown, Verdict
from ...execution.trace import Trace
from .bars import bar, timeline
from .layout import Lines, plural, seconds, section

__all__ = [
    "difference_lines",
    "failures_told",
    "limit_lines",
    "more_workers",
    "spread_lines",
    "timeline_told",
    "warnings_told",
    "workers_went",
]

BAR_WIDTH = 30
TIMELINE_WIDTH = 60


def spread_lines(comparison: Comparison) -> Iterator[str]:
    """Yield how far the rounds lie apart, where there were several."""
    rounds = len(comparison.speedups.values)
    if rounds < 2:
        return
    one, other, gain = (
        comparison.sequential_times,
        comparison.parallel_times,
        comparison.speedups,
    )
    yield f"Rounds: {rounds}, in turn; the figures are those of each side's median round"
    yield f"Sequential from {one.least:.2f}s to {one.most:.2f}s"
    yield f"Parallel from {other.least:.2f}s to {other.most:.2f}s"
    yield f"Speedup of a round from {gain.least:.2f}x to {gain.most:.2f}x"


def difference_lines(verdict: Verdict) -> Iterator[str]:
    """Yield the first items whose results differ, and why."""
    if verdict.matches:
        return
    yield f"Items that differ: {verdict.different:,}"
    for one in verdict.differences:
        yield printable(f"{one.place}: sequential {one.sequential}, parallel {one.parallel}")
    if verdict.why is not None:
        yield printable(f"Why: {verdict.why}")


def failures_told(failures: Sequence[FailureExample]) -> Lines:
    """Return the section of the items that failed without having been told to."""
    lines = [printable(f"{one.place}: {one.error_type}: {one.error:.200}") for one in failures]
    return section("First failures", *lines) if lines else []


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


def workers_went(accounting: TimeBreakdown, diagnosis: Bottleneck | None) -> Lines:
    """Return the section on where the workers were, and what to do about it.

    Nothing is said of one worker that nobody is compared with.
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


def more_workers(comparison: Comparison) -> Lines:
    """Return the section on what other workers and batches would bring."""
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


def timeline_told(trace: Trace) -> Lines:
    """Return the section that draws when each worker was at work."""
    rows = timeline(trace, TIMELINE_WIDTH)
    if len(rows) < 2:
        return []
    lines = [f"Worker {worker}: {row}" for worker, row in rows]
    if trace.workers > len(rows):
        lines.append(f"and {trace.workers - len(rows)} more, all over {trace.wall_s:.2f}s")
    else:
        lines.append(f"all over {trace.wall_s:.2f}s")
    return section("Timeline", *lines)


def warnings_told(warnings: Sequence[str]) -> Lines:
    """Return the section of what makes the figures less trustworthy."""
    return section("Warnings", *warnings) if warnings else []
