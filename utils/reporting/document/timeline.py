"""The blocks on what ran when: a row for each worker, or how many items were in flight."""

from __future__ import annotations

from batchmap.command.text_layout import plural

from ...analysis.aggregates import WorkerSum, worker_sums
from ...analysis.records import Case
from ...execution.trace import Trace
from ..charts.density import density_figure, in_flight_figure
from ..charts.timeline import MAX_ROWS, timeline_figure
from ..wording import seconds
from .chart_block import chart_block
from .model import Block, Table

__all__ = ["timeline_blocks"]


def timeline_blocks(case: Case) -> list[Block]:
    """Return the timeline of the parallel run; empty where nothing ran."""
    trace = case.parallel_trace
    if trace.spans:
        return [_workers_chart(trace)]
    return [_in_flight_chart(trace)] if len(trace.in_flight) > 1 else []


def _workers_chart(trace: Trace) -> Block:
    number = len(trace.spans)
    description = (
        f"{number:,} {'stretch' if number == 1 else 'stretches'} of work on {trace.workers:,} "
        f"{plural('worker', trace.workers)} over {seconds(trace.wall_s)}. The longest batch took "
        f"{seconds(trace.longest_batch_s)} for {trace.longest_batch_items:,} "
        f"{plural('item', trace.longest_batch_items)}."
    )
    fits_rows = trace.workers <= MAX_ROWS
    if not fits_rows:
        description += " The fuller the colour, the busier the workers."
    figure = timeline_figure(trace) if fits_rows else density_figure(trace)
    table = Table(
        caption="What each worker did",
        head=("Worker", "Batches", "Items", "Failed", "Retried", "At items", "From", "To"),
        rows=tuple(_worker_row(one) for one in worker_sums(trace)),
        align="lrrrrrrr",
    )
    return chart_block(figure, description, table, table_stands_in=False)


def _worker_row(one: WorkerSum) -> tuple[str, ...]:
    return (
        str(one.worker),
        f"{one.batches:,}",
        f"{one.items:,}",
        f"{one.failed:,}",
        f"{one.retried:,}",
        seconds(one.busy_s),
        seconds(one.first_s),
        seconds(one.last_s),
    )


def _in_flight_chart(trace: Trace) -> Block:
    mean = sum(trace.in_flight) * trace.in_flight_interval_s / trace.wall_s
    description = (
        f"Items in flight over {seconds(trace.wall_s)}: {mean:,.0f} on average, of at most "
        f"{trace.workers:,} at once."
    )
    return chart_block(in_flight_figure(trace), description, None)
