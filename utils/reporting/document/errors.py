"""The blocks on what failed: how often which type of error, the most frequent, the first items."""

from __future__ import annotations

from collections.abc import Sequence

from batchmap.command.text_layout import plural

from ...analysis.records import Case
from .model import Bar, Bars, Block, Fold, Paragraph, Table

__all__ = ["error_blocks"]

MAX_BARS = 12
"""Types of error with a bar of their own."""


def error_blocks(case: Case) -> list[Block]:
    """Return what failed in the parallel run; empty where nothing did."""
    by_type = case.parallel.errors_by_type
    if not by_type:
        return []
    frequent = sorted(by_type.items(), key=lambda counted: (-counted[1], counted[0]))
    blocks: list[Block] = [
        Paragraph(
            f"{case.parallel.failed:,} {plural('item', case.parallel.failed)} failed with "
            f"{len(by_type):,} {plural('type', len(by_type))} of error."
        ),
        Bars("Failed items by type of error", _bars(frequent), ("Type of error", "Items")),
    ]
    if not case.failures:
        return [*blocks, Paragraph("All of them were made on purpose, to show what errors do.")]
    kinds = Table(
        caption="Most frequent errors",
        head=("First", "Items", "Type of error", "Error"),
        rows=tuple(
            (one.place, f"{one.number:,}", one.error_type, one.error)
            for one in case.parallel.errors
        ),
        align="wrww",
    )
    failures = Table(
        caption="First failures",
        head=("Place", "Type of error", "Error"),
        rows=tuple((one.place, one.error_type, one.error) for one in case.failures),
        align="lww",
    )
    return [*blocks, *([kinds] if kinds.rows else []), Fold("The first that failed", failures)]


def _bars(frequent: Sequence[tuple[str, int]]) -> tuple[Bar, ...]:
    shown = list(frequent[:MAX_BARS])
    if rest := frequent[MAX_BARS:]:
        shown.append((f"{len(rest)} other types", sum(number for _, number in rest)))
    most = max(number for _, number in shown)
    return tuple(Bar(name, f"{number:,}", number / most, "failed") for name, number in shown)
