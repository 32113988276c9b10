"""The report of `run`: what became of a user's items."""

from __future__ import annotations

from itertools import chain

from batchmap.command.held_back import held_back
from batchmap.command.summary import render_details, render_summary
from batchmap.command.text_layout import section
from batchmap.run_outcome import RunOutcome

from ...analysis.records import Case
from ..verdict import largest_loss
from ..wording import success_rate
from .layout import data_summary, parallel_speed
from .sections import time_breakdown_section

__all__ = ["render_run"]


def render_run(case: Case, outcome: RunOutcome, *, has_rate: bool, details: bool) -> str:
    """Return the report of a user's function over a user's data: a summary, or all `details`.

    `has_rate` tells whether items were let start at a given rate.
    """
    run = case.parallel
    reason = held_back(run, has_rate=has_rate)
    if reason is not None:
        reason = largest_loss(case) or reason
    summary = render_summary(outcome, run, case.plan, held_back=reason)
    if not details:
        return summary
    sections = (
        data_summary(run.total_processed, case.data_type, case.plan),
        *parallel_speed(run),
        section(
            "Correctness",
            f"Parallel errors: {outcome.failed}",
            f"Success rate: {success_rate(run)}",
        ),
        time_breakdown_section(case.accounting, case.diagnosis),
    )
    return summary + render_details(outcome, case.plan, more=list(chain.from_iterable(sections)))
