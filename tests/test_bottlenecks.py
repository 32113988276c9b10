"""Bottlenecks: each cause by its evidence, and no advice to do what is done already."""

from __future__ import annotations

from array import array
from dataclasses import replace
from typing import Any

import pytest
from batchmap.concurrency import Concurrency
from batchmap.metrics import RunSummary

from batchmap_workbook.utils.analysis.bottlenecks import CAUSES, UNUSED, Evidence, find_bottleneck
from batchmap_workbook.utils.analysis.given_options import GivenOptions
from batchmap_workbook.utils.analysis.records import Bottleneck
from batchmap_workbook.utils.analysis.time_breakdown import break_down_time
from batchmap_workbook.utils.execution.trace import Environment, Span
from tests.fakes import plan, run_summary, run_trace


def baseline(**changes: Any) -> RunSummary:
    values = {"total_processed": 100, "total_duration": 10.0, "busy_s": 10.0, "cpu_s": 10.0}
    return run_summary(**{**values, "avg_time_per_item": 0.1, "longest_item_s": 0.1, **changes})


def found(
    sequential: RunSummary | None,
    parallel: dict[str, Any],
    *,
    backend: str = "thread",
    trace: dict[str, Any] | None = None,
    surroundings: dict[str, Any] | None = None,
    **evidence: Any,
) -> Bottleneck | None:
    workers = parallel.get("workers", 4)
    run = baseline(**{"workers": 4, "batches": 100, **parallel})
    traced = run_trace(run, surroundings=Environment(**surroundings or {}), **trace or {})
    values: dict[str, Any] = {
        "plan": plan(backend=backend, workers=workers),
        "cores": 4,
        "capacity": 4.0,
        "given": GivenOptions(),
    }
    return find_bottleneck(
        Evidence(
            breakdown=break_down_time(traced, run, sequential=sequential),
            trace=traced,
            parallel=run,
            sequential=sequential,
            **{**values, **evidence},
        )
    )


def cause(*args: Any, **options: Any) -> str:
    bottleneck = found(*args, **options)
    assert bottleneck is not None
    assert bottleneck.cause in CAUSES
    return bottleneck.cause


SLOWER = {"total_duration": 10.0, "busy_s": 39.0, "cpu_s": 10.0}
"""Four workers, as slow as one."""


def test_workers_that_the_other_side_does_not_bear_are_lost_to_it() -> None:
    bears = Concurrency(1, 128, 16, found=3, why="more did not help", is_limited=True)
    parallel = {"total_duration": 4.0, "busy_s": 10.0, "cpu_s": 0.1}
    bottleneck = found(baseline(cpu_s=0.1), parallel, plan=plan(workers=4, concurrency=bears))
    assert bottleneck is not None
    assert bottleneck.cause == "the other side"
    assert bottleneck.told == "the other side bore 3 at once; more did not help"
    unlimited = plan(workers=4, concurrency=replace(bears, is_limited=False))
    assert cause(baseline(cpu_s=0.1), parallel, plan=unlimited) != "the other side"


def test_threads_that_wait_for_the_interpreters_lock() -> None:
    bottleneck = found(baseline(), SLOWER, surroundings={"command_waits": 6000})
    assert bottleneck is not None
    assert (bottleneck.cause, bottleneck.loss) == ("GIL", "slower items")
    assert bottleneck.share == pytest.approx(2.9)
    assert bottleneck.advice == "use --backend process --workers 4"


def test_threads_that_take_turns_do_so_on_a_busy_machine_too() -> None:
    busy = {"command_waits": 6000, "other_load": 3.0}
    assert cause(baseline(), SLOWER, surroundings=busy) == "GIL"


def test_threads_that_wait_for_a_lock_of_their_own_wake_up_less_often() -> None:
    assert cause(baseline(), SLOWER, surroundings={"command_waits": 300}) == "something shared"


def test_processes_hold_no_lock_of_the_interpreter() -> None:
    assert cause(baseline(), SLOWER, backend="process", surroundings={"command_waits": 9e9}) == (
        "something shared"
    )


def test_items_that_wait_wait_for_something_shared() -> None:
    assert cause(baseline(cpu_s=0.1), SLOWER | {"cpu_s": 0.1}) == "something shared"


def test_items_that_wait_and_compute_in_many_threads_fill_the_one_core_that_they_have() -> None:
    slower = SLOWER | {"cpu_s": 4.0}
    assert cause(baseline(cpu_s=4.0), slower, surroundings={"command_cpu_s": 9.5}) == "GIL"


def test_more_workers_than_cores_share_them() -> None:
    slower = {"total_duration": 5.0, "busy_s": 39.0, "workers": 8}
    bottleneck = found(baseline(), slower, backend="process", cores=2, capacity=2.0)
    assert bottleneck is not None
    assert bottleneck.cause == "too many workers"
    assert bottleneck.advice == "--workers 2 is as fast"


def test_other_programs_are_named_when_they_fill_the_cores() -> None:
    slower = {"total_duration": 5.0, "busy_s": 19.0}
    loaded = {"other_load": 2.0}
    assert cause(baseline(), slower, backend="process", surroundings=loaded) == "other programs"


def test_hyper_threads_are_not_taken_for_memory() -> None:
    slower = {"total_duration": 4.5, "busy_s": 17.5, "cpu_s": 17.5}
    assert cause(baseline(), slower, backend="process", capacity=2.2) == "shared cores"


def test_items_that_use_more_cpu_side_by_side_share_the_memory() -> None:
    slower = {"total_duration": 5.0, "busy_s": 19.5, "cpu_s": 19.5}
    bottleneck = found(baseline(), slower, backend="process")
    assert bottleneck is not None
    assert bottleneck.cause == "memory"
    assert "1.9 times as long" in bottleneck.told


STARTED_LATE = {"total_duration": 4.0, "busy_s": 10.0}


def test_a_late_start_is_named_with_what_would_start_sooner() -> None:
    trace = {"start_s": 5.0, "hand_over_s": 1.0}
    waits = found(baseline(cpu_s=0.1), STARTED_LATE | {"cpu_s": 0.1}, backend="process",
                  trace=trace)  # fmt: skip
    assert waits is not None
    assert waits.cause == "start-up"
    assert "--backend thread" in waits.advice
    already = found(baseline(cpu_s=0.1), STARTED_LATE | {"cpu_s": 0.1}, trace=trace)
    assert already is not None
    assert already.advice == "give each run more items"  # threads load no module


def test_a_start_that_was_spent_measuring_can_be_saved() -> None:
    measured = Span(0, 0.0, 1.0, 1, 0, 1, 1.0, 0, 0, True)
    trace = {"start_s": 5.0, "hand_over_s": 1.0, "spans": (measured,)}
    bottleneck = found(baseline(), STARTED_LATE, trace=trace)
    assert bottleneck is not None
    assert "measured in place" in bottleneck.told
    assert bottleneck.advice.startswith("--backend thread --workers 4 saves the measuring")


@pytest.mark.parametrize(
    ("parallel", "surroundings", "named"),
    [
        ({}, {}, "small batches"),
        ({}, {"carried_bytes": 800_000_000}, "large items"),
        ({"batches": 10}, {}, "slow input or output"),
        ({"batches": 10, "retries": 5}, {}, "retries"),
    ],
)
def test_hand_over_has_its_causes(
    parallel: dict[str, Any], surroundings: dict[str, Any], named: str
) -> None:
    run = {
        "total_duration": 0.35, "busy_s": 1.0, "total_processed": 10_000, "batches": 400,
        "avg_time_per_item": 1e-4, "longest_item_s": 1e-4, "cpu_s": 1.0,
    }  # fmt: skip
    before = baseline(total_duration=1.0, busy_s=1.0, cpu_s=1.0)
    assert cause(before, run | parallel, backend="process", surroundings=surroundings) == named


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (GivenOptions(rate=True), "rate"),
        (GivenOptions(limit_per=True), "limit of a key"),
        (GivenOptions(rate=True, limit_per=True), "rate"),
    ],
)
def test_a_limit_that_was_asked_for_is_the_cause(given: GivenOptions, named: str) -> None:
    assert cause(baseline(), {"total_duration": 5.0, "busy_s": 10.0}, given=given) == named


def test_larger_batches_are_advised_unless_the_size_was_asked_for() -> None:
    run = {
        "total_duration": 0.35, "busy_s": 1.0, "total_processed": 10_000, "batches": 400,
        "avg_time_per_item": 1e-4, "cpu_s": 1.0,
    }  # fmt: skip
    before = baseline(total_duration=1.0, busy_s=1.0, cpu_s=1.0)
    free = found(before, run, backend="process")
    asked = found(before, run, backend="process", given=GivenOptions(batch_size=True))
    assert free is not None
    assert asked is not None
    assert free.advice == "use --batch-size 200"
    assert asked.advice == "use --batch-size auto"


ENDED_LATE = {"total_duration": 4.0, "busy_s": 10.0}
TAIL = {"tail_s": 5.5, "hand_over_s": 0.5}


def span(ended_s: float) -> Span:
    return Span(0, 0.0, ended_s, 1, 0, 1, ended_s, 0, 0, False)


@pytest.mark.parametrize(
    ("parallel", "trace", "asked", "named", "advised"),
    [
        ({"longest_item_s": 2.0}, {"longest_item": 17}, False, "straggler",
         "put item 17 first, or split it"),
        ({"longest_item_s": 2.0}, {"longest_item": 0}, False, "straggler", "split item 0"),
        ({}, {"longest_batch_s": 2.0, "longest_batch_items": 50}, False, "large batches",
         "use --batch-size 5"),
        ({}, {"longest_batch_s": 2.0, "longest_batch_items": 50}, True, "large batches",
         "use --batch-size auto"),
        ({"total_processed": 10}, {}, False, "few items", "--workers 2"),
        ({}, {}, False, "uneven end", "first"),
        ({}, {"spans": (span(3.0),)}, False, "shut-down", "more items"),
    ],
)  # fmt: skip
def test_the_tail_has_its_causes(
    parallel: dict[str, Any], trace: dict[str, Any], asked: bool, named: str, advised: str
) -> None:
    bottleneck = found(
        baseline(), ENDED_LATE | parallel, trace=TAIL | trace, given=GivenOptions(batch_size=asked)
    )
    assert bottleneck is not None
    assert (bottleneck.loss, bottleneck.cause) == ("tail", named)
    assert advised in bottleneck.advice


def test_workers_do_not_end_apart_by_what_ending_them_takes() -> None:
    uneven = found(baseline(), ENDED_LATE, trace=TAIL | {"spans": (span(3.5),)})
    assert uneven is not None
    assert uneven.cause == "uneven end"
    assert "done 1.17s before the last one" in uneven.told  # 5.5 s, 4 x 0.5 s of them at the end


@pytest.mark.parametrize(("total_s", "word"), [(9.5, "as fast"), (20.0, "faster")])
def test_a_plain_loop_is_called_faster_where_it_was(total_s: float, word: str) -> None:
    late = {"tail_s": 4 * total_s - 12.0, "hand_over_s": 2.0}
    bottleneck = found(baseline(), {"total_duration": total_s, "busy_s": 10.0}, trace=late)
    assert bottleneck is not None
    assert bottleneck.advice == f"use --backend sequential, which is {word}"


@pytest.mark.parametrize(
    ("in_flight", "named"), [(400, "uneven end"), (200, "slow input or output"), (0, "uneven end")]
)
def test_coroutines_that_ended_long_before_the_run_did_wait_for_the_output(
    in_flight: int, named: str
) -> None:
    traced = TAIL | {"in_flight": array("d", [4.0] * in_flight), "in_flight_interval_s": 0.01}
    assert cause(baseline(), ENDED_LATE, backend="async", trace=traced) == named


@pytest.mark.parametrize("used", [4, 1])
def test_workers_without_a_batch_are_told_where_the_batch_size_was_asked_for(used: int) -> None:
    run = {"workers": used, "batches": used, "total_duration": 10.0 / used, "busy_s": 10.0}
    of_eight = plan(workers=8)
    unused = found(baseline(), run, plan=of_eight, given=GivenOptions(batch_size=True))
    assert unused is not None
    assert (unused.loss, unused.cause, unused.share) == (UNUSED, "few batches", 8 - used)
    assert unused.told.endswith("too few for 8 workers")
    assert unused.advice == "use --batch-size auto"
    assert found(baseline(), run, plan=of_eight) is None
    few_items = run | {"total_processed": used}
    given = GivenOptions(batch_size=True)
    assert found(baseline(), few_items, plan=of_eight, given=given) is None


def test_a_straggler_is_named_by_its_index() -> None:
    bottleneck = found(
        baseline(), ENDED_LATE | {"longest_item_s": 2.0}, trace=TAIL | {"longest_item": 17}
    )
    assert bottleneck is not None
    assert bottleneck.told.startswith("item 17 took 2.00s, 20 times the average")


def test_little_lost_is_not_reported() -> None:
    assert found(baseline(), {"total_duration": 2.55, "busy_s": 10.0}) is None
