"""The blocks on how many items ran at once, where the run found it."""

from __future__ import annotations

from batchmap.command.text_layout import plural

from ...analysis.records import Case
from ..charts.concurrency import concurrency_figure
from .chart_block import chart_block
from .model import Block

__all__ = ["concurrency_blocks"]


def concurrency_blocks(case: Case) -> list[Block]:
    """Return what was found and when it changed; nothing where the number was fixed."""
    found = case.plan.concurrency
    if found is None or not found.history:
        return []
    refused = f"{found.refused:,} {plural('attempt', found.refused)}"
    description = (
        f"Found {found.text}. It began with {found.history[0][1]} at once, within "
        f"{found.least} and {found.most:,}; {refused} refused, or failed and tried again."
    )
    return [chart_block(concurrency_figure(found, case.parallel.total_duration), description, None)]
