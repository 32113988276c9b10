"""Checks whether the runs of a comparison gave the same results, and if not, why."""

from __future__ import annotations

from dataclasses import replace

from ...cli.compared_task import ComparedFunction
from ..records import Verdict
from .compare_results import compare_results
from .mismatch_causes import find_mismatch_cause
from .round_results import RoundResults, place_in_words

__all__ = ["check_results"]


def check_results(
    results: RoundResults,
    function: ComparedFunction,
    *,
    earlier: Verdict | None,
    tolerance: float,
    in_processes: bool,
) -> Verdict:
    """Return whether the results of this round match, and those of the rounds before did.

    `earlier` is the verdict on the rounds before, `None` in the first one; where results did not
    match then, it stays. Where they do not match now, `function` is called again to find out why;
    `in_processes` says whether the workers of the parallel run were processes.
    """
    if earlier is not None and not earlier.matches:
        return earlier
    verdict = compare_results(
        results.sequential,
        results.parallel,
        tolerance=tolerance,
        place=place_in_words(results.items),
    )
    if verdict.matches:
        return verdict
    why = None
    if verdict.failed_in_one < verdict.different:
        why = find_mismatch_cause(
            function, results, verdict, tolerance=tolerance, in_processes=in_processes
        )
    reasons = [_failed_in_one(verdict), why or verdict.why]
    return replace(verdict, why="; ".join(filter(None, reasons)) or None)


def _failed_in_one(verdict: Verdict) -> str | None:
    """Say how many items failed in one run only, which is no reason yet."""
    if not (number := verdict.failed_in_one):
        return None
    items = "1 item" if number == 1 else f"{number:,} items"
    return (
        f"{items} failed in one run only ({verdict.failed_in_sequential_only:,} in the sequential, "
        f"{verdict.failed_in_parallel_only:,} in the parallel run); --retries N tries such items "
        "again"
    )
