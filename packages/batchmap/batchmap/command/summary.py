"""The texts that `run` ends with: the summary of a run, its details, and the plan of a dry run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from batchmap.command.text_layout import cut, join_lines, plural, rate, section
from batchmap.metrics import RunSummary
from batchmap.records import Plan
from batchmap.run_outcome import ErrorExample, RunOutcome, SlowItem, SyncCounts
from batchmap.text import printable

__all__ = [
    "ending",
    "error_entries",
    "error_lines",
    "error_text",
    "output_lines",
    "render_details",
    "render_faults",
    "render_plan",
    "render_preview",
    "render_summary",
    "slow_item_texts",
    "slow_lines",
    "sync_lines",
    "workers_in_words",
]

MAX_LINES = 8
"""Lines of a summary, its title and the command to go on with among them."""

MAX_ERRORS = 3
"""Kinds of error that a summary names, where there is room for them."""

MAX_ERROR_CHARACTERS = 160
"""Length at which the line of an error is cut: two rows of a terminal."""

_WORKERS = {
    "thread": ("thread", "threads"),
    "process": ("process", "processes"),
    "async": ("coroutine", "coroutines"),
    "dask": ("Dask worker", "Dask workers"),
}
"""What the workers of a backend are, one and many."""


def render_summary(
    outcome: RunOutcome, metrics: RunSummary, plan: Plan, *, held_back: str | None
) -> str:
    """Return the summary of a run: how it ended, and at most seven lines, each `- Label: value`.

    `metrics` and `plan` are those of the items that this run did; `outcome` also counts what was
    done before it was resumed; `held_back` says what the time went to, if that is known. Where
    items are left or failed, there is room for one more line: the command to go on with.
    """
    items = f"Items: {_items_text(outcome, metrics, plan)}"
    found = plan.concurrency.text if plan.concurrency is not None else ""
    after = [
        *([f"Found: {found}"] if found else []),
        *([f"Held back by: {held_back}"] if held_back else []),
        *sync_lines(outcome.sync),
        *output_lines(outcome),
    ]
    goes_on = not outcome.finished or outcome.failed + outcome.failed_before > 0
    room = MAX_LINES - len([ending(outcome), items, *after]) - goes_on
    lines = (items, *error_entries(outcome, min(MAX_ERRORS, room)), *after)
    return join_lines([ending(outcome), *(f"- {line}" for line in lines)])


def render_details(outcome: RunOutcome, plan: Plan, *, more: Sequence[str] = ()) -> str:
    """Return what `--details` puts below the summary: errors, `more`, slow items, the plan."""
    errors = error_lines(outcome, len(outcome.errors))
    slow = list(slow_lines(outcome.slowest, outcome.slowest_share))
    sections = [
        *(section("Most frequent errors", *errors) if outcome.errors else ()),
        *more,
        *(section("Slowest Items", *slow) if slow else ()),
    ]
    predicted = [] if plan.predicted_s is None else [f"Predicted time: {plan.predicted_s:.2f}s"]
    chosen = (f"Backend: {plan.backend}", f"Workers: {plan.workers}")
    return join_lines(["", *sections, *section("Plan", *chosen, *plan.why, *predicted)])


def render_faults(outcome: RunOutcome) -> str:
    """Return what `--quiet` says: how the run ended and its errors; empty where all went well."""
    failed = outcome.failed + outcome.failed_before
    if outcome.finished and not failed:
        return ""
    return join_lines([ending(outcome), *error_entries(outcome)])


def render_plan(plan: Plan) -> str:
    """Return what a run would do: its backend, workers and batch size, with the reasons."""
    predicted = "not measured" if plan.predicted_s is None else f"{plan.predicted_s:.2f}s"
    if plan.predicted_range_s is not None:
        least_s, most_s = plan.predicted_range_s
        predicted += f", with 95% confidence from {least_s:.2f}s to {most_s:.2f}s"
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
    """Yield where the results are, and where the failed items are, if any.

    Of the items that were done before it is not known how many results each had, if it could have
    any number of them; so they are told as items.
    """
    items, before = (
        f"{number:,} {plural('item', number)}"
        for number in (outcome.written, outcome.written_before)
    )
    results = f"{outcome.written:,}"
    if outcome.rows not in (None, outcome.written):
        results = f"{outcome.rows:,} from {items}"
    and_before = f", and those of {before} before" if outcome.written_before else ""
    yield f"Results: {results} in {printable(outcome.output)}{and_before}"
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


def error_entries(outcome: RunOutcome, most: int = MAX_ERRORS) -> list[str]:
    """Return at most `most` lines `Error: …`, the last on other kinds if there are more."""
    lines = list(error_lines(outcome, most))
    if len(lines) > most:  # with a line on those of other kinds
        lines = list(error_lines(outcome, most - 1)) or lines[:most]
    return [f"Error: {cut(line, MAX_ERROR_CHARACTERS)}" for line in lines]


def error_text(error: ErrorExample) -> str:
    """Return a kind of error in one line: how often it was seen, and the first with its place."""
    often = "" if error.number == 1 else f"{error.number:,} times, first at "
    return printable(f"{often}{error.place}: {error.error_type}: {error.error:.200}")


def slow_lines(slowest: Sequence[SlowItem], in_common: Sequence[str]) -> Iterator[str]:
    """Yield a line for each of the slowest items, and one for each thing they have in common."""
    for one in slowest:
        yield printable(f"{one.place}: {', '.join(slow_item_texts(one))}")
    yield from (f"In common: {printable(text)}" for text in in_common)


def slow_item_texts(one: SlowItem) -> Iterator[str]:
    """Yield what is known of a slow item: time, worker, attempts, size, host, time of day."""
    yield f"{one.duration_s:.2f}s"
    if one.worker is not None:
        yield f"worker {one.worker}"
    if one.attempts > 1:
        yield f"{one.attempts} attempts"
    if one.size_bytes is not None:
        yield f"{one.size_bytes:,} {plural('byte', one.size_bytes)}"
    if one.host is not None:
        yield f"host {one.host}"
    yield f"from {one.started[11:19]}"


def ending(outcome: RunOutcome) -> str:
    """Return how a run ended, in a line: that it is complete, or how far it came and why."""
    done = outcome.written + outcome.failed
    items = f"{done:,} {plural('item', done)}"
    if outcome.in_vain:
        kept = "" if outcome.errors_file is None else "; the errors file keeps them"
        return f"Run stopped after {items}: no result could be written{kept}"
    if outcome.halted:
        return f"Run stopped after {items}: too many failed"
    if outcome.stopped:
        return f"Run stopped after {items}, by the function: {cut(printable(outcome.stopped))}"
    if not outcome.finished:
        return f"Run interrupted after {items}"
    failed = outcome.failed + outcome.failed_before
    failures = f", {failed:,} {plural('item', failed)} failed" if failed else ""
    is_synced = outcome.sync is not None and (outcome.sync.gone or outcome.sync.moved)
    if not is_synced and not done and outcome.written_before + failed:
        return f"Run complete{failures}: there was nothing left to do"
    return f"Run complete{failures}"


def workers_in_words(backend: str, number: int) -> str:
    """Return how many of which workers there were, such as `16 threads`."""
    one, many = _WORKERS.get(backend, ("worker", "workers"))
    return f"{number:,} {one if number == 1 else many}"


def _items_text(outcome: RunOutcome, metrics: RunSummary, plan: Plan) -> str:
    if not metrics.total_processed:
        return f"0 done, {outcome.failed:,} failed"
    number = metrics.retries
    retries = f", {number:,} {'retry' if number == 1 else 'retries'}" if number else ""
    return (
        f"{metrics.total_processed:,} done in {metrics.total_duration:.2f}s, "
        f"{outcome.failed:,} failed{retries}; {rate(metrics.throughput)} on "
        f"{workers_in_words(plan.backend, metrics.workers)}"
    )
