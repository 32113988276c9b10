"""Why results differ: workers that share a seed, functions that are not deterministic, or state."""

from __future__ import annotations

import itertools
import os
import random
import re
import threading
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pytest
from batchmap.executors import open_executor
from batchmap.records import Batch, BatchRecord, ItemFailure
from batchmap.worker.call_shape import CallShape
from batchmap.worker.processor import BatchProcessor

from batchmap_workbook.utils.analysis.correctness.compare_results import compare_results
from batchmap_workbook.utils.analysis.correctness.mismatch_causes import (
    NOT_THREAD_SAFE,
    SHARES_STATE,
    find_mismatch_cause,
)
from batchmap_workbook.utils.analysis.correctness.result_log import ResultLog
from batchmap_workbook.utils.analysis.correctness.round_results import RoundResults
from batchmap_workbook.utils.cli.compared_task import ComparedFunction, ComparedTask
from batchmap_workbook.utils.execution.trace import Environment, Span, Trace
from tests.fakes import batch_record

SHARED = random.Random(7)
CALLS = itertools.count()


def draw(_: int) -> float:
    return SHARED.random()


async def draw_later(_: int) -> float:
    return SHARED.random()


def draw_by_item(item: int) -> float:
    return random.Random(item).random()


def count_calls(_: int) -> int:
    return next(CALLS)


async def count_calls_later(_: int) -> int:
    return next(CALLS)


def give_process(_: int) -> int:
    return os.getpid()


def give_process_as_tiny_part(_: int) -> float:
    return 1 + os.getpid() * 1e-12


def fail_with_process(_: int) -> int:
    raise ValueError(f"in process {os.getpid()}")


def end_process(_: int) -> None:
    os._exit(1)


def never_end(_: int) -> None:
    threading.Event().wait()


def make_lock(_: int) -> Any:
    return threading.Lock()


def fail_to_import() -> None:
    raise ImportError("no such library here")


def make_lock_of_item_1(item: int) -> Any:
    return threading.Lock() if item == 1 else item


class Unloadable:
    """A function that gets as far as a worker and cannot be loaded there."""

    def __call__(self, item: int) -> int:
        return item

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return fail_to_import, ()


def log_of(*records: BatchRecord) -> ResultLog:
    log = ResultLog()
    for record in records:
        log.add(record)
    return log


def results(values: Sequence[Any], **options: Any) -> ResultLog:
    return log_of(batch_record(values, **options))


def trace(*spans: Span) -> Trace:
    return Trace(
        workers=2,
        wall_s=1.0,
        spans=spans,
        start_s=0.0,
        hand_over_s=0.0,
        tail_s=0.0,
        longest_batch_s=0.0,
        longest_batch_items=1,
        longest_item=0,
        item_times_s=array("d"),
        items_a_time=1,
        surroundings=Environment(),
    )


def span(
    worker: int, first_item: int, items: int, *, batches: int = 1, in_place: bool = False
) -> Span:
    return Span(
        worker=worker,
        started_s=0.0,
        ended_s=1.0,
        batches=batches,
        first_item=first_item,
        items=items,
        busy_s=1.0,
        failed=0,
        retried=0,
        in_place=in_place,
    )


def why(
    function: ComparedFunction,
    sequential: ResultLog,
    parallel: ResultLog,
    *spans: Span,
    items: Iterable[Any] = range(12),
    tolerance: float = 0.0,
    in_processes: bool = True,
    budget_s: float = 60.0,
) -> str | None:
    verdict = compare_results(sequential, parallel, tolerance=tolerance, place="line {}".format)
    round_results = RoundResults(
        items=items, sequential=sequential, parallel=parallel, parallel_trace=trace(*spans)
    )
    return find_mismatch_cause(
        function,
        round_results,
        verdict,
        tolerance=tolerance,
        in_processes=in_processes,
        budget_s=budget_s,
    )


def run_in_processes(function: Callable[[Any], Any], *batches: Batch) -> ResultLog:
    """Run each batch in a worker process of its own."""
    log = ResultLog()
    for batch in batches:
        with open_executor("process", 1) as executor:
            log.add(executor.submit(BatchProcessor(function).process, batch).result())
    return log


HALVES = (Batch(0, 0, range(6)), Batch(1, 6, range(6, 12)))
SPANS = (span(0, 0, 6), span(1, 6, 6))
SEEDED = (
    r"workers 0 and 1 began with the same results \(0\.\d+, 0\.\d+, \.\.\.\), "
    r"as with a random seed or a count that each starts from; seed each item, not the process"
)


@pytest.mark.parametrize("function", [draw, draw_later])
def test_workers_that_share_a_seed_are_named(function: Callable[[Any], Any]) -> None:
    sequential = log_of(BatchProcessor(function).process(Batch(0, 0, range(12))))
    cause = why(function, sequential, run_in_processes(function, *HALVES), *SPANS)
    assert re.fullmatch(SEEDED, cause or "")


def test_workers_that_share_a_seed_are_found_in_what_the_budget_left() -> None:
    drawn = [random.Random(7).random() for _ in range(1)] + [0.5, 0.25]
    sequential, parallel = ResultLog(budget_bytes=0), ResultLog(budget_bytes=0)
    sequential.add(batch_record([*drawn, 0.1, 0.2, 0.3]))
    parallel.add(batch_record([*drawn, *drawn]))
    cause = why(draw, sequential, parallel, span(0, 0, 3), span(1, 3, 3))
    assert re.fullmatch(SEEDED, cause or "")


def test_all_workers_that_share_a_seed_are_named_as_far_as_there_is_room() -> None:
    sequential = results([float(index) for index in range(18)])
    parallel = results([0.1, 0.2, 0.3] * 6)
    spans = [span(worker, 3 * worker, 3) for worker in range(6)]
    cause = why(draw, sequential, parallel, *spans)
    assert (cause or "").startswith("workers 0, 1, 2, 3 and 2 more began with the same results")


def test_failed_items_neither_look_like_a_shared_seed_nor_hide_one() -> None:
    failures = {0: ItemFailure("ValueError", "no", ""), 5: ItemFailure("ValueError", "no", "")}
    sequential = results([None, 1.0, 2.0, 3.0, 4.0, None, 5.0, 6.0], failures=failures)
    parallel = results([None, 0.1, 0.2, 0.3, 0.1, None, 0.2, 0.3], failures=failures)
    cause = why(draw, sequential, parallel, span(0, 0, 4), span(1, 4, 4))
    assert re.fullmatch(SEEDED, cause or "")


NATURAL = [
    ("a constant function", [1.0] * 6 + [2.0], [1.0] * 6 + [3.0]),
    ("results that repeat in sequence", [1, 2, 3, 1, 2, 3, 0], [1, 2, 3, 1, 2, 3, 9]),
    ("too few in a row", [0, 1, 2, 3, 4, 5, 6], [7, 8, 9, 7, 8, 1, 6]),
    ("not from the beginning", [0, 1, 2, 3, 4, 5, 6], [0, 8, 9, 7, 8, 9, 6]),
    ("the second is not the same", [0, 1, 2, 3, 4, 5, 6, 0], [7, 1, 8, 9, 7, 2, 8, 9]),
    ("two values, as of a coin", [0, 1, 1, 1, 0, 0, 1], [1, 0, 1, 1, 0, 1, 1]),
]


@pytest.mark.parametrize(
    ("sequential", "parallel"),
    [case[1:] for case in NATURAL],
    ids=[case[0] for case in NATURAL],
)
def test_results_that_are_alike_by_nature_are_not_taken_for_a_shared_seed(
    sequential: list[Any], parallel: list[Any]
) -> None:
    half = len(sequential) // 2
    spans = (span(0, 0, half), span(1, half, half), span(0, 2 * half, len(sequential) % 2))
    cause = why(draw_by_item, results(sequential), results(parallel), *spans)
    assert cause == SHARES_STATE


@pytest.mark.parametrize(
    "other", [span(1, 3, 3, batches=2), span(1, 3, 3, in_place=True), span(0, 3, 3)]
)
def test_spans_that_do_not_show_how_a_worker_began_are_left_out(other: Span) -> None:
    sequential, parallel = results([0, 1, 2, 3, 4, 5]), results([7, 8, 9, 7, 8, 9])
    assert why(draw_by_item, sequential, parallel, span(0, 0, 3), other) == SHARES_STATE


def test_in_threads_it_is_the_function_that_is_not_thread_safe() -> None:
    sequential, parallel = results([0, 1, 2]), results([0, 1, 3])
    cause = why(draw_by_item, sequential, parallel, items=range(3), in_processes=False)
    assert cause == NOT_THREAD_SAFE


def test_a_function_that_is_not_deterministic_is_shown_by_an_item_that_differed() -> None:
    sequential, parallel = results([0, 1, 2, 3]), results([0, 1, 2, 4])
    cause = why(give_process, sequential, parallel, items=range(4))
    assert re.fullmatch(
        r"the function is not deterministic: line 3 gave \d+ and \d+ in two sequential runs; "
        r"the difference is not the engine's",
        cause or "",
    )


@pytest.mark.parametrize(
    ("function", "shape"),
    [
        (lambda items: [os.getpid() for _ in items], CallShape(batched=3)),
        (lambda items, index: [os.getpid() + place for place in index],
         CallShape(batched="auto", index=True)),
        (lambda item, index: os.getpid() + index, CallShape(index=True)),
    ],
)  # fmt: skip
def test_a_function_of_lists_or_indexes_is_called_again_as_it_was(
    function: Callable[..., Any], shape: CallShape
) -> None:
    task = ComparedTask(function, shape)
    cause = why(task, results([0, 1, 2, 3]), results([0, 1, 2, 4]), items=range(4))
    assert "line 3 gave" in (cause or "")


def test_an_item_that_fails_each_time_in_another_way_is_not_deterministic_either() -> None:
    failures = {0: ItemFailure("ValueError", "in process 1", "")}
    sequential = results([None], failures=failures)
    cause = why(fail_with_process, sequential, results([1]), items=range(1))
    assert re.fullmatch(
        r"the function is not deterministic: line 0 gave ValueError: in process \d+ and "
        r"ValueError: in process \d+ in two sequential runs; the difference is not the engine's",
        cause or "",
    )


def test_two_runs_are_compared_within_the_tolerance() -> None:
    sequential, parallel = results([1.0]), results([2.0])
    options: dict[str, Any] = {"items": range(1), "tolerance": 0.001}
    assert why(give_process_as_tiny_part, sequential, parallel, **options) == SHARES_STATE


@pytest.mark.parametrize("function", [count_calls, count_calls_later])
def test_a_function_that_is_the_same_twice_depends_on_what_items_share(
    function: Callable[[Any], Any],
) -> None:
    sequential = log_of(BatchProcessor(function).process(Batch(0, 0, range(12))))
    assert why(function, sequential, results([-1] * 12)) == SHARES_STATE


def test_a_function_that_cannot_be_pickled_is_run_in_place() -> None:
    calls, lock = itertools.count(), threading.Lock()

    def count(_: int) -> int:
        with lock:
            return next(calls)

    cause = why(count, results([0, 1, 2]), results([0, 1, 9]), items=range(3))
    assert cause == (
        "the function is not deterministic: line 2 gave 0 and 3 in two sequential runs; "
        "the difference is not the engine's"
    )


def test_only_items_that_differed_and_ran_twice_can_be_spoken_of() -> None:
    assert why(make_lock_of_item_1, results([0, 1]), results([0, 2]), items=range(2)) is None


def test_items_that_fail_in_another_way_than_in_sequence_are_not_spoken_of() -> None:
    sequential = results([None], failures={0: ItemFailure("KeyError", "1", "")})
    assert why(fail_with_process, sequential, results([2]), items=range(1)) is None


@pytest.mark.parametrize("function", [end_process, make_lock, Unloadable(), fail_with_process])
def test_trouble_leaves_the_differences_unexplained(function: Callable[[Any], Any]) -> None:
    assert why(function, results([1]), results([2]), items=range(1)) is None


def test_an_item_that_does_not_end_in_time_leaves_the_differences_unexplained() -> None:
    assert why(never_end, results([1]), results([2]), items=range(1), budget_s=0.5) is None


def broken_items() -> Iterator[int]:
    yield 0
    raise OSError("the disk is gone")


def test_an_input_that_cannot_be_read_again_leaves_the_differences_unexplained() -> None:
    assert why(draw, results([1]), results([2]), items=broken_items()) is None


def test_the_input_is_read_to_the_last_item_that_is_needed_and_no_further() -> None:
    items = itertools.count()
    cause = why(draw_by_item, results(range(100)), results([*range(99), -1]), items=items)
    assert cause == SHARES_STATE
    assert next(items) == 100


@pytest.mark.parametrize("parallel", [[1, 2], [1]])
def test_without_an_item_that_ran_twice_and_differs_nothing_is_run(parallel: list[int]) -> None:
    items = iter(range(2))
    assert why(give_process, results([1, 2]), results(parallel), items=items) is None
    assert next(items) == 0


def test_threads_that_begin_alike_share_their_state_and_no_seed() -> None:
    sequential = results([float(index) for index in range(6)])
    parallel = results([0.1, 0.2, 0.3] * 2)
    cause = why(draw, sequential, parallel, span(0, 0, 3), span(1, 3, 3), in_processes=False)
    assert "seed" not in (cause or "")
