"""The chapter of a report on one case."""

from __future__ import annotations

from math import isfinite

from batchmap.command.text_layout import plural
from batchmap.run_outcome import SlowItem

from ...analysis.aggregates import WorkerSum, parts_of, worker_sums
from ...analysis.histogram import make_histogram
from ...analysis.records import Case
from ...execution.trace import Environment
from ..charts.figures import errors_figure, item_times_figure, time_breakdown_figure
from ..charts.timeline import timeline_figure
from ..wording import seconds
from .chart_block import chart_block
from .headline import headline
from .model import Block, Bullets, Chapter, Paragraph, Section, Table
from .speedups import speedup_blocks

__all__ = ["case_chapter"]


def case_chapter(case: Case, anchor: str) -> Chapter:
    """Return the chapter on a case, which links reach by `anchor`."""
    run = case.parallel
    note = (
        f"{case.workload}, {run.total_processed:,} {plural('item', run.total_processed)} "
        f"({case.data_type}), {case.plan.backend} backend"
    )
    sections = (
        ("Headline figures", headline(case)),
        ("Where the workers went", _time_breakdown(case)),
        ("Timeline of the workers", _timeline(case)),
        ("Speedup by workers", speedup_blocks(case)),
        ("Item times", _item_times(case)),
        ("Errors", _errors(case)),
        ("Results", _results(case)),
        ("Plan", _plan(case)),
    )
    return Chapter(
        anchor, case.name, note, tuple(Section(title, tuple(blocks)) for title, blocks in sections)
    )


def _time_breakdown(case: Case) -> list[Block]:
    accounting = case.accounting
    if not case.parallel.total_processed:
        return [Paragraph("There were no items, so the workers had nowhere to go.")]
    parts = parts_of(accounting)
    description = (
        f"Of {accounting.workers} {plural('worker', accounting.workers)} over "
        f"{seconds(accounting.wall_s)}, {parts[0].workers:.2f} ({parts[0].share:.1%}) were at work "
        "that had to be done; the rest was lost as shown."
    )
    blocks: list[Block] = [
        chart_block(time_breakdown_figure(parts, accounting.workers), description, None)
    ]
    if accounting.slower_items is None:
        blocks.append(
            Paragraph(
                "Without a sequential run it is not known whether the items were slower in "
                "parallel; that is part of “work”."
            )
        )
    elif accounting.slower_items < 0:
        blocks.append(
            Paragraph(
                "“Slower items” is below 0: the items took less time in parallel than in the "
                "sequential run. In the chart that stands to the left of 0."
            )
        )
    table = Table(
        caption="Where the workers went",
        head=("Part", "Workers", "Share", "Worker-seconds"),
        rows=tuple(
            (part.name, f"{part.workers:.2f}", f"{part.share:.1%}", _signed_seconds(part.time_s))
            for part in parts
        ),
        align="lrrr",
    )
    return [*blocks, table, _environment_table(case.parallel_trace.surroundings)]


def _signed_seconds(time_s: float) -> str:
    return seconds(time_s) if time_s >= 0 else f"-{seconds(-time_s)}"


def _timeline(case: Case) -> list[Block]:
    trace = case.parallel_trace
    if not trace.spans:
        if not case.parallel.total_processed:
            return [Paragraph("There were no items, so no worker had anything to do.")]
        return [
            Paragraph(
                "There is no timeline: these workers are coroutines, which take turns in one "
                "process, so that no stretch of time belongs to a single one."
            )
        ]
    sums = worker_sums(trace)
    description = (
        f"{len(trace.spans):,} {plural('stretch', 1) if len(trace.spans) == 1 else 'stretches'} "
        f"of work on {trace.workers} {plural('worker', trace.workers)} over "
        f"{seconds(trace.wall_s)}. The longest batch took {seconds(trace.longest_batch_s)} for "
        f"{trace.longest_batch_items:,} {plural('item', trace.longest_batch_items)}."
    )
    table = Table(
        caption="What each worker did",
        head=("Worker", "Batches", "Items", "Failed", "Retried", "At items", "From", "To"),
        rows=tuple(_worker_row(one) for one in sums),
        align="lrrrrrrr",
    )
    return [chart_block(timeline_figure(trace), description, table, table_stands_in=False)]


def _worker_row(one: WorkerSum) -> tuple[str, ...]:
    return (
        str(one.worker + 1),
        f"{one.batches:,}",
        f"{one.items:,}",
        f"{one.failed:,}",
        f"{one.retried:,}",
        seconds(one.busy_s),
        seconds(one.first_s),
        seconds(one.last_s),
    )


def _item_times(case: Case) -> list[Block]:
    trace = case.parallel_trace
    binned = make_histogram(trace.item_times_s)
    if binned is None:
        return [Paragraph("No item's time was measured.")]
    unit = binned.unit
    of_each = "each item" if trace.items_a_time == 1 else f"one item in {trace.items_a_time:,}"
    description = (
        f"Times of {of_each}: half took up to {binned.median:.4g} {unit}, 95 % up to "
        f"{binned.ninety_fifth:.4g} {unit}, the longest {binned.longest:.4g} {unit} "
        f"(item {trace.longest_item:,}, counted from 0)."
    )
    table = Table(
        caption="Item times",
        head=("From", "To", "Items"),
        rows=tuple(
            (f"{one.least:.4g} {unit}", f"{one.most:.4g} {unit}", f"{one.items:,}")
            for one in binned.bins
        ),
        align="rrr",
    )
    chart = chart_block(item_times_figure(binned), description, table, table_stands_in=False)
    return [chart, *_slowest_items(case)]


def _slowest_items(case: Case) -> list[Block]:
    """Return the slowest items, and what they have in common; empty where none was slow."""
    run = case.parallel
    if not run.slowest:
        return []
    table = Table(
        caption="Slowest items",
        head=("Place", "Time", "Worker", "Attempts", "Bytes", "Host", "Began"),
        rows=tuple(map(_slow_row, run.slowest)),
        align="wrrrrlr",
    )
    return [table, *([Bullets(run.slowest_share)] if run.slowest_share else [])]


def _slow_row(one: SlowItem) -> tuple[str, ...]:
    return (
        one.place,
        seconds(one.duration_s),
        "–" if one.worker is None else str(one.worker + 1),
        f"{one.attempts:,}",
        "–" if one.size_bytes is None else f"{one.size_bytes:,}",
        one.host or "–",
        one.started[11:19],
    )


def _errors(case: Case) -> list[Block]:
    by_type = case.parallel.errors_by_type
    if not by_type:
        return [Paragraph("There were no errors.")]
    frequent = sorted(by_type.items(), key=lambda counted: (-counted[1], counted[0]))
    description = (
        f"{case.parallel.failed:,} {plural('item', case.parallel.failed)} failed with "
        f"{len(by_type):,} {plural('type', len(by_type))} of error."
    )
    table = Table(
        caption="Errors by type",
        head=("Type of error", "Items"),
        rows=tuple((name, f"{number:,}") for name, number in frequent),
        align="wr",
    )
    blocks: list[Block] = [chart_block(errors_figure(frequent), description, table)]
    if not case.failures:
        return [*blocks, Paragraph("All of them were made on purpose, to show what errors do.")]
    kinds = Table(
        caption="Most frequent errors",
        head=("Items", "First", "Type of error", "Error"),
        rows=tuple(
            (f"{one.number:,}", one.place, one.error_type, one.error)
            for one in case.parallel.errors
        ),
        align="rlww",
    )
    failures = Table(
        caption="First failures",
        head=("Place", "Type of error", "Error"),
        rows=tuple((one.place, one.error_type, one.error) for one in case.failures),
        align="lww",
    )
    return [*blocks, kinds, failures]


def _results(case: Case) -> list[Block]:
    if case.comparison is None:
        return [Paragraph("There was no sequential run to compare the results with.")]
    verdict = case.comparison.verdict
    if verdict.matches:
        return [Paragraph("Both runs gave the same for every item.")]
    known = verdict.why or "Why they differ is not known."
    number = verdict.different
    return [
        Paragraph(
            f"The two runs differ in {number:,} {plural('item', number)}, so the speedup counts "
            f"for nothing. {known}"
        ),
        Table(
            caption="First differences",
            head=("Place", "Sequential", "Parallel"),
            rows=tuple((one.place, one.sequential, one.parallel) for one in verdict.differences),
            align="lww",
        ),
    ]


def _plan(case: Case) -> list[Block]:
    plan = case.plan
    predicted = "not measured" if plan.predicted_s is None else seconds(plan.predicted_s)
    batches = "unknown" if plan.num_batches is None else f"{plan.num_batches:,}"
    run = case.parallel
    return [
        Table(
            caption="Plan and outcome",
            head=("What", "Planned", "What came of it"),
            rows=(
                ("Backend", plan.backend, ""),
                ("Workers", str(plan.workers), str(run.workers)),
                ("Batch size", f"{plan.batch_size:,}", ""),
                ("Batches", batches, f"{run.batches:,}"),
                ("Time", predicted, seconds(run.total_duration)),
            ),
            align="lrr",
        ),
        *([Bullets(plan.why)] if plan.why else []),
    ]


def _environment_table(seen: Environment) -> Table:
    waits = seen.command_waits
    other = seen.other_load
    return Table(
        caption="What else was seen meanwhile",
        head=("What", "Figure"),
        rows=(
            ("CPU time of the command itself", seconds(seen.command_cpu_s)),
            (
                "Times it gave up its core to wait",
                f"{waits:,.0f}" if isfinite(waits) else "unknown",
            ),
            ("Bytes carried to worker processes and back", f"{seen.carried_bytes:,}"),
            ("Cores used by other programs", "unknown" if other is None else f"{other:.2f}"),
        ),
        align="lr",
    )
