"""Reports of `run`: what became of a user's items, and what a run would do."""

from __future__ import annotations

from collections.abc import Iterable

from batchmap.metrics import RunSummary
from batchmap.records import Plan, RunOutcome
from batchmap.text import printable

from ...analysis.records import Case
from .layout import (
    Lines,
    data_summary,
    parallel_speed,
    plan_lines,
    plural,
    report,
    section,
    success_rate,
    text,
)
from .sections import workers_went

__all__ = ["render_plan", "render_run"]


def render_run(case: Case, outcome: RunOutcome) -> str:
    """Return the report of a user's function over a user's data."""
    run = case.parallel
    return report(
        data_summary(run.total_processed, case.data_type, case.plan),
        *parallel_speed(run),
        section(
            "Correctness",
            f"Parallel errors: {outcome.failed}",
            f"Success rate: {success_rate(run)}",
            *([f"Retries: {run.retries}"] if run.retries else []),
        ),
        _errors_told(outcome),
        section("Output", *_where_it_is(outcome)),
        workers_went(case.accounting, case.diagnosis),
        section("Plan", *plan_lines(case.plan, run)),
        section("Conclusion", _run_conclusion(run, outcome)),
    )


def _errors_told(outcome: RunOutcome) -> Lines:
    lines = [
        printable(
            f"{one.error_type}, {one.number:,} {'time' if one.number == 1 else 'times'}, "
            f"first at {one.place}: {one.error:.200}"
        )
        for one in outcome.errors
    ]
    return section("Most frequent errors", *lines) if lines else []


def _where_it_is(outcome: RunOutcome) -> Iterable[str]:
    before = f", {outcome.written_before:,} before" if outcome.written_before else ""
    yield f"Results: {outcome.written:,} in {printable(outcome.output)}{before}"
    failed = outcome.failed + outcome.failed_before
    if failed and outcome.errors_file is not None:
        before = f", {outcome.failed_before:,} of them before" if outcome.failed_before else ""
        yield f"Failed items: {failed:,} in {printable(outcome.errors_file)}{before}"
    elif failed:
        yield f"Failed items: {failed:,}, not kept; --errors FILE keeps them"


def _run_conclusion(run: RunSummary, outcome: RunOutcome) -> str:
    items = f"{run.total_processed:,} {plural('item', run.total_processed)}"
    if outcome.halted:
        return f"Stopped after {items}: too many failed."
    if not outcome.finished:
        return f"Interrupted after {items}."
    if not run.total_processed and outcome.written_before + outcome.failed_before:
        return "There was nothing left to do."
    return f"{items} in {run.total_duration:.2f}s on {run.workers} {plural('worker', run.workers)}."


def render_plan(plan: Plan) -> str:
    """Return what a run would do."""
    lines = [f"Backend: {plan.backend}", f"Workers: {plan.workers}"]
    lines.append(f"Batch size: {plan.batch_size}")
    predicted = "not measured" if plan.predicted_s is None else f"{plan.predicted_s:.2f}s"
    return text(section("Plan", *lines, *plan.why, f"Predicted time: {predicted}"))
