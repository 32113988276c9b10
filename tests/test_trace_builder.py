"""Traces: idle time is divided exactly, whichever worker replaced which."""

from __future__ import annotations

from array import array
from itertools import pairwise
from typing import Any

import pytest
from batchmap.records import BatchRecord
from hypothesis import given
from hypothesis import strategies as st

from batchmap_workbook.utils.execution.trace import Environment, Trace
from batchmap_workbook.utils.execution.trace_builder import MAX_SPANS, MAX_TIMES, TraceBuilder


def record(
    worker: str, started_s: float, *durations_s: float, first_item: int = 0, gap_s: float = 0.0
) -> BatchRecord:
    return BatchRecord(
        batch_index=0,
        first_item=first_item,
        results=[None] * len(durations_s),
        durations_s=array("d", durations_s),
        failures={},
        attempts={},
        worker=worker,
        started_s=started_s,
        ended_s=started_s + sum(durations_s) + gap_s,
        cpu_s=0.0,
    )


def traced(
    *records: BatchRecord, wall_s: float, workers: int, coroutines: bool = False, **options: Any
) -> Trace:
    trace_builder = TraceBuilder(began_s=100.0, coroutines=lambda: coroutines)
    for one in records:
        trace_builder.add(one)
    busy_s = sum(sum(one.durations_s) for one in records)
    return trace_builder.trace(
        wall_s=wall_s, busy_s=busy_s, workers=workers, surroundings=Environment(), **options
    )


def test_idle_time_is_divided_into_start_hand_over_and_tail() -> None:
    trace = traced(
        record("a", 100.5, 1.0), record("a", 101.75, 1.0), record("b", 101.0, 2.5),
        wall_s=4.0, workers=2,
    )  # fmt: skip
    assert (trace.start_s, trace.hand_over_s, trace.tail_s) == (1.5, 0.25, 1.75)


def test_time_between_the_items_of_a_batch_is_hand_over() -> None:
    trace = traced(record("a", 100.0, 1.0, 1.0, gap_s=0.5), wall_s=2.5, workers=1)
    assert (trace.start_s, trace.hand_over_s, trace.tail_s) == (0.0, 0.5, 0.0)


def test_a_worker_that_replaced_another_shares_its_row() -> None:
    trace = traced(
        record("a", 100.0, 1.0), record("b", 100.0, 4.0), record("c", 102.0, 2.0),
        wall_s=4.0, workers=2,
    )  # fmt: skip
    assert [span.worker for span in trace.spans] == [0, 1, 0]
    assert (trace.start_s, trace.hand_over_s, trace.tail_s) == (0.0, 1.0, 0.0)


def test_spans_are_in_the_order_of_their_start_since_the_run_began() -> None:
    trace = traced(record("b", 102.0, 1.0), record("a", 100.5, 1.0), wall_s=3.0, workers=2)
    assert [span.started_s for span in trace.spans] == [0.5, 2.0]


def test_coroutines_count_by_the_first_starts_and_the_last_ends() -> None:
    trace = traced(
        record("loop", 100.5, 1.0), record("loop", 100.5, 1.5), record("loop", 101.5, 1.0),
        wall_s=3.0, workers=2, coroutines=True,
    )  # fmt: skip
    assert trace.spans == ()
    assert (trace.start_s, trace.hand_over_s, trace.tail_s) == (1.0, 0.0, 1.5)


def test_coroutines_of_one_record_ran_side_by_side() -> None:
    together = BatchRecord(0, 0, [None] * 2, array("d", [1.0, 2.0]), {}, {}, "loop", 100, 102, 0)
    trace = traced(together, wall_s=2.0, workers=2, coroutines=True)
    assert (trace.start_s, trace.hand_over_s, trace.tail_s) == (0.0, 0.0, 1.0)


@given(
    st.lists(
        st.tuples(st.sampled_from("abcde"), st.floats(0, 5), st.floats(0, 3)),
        min_size=1,
        max_size=30,
    ),
    st.integers(1, 5),
    st.booleans(),
)
def test_the_parts_add_up_to_the_workers_whatever_overlaps(
    batches: list[tuple[str, float, float]], workers: int, coroutines: bool
) -> None:
    records = [record(name, 100 + start_s, time_s) for name, start_s, time_s in batches]
    wall_s = max(one.ended_s for one in records) - 100
    trace = traced(*records, wall_s=wall_s, workers=workers, coroutines=coroutines)
    busy_s = sum(time_s for _, _, time_s in batches)
    total_s = busy_s + trace.start_s + trace.hand_over_s + trace.tail_s
    assert total_s == pytest.approx(workers * wall_s, abs=1e-9)
    assert trace.start_s >= 0
    assert trace.tail_s >= 0


def test_workers_are_numbered_in_the_order_of_their_first_results() -> None:
    trace = traced(record("late", 101.0, 0.5), record("early", 100.0, 3.0), wall_s=4.0, workers=2)
    assert [(span.worker, span.started_s) for span in trace.spans] == [(1, 0.0), (0, 1.0)]


def test_coroutines_are_told_by_how_many_were_in_flight() -> None:
    trace = traced(
        record("a", 100.0, 0.2, 0.4, gap_s=-0.2), record("a", 100.1, 0.1),
        wall_s=0.5, workers=2, coroutines=True,
    )  # fmt: skip
    in_flight = [trace.in_flight[int(at_s / trace.in_flight_interval_s)] for at_s in (0.05, 0.15)]
    assert in_flight == pytest.approx([2.0, 3.0])
    assert trace.last_end_s == pytest.approx(0.4, abs=0.002)
    assert trace.longest_batch_s == pytest.approx(0.4)
    assert trace.longest_batch_items == 2
    threads = traced(record("a", 100.0, 0.2), wall_s=0.5, workers=1)
    assert (list(threads.in_flight), threads.in_flight_interval_s) == ([], 0.0)
    assert threads.last_end_s == pytest.approx(0.2)


def test_a_run_without_items_has_no_workers_to_lose() -> None:
    trace = traced(wall_s=1.0, workers=0)
    assert (trace.start_s, trace.hand_over_s, trace.tail_s, trace.spans) == (0.0, 0.0, 0.0, ())


def test_too_many_spans_are_joined_and_none_of_their_items_is_lost() -> None:
    records = (record("a", 100 + index, 0.5, first_item=index) for index in range(3 * MAX_SPANS))
    trace = traced(*records, wall_s=3.0 * MAX_SPANS, workers=1)
    assert len(trace.spans) <= 2 * MAX_SPANS
    assert sum(span.batches for span in trace.spans) == 3 * MAX_SPANS
    assert sum(span.items for span in trace.spans) == 3 * MAX_SPANS
    assert trace.spans[-1].ended_s == 3 * MAX_SPANS - 0.5


def test_of_many_items_every_so_many_times_are_kept_wherever_batches_begin() -> None:
    number = 2 * MAX_TIMES + 10
    times = [float(index) for index in range(number)]
    cuts = [0, 7, 1000, MAX_TIMES + 3, number]
    records = [
        record("a", 100.0, *times[start:end], first_item=start) for start, end in pairwise(cuts)
    ]
    trace = traced(*records, wall_s=1.0, workers=1)
    assert len(trace.item_times_s) <= MAX_TIMES
    assert list(trace.item_times_s) == times[:: trace.items_a_time]


def test_the_longest_item_is_known_by_its_index() -> None:
    trace = traced(
        record("a", 100.0, 1.0, 2.0, first_item=3), record("b", 100.0, 5.0, 1.0, first_item=9),
        wall_s=6.0, workers=2,
    )  # fmt: skip
    assert trace.longest_item == 9
    assert (trace.longest_batch_s, trace.longest_batch_items) == (6.0, 2)
