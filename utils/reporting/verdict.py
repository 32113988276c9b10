"""The verdict on a run or a comparison in words: what every report says first."""

from __future__ import annotations

from collections.abc import Iterator

from batchmap.command.summary import workers_in_words
from batchmap.command.text_layout import plural
from batchmap.text import printable

from ..analysis.aggregates import parts_of
from ..analysis.records import Case, Comparison
from ..analysis.thresholds import WORTHWHILE_SPEEDUP

__all__ = ["largest_loss", "notices", "verdict"]


def verdict(case: Case) -> str:
    """Return how much faster it was, on what, how near to what was possible, and whether it is so.

    One line without its end. A run without a baseline is told by its time and by the share of the
    workers' time that was spent on items.
    """
    if case.comparison is not None:
        return _comparison_verdict(case, case.comparison)
    run = case.parallel
    items = f"{run.total_processed:,} {plural('item', run.total_processed)}"
    if not run.total_processed:
        return "There were no items, so there was nothing to do"
    workers = workers_in_words(case.plan.backend, run.workers)
    at_work = parts_of(case.accounting)[0].share
    return f"{items} in {run.total_duration:.2f}s on {workers}, at work {at_work:.1%} of the time"


def notices(case: Case) -> Iterator[str]:
    """Yield what matters next, the most important first, a line each without its end.

    Of results that differ, the first item and why; else the largest loss with the one advice. Then
    the first item that failed, if that was not on purpose.
    """
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


def largest_loss(case: Case) -> str | None:
    """Return what most of the lost time went to, and the one advice; `None` where little was."""
    if (found := case.diagnosis) is None:
        return None
    return printable(
        f"{found.loss} ({found.cause}), {found.share:.2f} of {case.accounting.workers} workers: "
        f"{found.advice}"
    )


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
