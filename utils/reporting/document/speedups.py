"""The blocks on speedup: measured, predicted, by worker count, and its limits."""

from __future__ import annotations

from batchmap.command.text_layout import plural

from ...analysis.benchmark_records import Sweep
from ...analysis.records import Case, Comparison
from ..charts.speedup import speedup_figure
from ..wording import seconds
from .chart_block import chart_block
from .model import Block, Paragraph, Table

__all__ = ["speedup_blocks"]


def speedup_blocks(case: Case) -> list[Block]:
    """Return what the speedup was, and what it is or would be with other worker counts.

    Empty without a sequential run.
    """
    compared, sweep = case.comparison, case.sweep
    blocks: list[Block] = []
    if sweep is not None:
        blocks += [
            chart_block(speedup_figure(compared, sweep), _sweep_text(sweep), _sweep_table(sweep))
        ]
    if compared is not None:
        description = _speedup_text(compared)
        table = _predictions_table(compared)
        if sweep is None and table is not None:
            blocks.append(chart_block(speedup_figure(compared, None), description, table))
        else:
            blocks += [Paragraph(description), *([table] if table else [])]
        if len(compared.speedups.values) > 1:
            blocks.append(_rounds_table(compared))
        blocks.append(_limits_table(compared))
    return blocks


def _sweep_text(sweep: Sweep) -> str:
    counts = ", ".join(str(point.workers) for point in sweep.points)
    best = (
        "the speedup rises with every worker added"
        if sweep.best_workers is None
        else f"the speedup is best with {sweep.best_workers} {plural('worker', sweep.best_workers)}"
    )
    return (
        f"Measured with {counts} workers. By the Universal Scalability Law, fitted to that, "
        f"{sweep.serial_share:.2%} of the work is done by one worker at a time, each pair of "
        f"workers costs {sweep.crosstalk:.3%} of it, and {best}."
    )


def _sweep_table(sweep: Sweep) -> Table:
    return Table(
        caption="Measured by workers",
        head=("Workers", "Time", "Speedup", "Efficiency", "Limit", "Of the limit", "Fit"),
        rows=tuple(
            (
                str(point.workers),
                seconds(point.time_s),
                f"{point.speedup:.2f}x",
                f"{point.efficiency:.1%}",
                f"{point.limit:.2f}x",
                f"{point.share_of_limit:.1%}",
                f"{point.fitted:.2f}x",
            )
            for point in sweep.points
        ),
        align="rrrrrrr",
    )


def _speedup_text(compared: Comparison) -> str:
    text = (
        f"Measured with {compared.workers} {plural('worker', compared.workers)}: "
        f"{compared.speedup:.2f}x, where {compared.limit:.2f}x is the limit."
    )
    if not compared.predictions:
        return text + " Nothing can be said of other numbers of workers."
    text += " The rest is predicted by replaying the measured times."
    if compared.stops_paying_at is not None:
        text += f" Beyond {compared.stops_paying_at} workers the time hardly falls."
    if best := compared.best_batch_size:
        text += (
            f" With batches of {best.batch_size:,} instead, {best.workers} "
            f"{plural('worker', best.workers)} would take {seconds(best.time_s)}: "
            f"{best.speedup:.2f}x."
        )
    return text


def _predictions_table(compared: Comparison) -> Table | None:
    if not compared.predictions:
        return None
    return Table(
        caption="Predicted by replaying the measured times",
        head=("Workers", "Batch size", "Time", "Speedup"),
        rows=tuple(
            (
                str(one.workers),
                f"{one.batch_size:,}",
                seconds(one.time_s),
                f"{one.speedup:.2f}x",
            )
            for one in compared.predictions
        ),
        align="rrrr",
    )


def _limits_table(compared: Comparison) -> Table:
    rows = [
        (
            "Taking the items in their order",
            f"{compared.limit:.2f}x",
            f"{compared.share_of_limit:.1%}",
        ),
        (
            "Knowing each item's time in advance",
            f"{compared.limit_any_order:.2f}x",
            f"{compared.share_of_limit_any_order:.1%}",
        ),
    ]
    if compared.machine_capacity is not None:
        rows.append(
            (
                "What the machine does with a process a worker, against one process",
                f"{compared.machine_capacity:.2f}x",
                "",
            )
        )
    return Table("Limits of the speedup", ("Limit", "Speedup", "Share reached"), tuple(rows), "wrr")


def _rounds_table(compared: Comparison) -> Table:
    rounds = zip(
        compared.sequential_times.values,
        compared.parallel_times.values,
        compared.speedups.values,
        strict=False,
    )
    return Table(
        caption="Each round",
        head=("Round", "Sequential", "Parallel", "Speedup"),
        rows=tuple(
            (str(number), seconds(sequential_s), seconds(parallel_s), f"{speedup:.2f}x")
            for number, (sequential_s, parallel_s, speedup) in enumerate(rounds, start=1)
        ),
        align="rrrr",
    )
