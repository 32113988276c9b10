"""The benchmark of the user's task against a git revision: measured, shown and exported."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from batchmap.command.provenance import Provenance
from batchmap.mapping_record import as_mapping
from batchmap.resources import describe_machine
from batchmap.stopping import StopRequest

from ..analysis.gate import Decision, GateResult, RevisionComparison, compare_revisions
from ..cli.arguments import SLOWER_THAN_ALLOWED
from ..cli.settings import Settings
from ..execution.revisions import MeasuringStopped
from .contents import ReportContents
from .exports import write_exports
from .text.gate import render_revisions, revisions_verdict
from .text.print import show

__all__ = ["report_revisions"]


def report_revisions(settings: Settings, stop: StopRequest) -> int:
    """Compare the task with the revision that `settings` name, show what came of it, export it.

    Returns the exit code, which the caller makes another one when `stop` was requested meanwhile.
    Raises the errors of `compare_revisions`, and `OutputError` where an export cannot be written.
    """
    started = datetime.now(UTC)
    if settings.progress and not settings.quiet:
        print(f"running {settings.task} at {settings.versus} and now, in turn", file=sys.stderr)
    try:
        compared = compare_revisions(settings, stop)
    except MeasuringStopped:
        return 0
    is_slower = compared.figure.decision is Decision.SLOWER
    show(
        render_revisions(compared, settings.gate, details=settings.details),
        quiet=settings.quiet,
        fault=revisions_verdict(compared, settings.gate) if is_slower else None,
    )
    _export(settings, compared, started)
    return SLOWER_THAN_ALLOWED if is_slower else 0


def _export(settings: Settings, compared: RevisionComparison, started: datetime) -> None:
    contents = ReportContents(
        verdict=revisions_verdict(compared, settings.gate),
        provenance=Provenance.since(started),
        settings=as_mapping(settings),
        changed=settings.changed,
        machine=describe_machine(),
        cases=[],
        gate=GateResult(settings.gate, [compared.figure]),
    )
    document = {
        "command": "benchmark",
        **as_mapping(contents.provenance),
        "settings": settings,
        "machine": contents.machine,
        "scenarios": [],
        "versus": compared,
    }
    write_exports(settings, document, contents)
