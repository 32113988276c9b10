"""Items that failed in one of the compared runs are counted, and no cause is made up for them."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from batchmap.records import ItemFailure

from batchmap_workbook.utils.analysis.correctness.result_log import ResultLog
from batchmap_workbook.utils.analysis.correctness.round_results import RoundResults
from batchmap_workbook.utils.analysis.correctness.verdict import check_results
from batchmap_workbook.utils.analysis.records import Verdict
from tests.fakes import batch_record, run_summary, run_trace

ERROR = ItemFailure("HTTPError", "HTTP Error 500", "")


def logged(results: list[Any], failed: set[int]) -> ResultLog:
    log = ResultLog()
    kept = [None if n in failed else result for n, result in enumerate(results)]
    log.add(batch_record(kept, failures=dict.fromkeys(failed, ERROR)))
    return log


def verdict(function: Callable[[Any], Any], sequential: ResultLog, parallel: ResultLog) -> Verdict:
    results = RoundResults(
        items=range(10),
        sequential=sequential,
        parallel=parallel,
        parallel_trace=run_trace(run_summary()),
    )
    return check_results(results, function, earlier=None, tolerance=0.0, in_processes=False)


def test_items_that_failed_in_one_run_only_are_counted_and_no_cause_is_made_up() -> None:
    items = list(range(10))
    found = verdict(abs, logged(items, {1, 2}), logged(items, {2, 5, 6}))
    assert (found.matches, found.different) == (False, 3)
    assert found.why == (
        "3 items failed in one run only (1 in the sequential, 2 in the parallel run); --retries N "
        "tries such items again"
    )


def test_other_differences_still_get_their_cause() -> None:
    items = list(range(10))
    other = [*items[:8], 0.5, 9]
    chance = random.SystemRandom()
    found = verdict(lambda _: chance.random(), logged(items, {1}), logged(other, set()))
    assert found.why is not None
    assert found.why.startswith("1 item failed in one run only (1 in the sequential")
    assert "not deterministic: item 1 gave" in found.why
