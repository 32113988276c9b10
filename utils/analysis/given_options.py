"""Which options of a run were given, so that no advice repeats or contradicts them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from batchmap.options import EngineOptions
from batchmap.records import Plan

__all__ = ["GivenOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenOptions:
    """Which options of a run were given, rather than left to be chosen."""

    batch_size: bool = False
    rate: bool = False
    limit_per: bool = False
    adaptive_batches: bool = False
    """Whether batch sizes followed the measured item times, so that the plan's is only a mean."""

    @property
    def start_limits(self) -> tuple[str, ...]:
        """The options by which items had to wait before they could start."""
        return ("--rate",) * self.rate + ("--limit-per",) * self.limit_per

    @classmethod
    def of(cls, options: EngineOptions, planned: Plan) -> Self:
        """Return which of `options` were given; `planned` is the plan before the run."""
        has_batch_size = options.batch_size is not None
        return cls(
            batch_size=has_batch_size,
            rate=options.rate is not None,
            limit_per=getattr(options, "limit_per", None) is not None,
            adaptive_batches=planned.is_open and not has_batch_size,
        )
