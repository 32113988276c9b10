"""The console command `batchmap`, with the subcommands `run` and `verify`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from batchmap import __version__
from batchmap.command.application import Application
from batchmap.command.arguments import Program
from batchmap.command.monitoring.monitoring import Monitoring
from batchmap.command.run_settings import RunSettings
from batchmap.command.run_subcommand import RUN
from batchmap.command.verify import VERIFY, verify
from batchmap.errors import UsageError
from batchmap.stopping import StopRequest

if TYPE_CHECKING:
    from batchmap.job import Job

__all__ = ["APPLICATION", "PROGRAM"]

PROGRAM = Program(
    "batchmap",
    "Apply a Python function to many items in parallel, with exactly-once output.",
    (RUN, VERIFY),
    __version__,
)


def _run(settings: RunSettings, stop: StopRequest, monitoring: Monitoring) -> int:
    from batchmap.command.run import run

    for name in ("export_markdown", "export_html"):
        if getattr(settings, name) is not None:
            raise UsageError(
                "is made by the workbook, with `python main.py run`; here there is --export-json",
                option=name,
            )
    return run(settings, stop, monitoring=monitoring, drive=_drive)


def _drive(job: Job, settings: RunSettings) -> str:
    """Take the job to its end, with progress and sums, and return the summary."""
    from datetime import UTC, datetime

    from batchmap.command.export import export_document, json_text, write_export
    from batchmap.command.held_back import held_back
    from batchmap.command.progress import ProgressObserver
    from batchmap.command.provenance import Provenance
    from batchmap.command.summary import render_details, render_summary
    from batchmap.metrics import RunMetrics
    from batchmap.resources import describe_machine

    plan, _ = job.plan()
    metrics = RunMetrics(workers=plan.workers)
    progress = ProgressObserver(
        phase="run",
        state=job.state,
        counted=job.items.counted,
        share_done=job.items.share_done,
        enabled=settings.progress and not settings.quiet,
        stop=job.stop,
    )
    clock = job.clock
    started_s, started = clock.now(), datetime.now(UTC)
    for _ in job.execute([progress, metrics]):
        pass
    plan = job.state.plan or plan
    outcome = job.outcome()
    summary = metrics.summary(
        total_duration_s=clock.now() - started_s, plan=plan, interrupted=job.stop.requested
    ).with_places_of(outcome)
    if settings.export_json is not None:
        figures: dict[str, Any] = {
            "plan": plan,
            "analysis": {"outcome": outcome},
            "parallel_metrics": summary,
        }
        shown = replace(settings, source=job.items.name)
        provenance = Provenance.since(started)
        document = export_document("run", shown, describe_machine(), figures, provenance)
        write_export(settings.export_json, json_text(document), option="--export-json")
    reason = held_back(summary, plan, limits=settings.start_limits)
    report = render_summary(outcome, summary, plan, held_back=reason)
    return report + render_details(outcome, plan) if settings.details else report


APPLICATION = Application(PROGRAM, {"run": _run, "verify": verify}, supervised=("run",))
