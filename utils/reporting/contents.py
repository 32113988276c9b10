"""What a report in a file is made of, whatever its format."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from batchmap.command.provenance import Provenance

    from ..analysis.benchmark_records import Recommendation, Regression
    from ..analysis.gate import GateResult
    from ..analysis.records import Case

__all__ = ["ReportContents"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportContents:
    """What a report in a file is made of."""

    verdict: str
    """What the report says first, as on the terminal."""
    provenance: Provenance
    settings: Mapping[str, Any]
    """The options, checked, by name."""
    changed: Collection[str]
    """The names of those that are not as by default."""
    machine: Mapping[str, Any]
    """What the times depend on, as `batchmap.resources.describe_machine` describes it."""
    cases: Sequence[Case]
    """Empty where a run was interrupted before there was anything to show."""
    recommendations: Sequence[Recommendation] = ()
    regressions: Sequence[Regression] = ()
    gate: GateResult | None = None
    """`None` without a gate, and without a git revision to compare with."""
    notes: Sequence[str] = ()
    """Sentences on what could not be run or compared."""
