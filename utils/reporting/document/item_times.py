"""The blocks on how long items took, and on the slowest of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from batchmap.run_outcome import SlowItem

from ...analysis.histogram import make_histogram
from ...analysis.records import Case
from ..charts.item_times import item_times_figure
from ..wording import seconds
from .chart_block import chart_block
from .model import Block, Bullets, Table

__all__ = ["item_time_blocks", "slow_item_blocks"]


def item_time_blocks(case: Case) -> list[Block]:
    """Return the histogram of item times; empty where none was measured."""
    trace = case.parallel_trace
    binned = make_histogram(trace.item_times_s)
    if binned is None:
        return []
    unit = binned.unit
    of_each = "each item" if trace.items_a_time == 1 else f"one item in {trace.items_a_time:,}"
    description = (
        f"Times of {of_each}: median {binned.median:.4g} {unit}, p95 {binned.ninety_fifth:.4g} "
        f"{unit}, the longest {binned.longest:.4g} {unit} (item {trace.longest_item:,}, counted "
        "from 0)."
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
    return [chart_block(item_times_figure(binned), description, table, table_stands_in=False)]


def slow_item_blocks(case: Case) -> list[Block]:
    """Return what the slowest items have in common, and each by name; empty where none was slow."""
    run = case.parallel
    if not run.slowest:
        return []
    columns = [column for column in _COLUMNS if any(map(column.text, run.slowest))]
    table = Table(
        caption="Slowest items",
        head=tuple(column.head for column in columns),
        rows=tuple(tuple(column.text(one) or "–" for column in columns) for one in run.slowest),
        align="".join(column.align for column in columns),
    )
    return [*([Bullets(run.slowest_share)] if run.slowest_share else []), table]


class _Column(NamedTuple):
    head: str
    align: str
    text: Callable[[SlowItem], str]
    """Returns what it says of an item; an empty text where there is nothing to say."""


_COLUMNS = (
    _Column("Place", "w", lambda one: one.place),
    _Column("Time", "r", lambda one: seconds(one.duration_s)),
    _Column("Worker", "r", lambda one: "" if one.worker is None else str(one.worker)),
    _Column("Attempts", "r", lambda one: f"{one.attempts:,}" if one.attempts > 1 else ""),
    _Column("Bytes", "r", lambda one: "" if one.size_bytes is None else f"{one.size_bytes:,}"),
    _Column("Host", "l", lambda one: one.host or ""),
    _Column("Began", "r", lambda one: one.started[11:19]),
)
"""Those that say something of at least one item are shown."""
