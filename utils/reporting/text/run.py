"""The report of `run`: what became of a user's items."""

from __future__ import annotations

from itertools import chain

from batchmap.command.summary import render_details, render_summary
from batchmap.command.text_layout import section

from ...analysis.records import Case
from ..verdict import held_back_by
from ..wording import success_rate

__all__ = ["render_run"]


def render_run(case: Case, *, details: bool) -> str:
    """Return the report of a user's function over a user's data: a summary, or all `details`.

    The case must have an outcome.
    """
    run, outcome = case.parallel, case.outcome
    assert outcome is not None
    summary = render_summary(outcome, run, case.plan, held_back=held_back_by(case))
    if not details:
        return summary
    from .layout import data_summary, parallel_speed
    from .sections import time_breakdown_section

    sections = (
        data_summary(run.total_processed, case.data_type, case.plan, run),
        *parallel_speed(run),
        section(
            "Correctness",
            f"Parallel errors: {outcome.failed}",
            f"Success rate: {success_rate(run)}",
        ),
        time_breakdown_section(case.accounting, case.diagnosis),
    )
    return summary + render_details(outcome, case.plan, more=list(chain.from_iterable(sections)))
