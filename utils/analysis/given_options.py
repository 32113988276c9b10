"""Which options of a run were given, so that no advice repeats or contradicts them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from batchmap.records import Plan

__all__ = ["GivenOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenOptions:
    """Which options of a run were given, rather than left to be chosen."""

    batch_size: bool = False
    rate: bool = False
    adaptive_batches: bool = False
    """Whether batch sizes followed the measured item times, so that the plan's is only a mean."""

    @classmethod
    def of(cls, *, batch_size: int | None, rate: object | None, planned: Plan) -> Self:
        """Return which options were given; an option is `None` where it was left to be chosen.

        `planned` is the plan before the run.
        """
        return cls(
            batch_size=batch_size is not None,
            rate=rate is not None,
            adaptive_batches=planned.is_open and batch_size is None,
        )
