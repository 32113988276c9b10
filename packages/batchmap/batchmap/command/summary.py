"""The texts that `batchmap run` ends with: the summary of a run, and the plan of a dry run."""

from __future__ import annotations

from collections.abc import Iterator

from batchmap.command.text_layout import join_lines, plural, rate, section, title_lines
from batchmap.metrics import RunSummary
from batchmap.records import ErrorExample, Plan, RunOutcome, SyncCounts
from batchmap.text import printable

__all__ = [
    "ending",
    "error_lines",
    "error_text",
    "output_lines",
    "render_plan",
    "render_preview",
    "render_summary",
    "sync_lines",
]

MAX_ERRORS = 3
"""Kinds of error that a summary names."""

MAX_ERROR_CHARACTERS = 160
"""Length at which the line of an error is cut: two rows of a terminal."""


def render_summary(outcome: RunOutcome, metrics: RunSummary, plan: Plan) -> str:
    """Return the summary of a run: a title and at most eight lines, each `- Label: value`.

    `metrics` and `plan` are those of the items that this run did; `outcome` also counts what was
    done before it was resumed.
    """
    lines = [
        f"Items: {_items_text(outcome, metrics, plan)}",
        *output_lines(outcome),
        *sync_lines(outcome.sync),
        *(f"Error: {_cut(error)}" for error in error_lines(outcome, MAX_ERRORS)),
    ]
    if (conclusion := ending(outcome, metrics)) is not None:
        lines.append(f"Conclusion: {conclusion}")
    return join_lines([*title_lines("Run"), *(f"- {line}" for line in lines)])


def render_plan(plan: Plan) -> str:
    """Return what a run would do: its backend, workers and batch size, with the reasons."""
    predicted = "not measured" if plan.predicted_s is None else f"{plan.predicted_s:.2f}s"
    return join_lines(
        section(
            "Plan",
            f"Backend: {plan.backend}",
            f"Workers: {plan.workers}",
            f"Batch size: {plan.batch_size}",
            *plan.why,
            f"Predicted time: {predicted}",
        )
    )


def render_preview(sync: SyncCounts) -> str:
    """Return what a sync would do, without its plan: no item has run."""
    to_do = sync.new + sync.changed
    return join_lines(
        section("Dry run", *sync_lines(sync), f"To be done: {to_do:,} {plural('item', to_do)}")
    )


def output_lines(outcome: RunOutcome) -> Iterator[str]:
    """Yield where the results are, and where the failed items are, if any."""
    before = f", {outcome.written_before:,} before" if outcome.written_before else ""
    number = f"{outcome.written:,}"
    if outcome.rows not in (None, outcome.written):
        number = f"{outcome.rows:,} of {number} {plural('item', outcome.written)}"
        before = before and f"{before[:-7]} items before"
    yield f"Results: {number} in {printable(outcome.output)}{before}"
    failed = outcome.failed + outcome.failed_before
    if failed and outcome.errors_file is not None:
        before = f", {outcome.failed_before:,} of them before" if outcome.failed_before else ""
        yield f"Failed items: {failed:,} in {printable(outcome.errors_file)}{before}"
    elif failed:
        yield f"Failed items: {failed:,}, not kept; --errors FILE keeps them"


def sync_lines(sync: SyncCounts | None) -> Iterator[str]:
    """Yield how an input differed from what was done before, for a run that synced its output."""
    if sync is not None:
        moved = f" ({sync.moved:,} of them moved)" if sync.moved else ""
        yield (
            f"Sync: {sync.kept:,} kept{moved}, {sync.new:,} new, {sync.changed:,} changed, "
            f"{sync.gone:,} gone"
        )


def error_lines(outcome: RunOutcome, most: int) -> Iterator[str]:
    """Yield a line for each of the `most` frequent kinds of errors, and how many there were beside.

    Those of items that failed before the run was resumed are not among them.
    """
    shown = outcome.errors[:most]
    yield from map(error_text, shown)
    rest = outcome.failed - sum(error.number for error in shown)
    if shown and rest > 0:
        yield f"{rest:,} of other kinds"


def error_text(error: ErrorExample) -> str:
    """Return a kind of error in one line: how often it was seen, and the first with its place."""
    often = "" if error.number == 1 else f"{error.number:,} times, first at "
    return printable(f"{often}{error.place}: {error.error_type}: {error.error:.200}")


def ending(outcome: RunOutcome, metrics: RunSummary) -> str | None:
    """Return why a run ended early or had nothing to do; `None` when it did all its items."""
    items = f"{metrics.total_processed:,} {plural('item', metrics.total_processed)}"
    if outcome.in_vain:
        return f"Stopped after {items}: no result could be written; each is kept in its failure."
    if outcome.halted:
        return f"Stopped after {items}: too many failed."
    if not outcome.finished:
        return f"Interrupted after {items}."
    if outcome.sync is not None and (outcome.sync.gone or outcome.sync.moved):
        return None
    if not metrics.total_processed and outcome.written_before + outcome.failed_before:
        return "There was nothing left to do."
    return None


def _items_text(outcome: RunOutcome, metrics: RunSummary, plan: Plan) -> str:
    if not metrics.total_processed:
        return f"0 done, {outcome.failed:,} failed"
    return (
        f"{metrics.total_processed:,} done in {metrics.total_duration:.2f}s, "
        f"{outcome.failed:,} failed; {rate(metrics.throughput)} on {metrics.workers} "
        f"{plan.backend} {plural('worker', metrics.workers)}"
    )


def _cut(text: str) -> str:
    if len(text) <= MAX_ERROR_CHARACTERS:
        return text
    return text[: MAX_ERROR_CHARACTERS - 1] + "…"
