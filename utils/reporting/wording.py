"""The title and the figures that every format of the report writes alike."""

from __future__ import annotations

from batchmap.metrics import RunSummary
from batchmap.records import Plan

from ..analysis.aggregates import mean_batch_size

__all__ = [
    "TITLE",
    "bounds",
    "change",
    "mean_size",
    "percentage",
    "seconds",
    "sentence",
    "success_rate",
]

TITLE = "Parallel Batch Processing Performance Report"


def seconds(time_s: float) -> str:
    """Return a time in the unit that suits its size: s, ms or µs."""
    for scale, unit in ((1.0, "s"), (1e3, "ms")):
        if time_s * scale >= 0.1:
            return f"{time_s * scale:.2f}{unit}"
    return f"{time_s * 1e6:.1f}µs"


def sentence(text: str) -> str:
    """Return a text as a sentence: with a capital at its beginning and a full stop at its end."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}"


def success_rate(run: RunSummary) -> str:
    """Return the share of items that succeeded, never 100 % when one failed."""
    return f"{min(run.success_rate, 0.999) if run.failed else 1.0:.1%}"


def mean_size(plan: Plan, run: RunSummary) -> str:
    """Return how many items a batch had on average; empty where all have the size of the plan."""
    mean = mean_batch_size(plan, run)
    if mean is None or round(mean, 1) == plan.batch_size:
        return ""
    return f"{mean:.1f} on average"


def percentage(share: float) -> str:
    """Return a share as a percentage, with as many places as it has."""
    return f"{100 * share:.10g}%"


def change(ratio: float) -> str:
    """Return by how much a time changed by `ratio`, now over before: `+12.1%`."""
    return f"{ratio - 1:+.1%}"


def bounds(least: float | None, most: float | None) -> str:
    """Return the bounds of such a change: `(+8.0% to +16.3%)`; empty where they are unknown."""
    return "" if least is None or most is None else f"({change(least)} to {change(most)})"
