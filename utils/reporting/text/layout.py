"""What the reports are put together from: sections, tables, figures with their units."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from textwrap import wrap

from batchmap.metrics import RunSummary
from batchmap.records import Plan
from batchmap.text import printable

__all__ = [
    "Lines",
    "data_summary",
    "parallel_speed",
    "plan_lines",
    "plural",
    "rate",
    "report",
    "seconds",
    "section",
    "success_rate",
    "table",
    "text",
    "title",
]

TITLE = "Parallel Batch Processing Performance Report"
WIDTH = 80

Lines = list[str]


def report(*sections: Lines) -> str:
    return text([*title(TITLE), *chain.from_iterable(sections)])


def text(lines: Iterable[str]) -> str:
    return "\n".join(lines).rstrip("\n") + "\n"


def title(title: str) -> Lines:
    return [title, "=" * len(title), ""]


def section(heading: str, *lines: str) -> Lines:
    entries = (
        wrap(f"- {line}", WIDTH, subsequent_indent="  ", break_long_words=False) for line in lines
    )
    return [heading, *chain.from_iterable(entries), ""]


def data_summary(total: int | None, data_type: str, plan: Plan | None) -> Lines:
    lines = [
        f"Total items: {'unknown' if total is None else total}",
        f"Data type: {printable(data_type)}",
    ]
    if plan is not None:
        lines += [
            f"Batch size: {plan.batch_size}",
            f"Number of batches: {'unknown' if plan.num_batches is None else plan.num_batches}",
        ]
    return section("Data Summary", *lines)


def plan_lines(plan: Plan, run: RunSummary) -> Lines:
    lines = [f"Backend: {plan.backend}", f"Workers: {plan.workers}", *plan.why]
    if plan.predicted_s is not None:
        lines.append(f"Predicted time: {plan.predicted_s:.2f}s; it took {run.total_duration:.2f}s")
    return lines


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Lines:
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


def rate(items_per_s: float) -> str:
    return f"{items_per_s:.1f} items/sec"


def seconds(seconds: float) -> str:
    for scale, unit in ((1.0, "s"), (1e3, "ms")):
        if seconds * scale >= 0.1:
            return f"{seconds * scale:.2f}{unit}"
    return f"{seconds * 1e6:.1f}µs"


def plural(noun: str, number: int) -> str:
    return noun if number == 1 else noun + "s"


def success_rate(run: RunSummary) -> str:
    """Return the share of items that succeeded, never 100 % when one failed."""
    return f"{min(run.success_rate, 0.999) if run.failed else 1.0:.1%}"


def parallel_speed(run: RunSummary) -> tuple[Lines, Lines]:
    return (
        section(
            "Performance Results",
            f"Parallel processing time: {run.total_duration:.2f}s",
            f"Average time per item: {seconds(run.avg_time_per_item)}",
            f"Workers used: {run.workers}",
        ),
        section("Throughput", f"Parallel: {rate(run.throughput)}"),
    )
