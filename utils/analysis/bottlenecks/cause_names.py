"""The names of the causes of lost speed."""

from __future__ import annotations

from .evidence import OTHER_PROGRAMS, OTHER_SIDE

__all__ = ["CAUSES"]

CAUSES = (
    "GIL",
    "too many workers",
    OTHER_PROGRAMS,
    "shared cores",
    "memory",
    "something shared",
    "start-up",
    "shut-down",
    "rate",
    "limit of a key",
    OTHER_SIDE,
    "large items",
    "slow input or output",
    "retries",
    "small batches",
    "straggler",
    "large batches",
    "few items",
    "few batches",
    "uneven end",
)
"""The names of all causes; exports and reports hold no other."""
