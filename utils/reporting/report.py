"""What a command tells at its end: its report in words, its figures, and the exports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from batchmap.command.run_settings import RunSettings
from batchmap.command.settings import CommandSettings
from batchmap.metrics import RunSummary
from batchmap.records import RunOutcome, as_mapping
from batchmap.resources import describe_machine

from ..analysis.case import build_case
from ..analysis.comparison import describe_runs
from ..analysis.records import Case
from . import (
    export_document,
    render_comparison,
    render_parallel,
    render_partial,
    render_run,
)
from .exports import write_exports

__all__ = ["Report", "build_report", "write_report_files"]


@dataclass(frozen=True, slots=True)
class Report:
    """What a command has to tell."""

    report: str
    analysis: Mapping[str, Any]
    case: Case | None
    """`None` where it was interrupted before there was a parallel run."""


def build_report(
    command: str,
    shared: Mapping[str, Any],
    settings: CommandSettings,
    *,
    outcome: RunOutcome | None = None,
) -> Report:
    """Return what there is to tell; `outcome` is what became of the items of `run`."""
    case = build_case(command, shared, settings)
    if case is not None and case.comparison is not None:
        return Report(render_comparison(case), shared["analysis"], case)
    runs = {
        phase: RunSummary.of(shared[f"{phase}_metrics"])
        for phase in ("sequential", "parallel")
        if f"{phase}_metrics" in shared
    }
    plan, data_type = shared["plan"], shared["data_type"]
    analysis = describe_runs(runs, data_type=data_type, planned_workers=plan.workers)
    if case is not None:
        analysis |= {"accounting": case.accounting, "diagnosis": case.diagnosis}
    if case is not None and outcome is not None:
        return Report(render_run(case, outcome), analysis | {"outcome": as_mapping(outcome)}, case)
    if case is None or case.parallel.interrupted:
        report = render_partial(plan, data_type, shared["total_items"], runs)
        return Report(report, analysis, case)
    return Report(render_parallel(case, utilisation=analysis["utilisation"]), analysis, case)


def write_report_files(command: str, shared: Mapping[str, Any], settings: CommandSettings) -> None:
    """Write the exports that `settings` ask for; raises `OutputError` for one that cannot be."""
    told = settings
    if isinstance(settings, RunSettings):  # a database's URL may hold a password, a name does not
        told = replace(settings, source=shared["items"].name)
    case: Case | None = shared["case"]
    document = export_document(command, told, describe_machine(), shared)
    write_exports(settings, document, [] if case is None else [case])
