"""Checks whether the runs of a comparison gave the same results, and if not, why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..records import Verdict
from .compare_results import compare_results
from .mismatch_causes import find_mismatch_cause
from .round_results import RoundResults, place_in_words

__all__ = ["check_results"]


def check_results(
    results: RoundResults,
    function: Callable[[Any], Any],
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
    why = find_mismatch_cause(
        function, results, verdict, tolerance=tolerance, in_processes=in_processes
    )
    return verdict if why is None else replace(verdict, why=why)
