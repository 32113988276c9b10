"""The blocks on what the workers' time went into, and what else the machine did."""

from __future__ import annotations

from math import isfinite

from batchmap.command.text_layout import plural

from ...analysis.aggregates import parts_of
from ...analysis.records import Case
from ...execution.trace import Environment
from ..wording import seconds, sentence
from .model import Bar, Block, Look, Notice, Paragraph, Stack, Table

__all__ = ["time_breakdown_blocks"]

LOOKS: dict[str, Look] = {
    "work": "work",
    "slower items": "slower",
    "start": "start",
    "hand-over": "hand-over",
    "tail": "tail",
}
"""By the name of a part of the workers' time."""


def time_breakdown_blocks(case: Case) -> list[Block]:
    """Return what the workers' time went into, and the largest loss; empty without items."""
    accounting = case.accounting
    if not case.parallel.total_processed:
        return []
    parts = parts_of(accounting)
    description = (
        f"Of {accounting.workers} {plural('worker', accounting.workers)} over "
        f"{seconds(accounting.wall_s)}, {parts[0].workers:.2f} ({parts[0].share:.1%}) were at work "
        "that had to be done; the rest was lost as shown."
    )
    above = sum(part.workers for part in parts if part.workers > 0) or 1.0
    bars = tuple(
        Bar(part.name, f"{part.share:.1%}", part.workers / above, LOOKS[part.name])
        for part in parts
        if part.workers > 0
    )
    blocks: list[Block] = [Stack(description, bars)]
    if found := case.diagnosis:
        title = f"Largest loss: {found.loss} ({found.cause})"
        lines = (sentence(found.told), f"Advice: {found.advice}")
        blocks.append(Notice("advice", title, lines))
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
                "sequential run."
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
        looks=tuple(LOOKS[part.name] for part in parts),
    )
    return [*blocks, table, _environment_table(case.parallel_trace.surroundings)]


def _signed_seconds(time_s: float) -> str:
    return seconds(time_s) if time_s >= 0 else f"-{seconds(-time_s)}"


def _environment_table(seen: Environment) -> Table:
    rows = [("CPU time of the command itself", seconds(seen.command_cpu_s))]
    if isfinite(seen.command_waits):
        rows.append(("Times it gave up its core to wait", f"{seen.command_waits:,.0f}"))
    if seen.carried_bytes:
        rows.append(("Bytes carried to worker processes and back", f"{seen.carried_bytes:,}"))
    if seen.other_load is not None:
        rows.append(("Cores used by other programs", f"{seen.other_load:.2f}"))
    return Table("What else was seen meanwhile", ("What", "Figure"), tuple(rows), "lr")
