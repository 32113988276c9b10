"""The thresholds that several analyses share."""

from __future__ import annotations

from batchmap.metrics import COMPUTES_FROM, is_cpu_bound

__all__ = [
    "COMPUTES_FROM",
    "LARGE_BATCH_BYTES",
    "NOTEWORTHY_LOAD",
    "USUAL_FACTOR",
    "WORTHWHILE_SPEEDUP",
    "is_cpu_bound",
]

LARGE_BATCH_BYTES = 100_000
"""From this size on, transferring what a batch holds is most of what handing it over costs."""

USUAL_FACTOR = 3
"""A hand-over up to so many times the usual cost of its backend is usual, whatever it holds."""

NOTEWORTHY_LOAD = 0.25
"""Cores used by other programs; less is usual on an idle machine and not reported."""

WORTHWHILE_SPEEDUP = 1.1
"""A speedup below this does not pay for the workers."""
