"""Builds the report of a run or a comparison at its end, and writes its exports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from batchmap.command.export import export_document
from batchmap.command.provenance import Provenance
from batchmap.command.run_settings import RunSettings
from batchmap.command.settings import EXPORTS, CommandSettings
from batchmap.mapping_record import as_mapping
from batchmap.metrics import RunSummary
from batchmap.resources import describe_machine

from ..analysis.case import RunFigures
from ..analysis.comparison import describe_runs
from ..analysis.records import Case
from .text.print import show
from .text.run import render_run
from .verdict import partial_verdict, verdict

__all__ = ["Report", "build_report", "show_report", "write_report_files"]


@dataclass(frozen=True, slots=True)
class Report:
    """What is reported of a run or a comparison."""

    report: str
    """The text report."""
    verdict: str
    """What it says first, as all formats do."""
    analysis: Mapping[str, Any]
    """The figures under `analysis` in the JSON export: a `Comparison`, or some of its fields."""
    case: Case | None
    """What the Markdown and HTML reports show; `None` when there was no parallel run yet."""


def build_report(
    figures: RunFigures,
    case: Case | None,
    *,
    details: bool = False,
) -> Report:
    """Return the report of what was run, complete or interrupted.

    `case` is built of the same `figures`. With `details`, the text is the whole report, else the
    short one.
    """
    both = {"sequential": figures.sequential, "parallel": figures.parallel}
    runs = {phase: run for phase, run in both.items() if run is not None}
    plan, data_type = figures.plan, figures.data_type
    if case is not None and case.outcome is not None:
        analysis = _described(runs, data_type, case) | {"outcome": as_mapping(case.outcome)}
        return Report(render_run(case, details=details), verdict(case), analysis, case)

    from .text.comparison import render_comparison, render_parallel, render_partial

    if case is not None and case.comparison is not None:
        report = render_comparison(case, details=details)
        return Report(report, verdict(case), case.comparison, case)
    analysis = _described(runs, data_type, case)
    if case is None or case.parallel.interrupted:
        report = render_partial(plan, data_type, figures.total_items, runs)
        return Report(report, partial_verdict(runs), analysis, case)
    return Report(render_parallel(case, details=details), verdict(case), analysis, case)


def _described(runs: Mapping[str, RunSummary], data_type: str, case: Case | None) -> dict[str, Any]:
    """Return the figures of runs that were not compared."""
    analysis = describe_runs(runs, data_type=data_type)
    if case is not None:
        analysis |= {"accounting": case.accounting, "diagnosis": case.diagnosis}
    return analysis


def show_report(report: str, case: Case | None, settings: CommandSettings) -> None:
    """Print a report on stdout, and on stderr the warnings that a short one does not hold.

    With `--quiet` there is only what went wrong, on stderr. Raises `OutputError` when stdout cannot
    be written, `BrokenPipeError` when its reader has left.
    """
    compared = None if case is None else case.comparison
    fault: str | None = None
    warnings: tuple[str, ...] = ()
    if case is not None and compared is not None:
        fault = None if compared.results_match else verdict(case)
        warnings = () if settings.details else compared.warnings
    show(report, quiet=settings.quiet, fault=fault, warnings=warnings)


def write_report_files(
    command: str,
    settings: CommandSettings,
    figures: Mapping[str, Any],
    report: Report,
    *,
    source_name: str,
    started: datetime,
) -> None:
    """Write the export files that `settings` name, with the `figures` of a run that has ended.

    `source_name` names the input without a password; the run began at `started`. Raises
    `OutputError` for a file that cannot be written, `UsageError` when a package is missing.
    """
    if all(getattr(settings, name) is None for name in EXPORTS):
        return
    from .contents import ReportContents
    from .exports import write_exports

    shown = settings
    if isinstance(settings, RunSettings):  # a database's URL may hold a password, a name does not
        shown = replace(settings, source=source_name)
    machine, provenance = describe_machine(), Provenance.since(started)
    contents = ReportContents(
        verdict=report.verdict,
        provenance=provenance,
        settings=as_mapping(shown),
        changed=shown.changed,
        machine=machine,
        cases=[] if report.case is None else [report.case],
    )
    document = export_document(command, shown, machine, figures, provenance)
    write_exports(settings, document, contents)
