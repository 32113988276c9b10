"""The verdict on a run, a comparison or a benchmark in words: what every report says first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from batchmap.command.summary import (
    ending,
    error_entries,
    output_lines,
    sync_lines,
    workers_in_words,
)
from batchmap.command.text_layout import plural
from batchmap.metrics import RunSummary
from batchmap.text import printable

from ..analysis.aggregates import parts_of
from ..analysis.bottlenecks import UNUSED
from ..analysis.records import Bottleneck, Case, Comparison
from ..analysis.thresholds import WORTHWHILE_SPEEDUP

__all__ = [
    "benchmark_notices",
    "benchmark_verdict",
    "held_back_by",
    "largest_loss",
    "notices",
    "partial_verdict",
    "share_of_loss",
    "verdict",
]


def verdict(case: Case) -> str:
    """Return how much faster it was, on what, how near to what was possible, and whether it is so.

    One line without its end. A run without a baseline is told by its time and by the share of the
    workers' time that was spent on items, one of the user's data by how it ended.
    """
    if case.comparison is not None:
        return _comparison_verdict(case, case.comparison)
    if case.outcome is not None:
        return printable(ending(case.outcome))
    run = case.parallel
    items = f"{run.total_processed:,} {plural('item', run.total_processed)}"
    if not run.total_processed:
        return "There were no items, so there was nothing to do"
    workers = workers_in_words(case.plan.backend, run.workers)
    at_work = parts_of(case.accounting)[0].share
    return f"{items} in {run.total_duration:.2f}s on {workers}, at work {at_work:.1%} of the time"


def partial_verdict(runs: Mapping[str, RunSummary]) -> str:
    """Return how far each phase of an interrupted run or comparison came, by its name."""
    done = " and ".join(
        f"{run.total_processed:,} {plural('item', run.total_processed)} in the {phase} run"
        for phase, run in runs.items()
    )
    return f"Interrupted after {done or 'no items'}"


def benchmark_verdict(cases: Sequence[Case]) -> str:
    """Return in a line how much faster the scenarios were, and whether their results match."""
    compared = [case.comparison for case in cases if case.comparison is not None]
    wrong = [case for case in cases if case.comparison and not case.comparison.results_match]
    if len(compared) == 1:
        return printable(verdict(next(case for case in cases if case.comparison)))
    if not compared:
        return "Nothing was compared"
    number = f"{len(compared)} scenarios"
    if wrong:
        return printable(f"Results do not match in {len(wrong)} of {number}: {wrong[0].name}")
    least, most = (pick(one.speedup for one in compared) for pick in (min, max))
    share = min(one.share_of_limit for one in compared)
    return (
        f"{number}: {least:.2f}x to {most:.2f}x as fast, at least {share:.1%} of the limit; "
        "results match"
    )


def notices(case: Case) -> Iterator[str]:
    """Yield what matters next, the most important first, a line `Label: text` each without its end.

    Of results that differ, the first item and why; else the largest loss with the one advice. Then
    the first item that failed, if that was not on purpose. Of a run of the user's data its errors,
    what held it back and where its results are.
    """
    if case.outcome is not None:
        yield from error_entries(case.outcome)
        if (reason := held_back_by(case)) is not None:
            yield f"Held back by: {reason}"
        yield from sync_lines(case.outcome.sync)
        yield from output_lines(case.outcome)
        return
    compared = case.comparison
    if compared is not None and not compared.results_match:
        if compared.verdict.why is not None:
            yield printable(f"Why: {compared.verdict.why}")
        for one in compared.verdict.differences[:1]:
            yield printable(f"{one.place}: sequential {one.sequential}, parallel {one.parallel}")
    elif (loss := largest_loss(case)) is not None:
        yield f"Largest loss: {loss}"
    for failure in case.failures[:1]:
        yield printable(f"First failure: {failure.place}: {failure.error_type}: {failure.error}")


def benchmark_notices(cases: Sequence[Case]) -> Iterator[str]:
    """Yield what the scenario lost most on that came least near to its limit, `Label: text`."""
    lost = [
        (case.comparison.share_of_limit, f"Largest loss: {printable(case.name)}: {loss}")
        for case in cases
        if case.comparison is not None and (loss := largest_loss(case)) is not None
    ]
    if lost:
        yield min(lost)[1]


def largest_loss(case: Case) -> str | None:
    """Return what most of the lost time went to, and the one advice; `None` where little was."""
    if (found := case.diagnosis) is None:
        return None
    return printable(f"{found.loss} ({found.cause}), {share_of_loss(case, found)}: {found.advice}")


def share_of_loss(case: Case, found: Bottleneck) -> str:
    """Return how many workers were lost to it, of how many."""
    workers = case.plan.workers if found.loss == UNUSED else case.accounting.workers
    return f"{found.share:.2f} of {workers} workers lost"


def held_back_by(case: Case) -> str | None:
    """Return what kept a run of the user's data from being faster; `None` where it was short."""
    return None if case.held_back is None else largest_loss(case) or case.held_back


def _comparison_verdict(case: Case, compared: Comparison) -> str:
    if not compared.total_items:
        return "There were no items, so there was nothing to compare"
    if not compared.results_match:
        found = compared.verdict
        all_failed_in_one = found.failed_in_one == found.different
        verb = "failed in one run only" if all_failed_in_one else _differ(found.different)
        return (
            f"{found.different:,} of {compared.total_items:,} items {verb}, so the speedup of "
            f"{compared.speedup:.2f}x counts for nothing"
        )
    return (
        f"{_how_much_faster(compared.speedup)} on "
        f"{workers_in_words(case.plan.backend, compared.workers)}, "
        f"{compared.share_of_limit:.1%} of what was possible; results match"
    )


def _differ(number: int) -> str:
    return "differs" if number == 1 else "differ"


def _how_much_faster(speedup: float) -> str:
    if speedup > WORTHWHILE_SPEEDUP:
        return f"{speedup:.2f}x faster"
    if speedup * WORTHWHILE_SPEEDUP >= 1:
        return f"No faster ({speedup:.2f}x)"
    return f"Slower ({speedup:.2f}x)"
