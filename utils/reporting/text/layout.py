"""The parts that several text reports share: the frame, common sections, tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

from batchmap.command.text_layout import (
    COLUMNS,
    Lines,
    cut,
    join_lines,
    rate,
    section,
    title_lines,
    wrapped,
)
from batchmap.metrics import RunSummary
from batchmap.records import Plan
from batchmap.text import printable

from ..wording import TITLE, mean_size, seconds

__all__ = [
    "data_summary",
    "parallel_speed",
    "plan_lines",
    "short_report",
    "table",
    "whole_report",
]

NOTICE_ROWS = 2
"""Rows under the verdict of a short report; one that is left over is empty."""


def whole_report(said: Iterable[str], *sections: Lines) -> str:
    """Return the text of a whole report: title, verdict and notices in `said`, all sections."""
    first = chain.from_iterable(wrapped(line) for line in said)
    return join_lines([*title_lines(TITLE), *first, "", *chain.from_iterable(sections)])


def short_report(said: Iterable[str], *sections: Lines) -> str:
    """Return the text of a short report: title, verdict and notices in `said`, and sections.

    A verdict and two rows of notices, then sections without empty lines between them: so that a
    comparison fits a terminal of 24 lines and 80 columns. What is too long ends in `…`.
    """
    verdict, *notices = said
    below: Lines = []
    for notice in notices:
        if (left := NOTICE_ROWS - len(below)) > 0:
            below += wrapped(notice, most=left)
    gap = [""] if len(below) < NOTICE_ROWS else []
    rows = chain.from_iterable(sections)
    return join_lines([TITLE, cut(verdict), *below, *gap, *(cut(row) for row in rows if row)])


def data_summary(
    total: int | None, data_type: str, plan: Plan | None, run: RunSummary | None = None
) -> Lines:
    """Return the section on the items and how they were cut into batches; `None` is unknown.

    `run` is the parallel run where it is complete: its batches may differ in size.
    """
    lines = [
        f"Total items: {'unknown' if total is None else total}",
        f"Data type: {cut(printable(data_type), COLUMNS - len('- Data type: '))}",
    ]
    if plan is not None:
        mean = "" if run is None else mean_size(plan, run)
        lines += [
            f"Batch size: {plan.batch_size}{f' ({mean})' if mean else ''}",
            f"Number of batches: {'unknown' if plan.num_batches is None else plan.num_batches}",
        ]
    return section("Data Summary", *lines)


def plan_lines(plan: Plan, run: RunSummary) -> Lines:
    """Return the entries on the plan that `run` followed, with its reasons and its prediction."""
    lines = [f"Backend: {plan.backend}", f"Workers: {plan.workers}", *plan.why]
    if plan.predicted_s is not None:
        lines.append(f"Predicted time: {plan.predicted_s:.2f}s; it took {run.total_duration:.2f}s")
    return lines


def parallel_speed(run: RunSummary) -> tuple[Lines, Lines]:
    """Return the sections on the time and the throughput of a run without a baseline."""
    return (
        section(
            "Performance Results",
            f"Parallel processing time: {run.total_duration:.2f}s",
            f"Average time per item: {seconds(run.avg_time_per_item)}",
            f"Workers used: {run.workers}",
        ),
        section("Throughput", f"Parallel: {rate(run.throughput)}"),
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Lines:
    """Return a head, a rule and the rows; the first column is aligned left, the others right."""
    cells = [head, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in cells
    ]
    return [lines[0], "-" * len(lines[0]), *lines[1:]]
