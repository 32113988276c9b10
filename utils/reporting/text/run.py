"""The report of `run`: what became of a user's items."""

from __future__ import annotations

from batchmap.command.summary import ending, error_lines, output_lines
from batchmap.command.text_layout import Lines, plural, section
from batchmap.metrics import RunSummary
from batchmap.records import RunOutcome

from ...analysis.records import Case
from ..verdict import notices, verdict
from ..wording import success_rate
from .layout import data_summary, parallel_speed, plan_lines, whole_report
from .sections import time_breakdown_section

__all__ = ["render_run"]


def render_run(case: Case, outcome: RunOutcome) -> str:
    """Return the report of a user's function over a user's data."""
    run = case.parallel
    return whole_report(
        (verdict(case), *notices(case)),
        data_summary(run.total_processed, case.data_type, case.plan),
        *parallel_speed(run),
        section(
            "Correctness",
            f"Parallel errors: {outcome.failed}",
            f"Success rate: {success_rate(run)}",
            *([f"Retries: {run.retries}"] if run.retries else []),
        ),
        _errors_section(outcome),
        section("Output", *output_lines(outcome)),
        time_breakdown_section(case.accounting, case.diagnosis),
        section("Plan", *plan_lines(case.plan, run)),
        section("Conclusion", ending(outcome, run) or _complete(run)),
    )


def _errors_section(outcome: RunOutcome) -> Lines:
    if not outcome.errors:
        return []
    return section("Most frequent errors", *error_lines(outcome, len(outcome.errors)))


def _complete(run: RunSummary) -> str:
    return (
        f"{run.total_processed:,} {plural('item', run.total_processed)} in "
        f"{run.total_duration:.2f}s on {run.workers} {plural('worker', run.workers)}."
    )
