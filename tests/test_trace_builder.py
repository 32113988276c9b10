"""The trace: idle time by its ends, exactly, whoever took whose place."""

from __future__ import annotations

from array import array
from itertools import pairwise
from typing import Any

import pytest
from batchmap.records import BatchRecord
from hypothesis import given
from hypothesis import strategies as st

from workbook.utils.execution.trace import Environment, Trace
from workbook.utils.execution.trace_builder import MOST_SPANS, MOST_TIMES, TraceBuilder


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


def test_start_hand_over_and_tail_are_told_apart() -> None:
    seen = traced(
        record("a", 100.5, 1.0), record("a", 101.75, 1.0), record("b", 101.0, 2.5),
        wall_s=4.0, workers=2,
    )  # fmt: skip
    assert (seen.start_s, seen.hand_over_s, seen.tail_s) == (1.5, 0.25, 1.75)


def test_time_between_the_items_of_a_batch_is_hand_over() -> None:
    seen = traced(record("a", 100.0, 1.0, 1.0, gap_s=0.5), wall_s=2.5, workers=1)
    assert (seen.start_s, seen.hand_over_s, seen.tail_s) == (0.0, 0.5, 0.0)


def test_a_worker_that_took_anothers_place_shares_its_row() -> None:
    seen = traced(
        record("a", 100.0, 1.0), record("b", 100.0, 4.0), record("c", 102.0, 2.0),
        wall_s=4.0, workers=2,
    )  # fmt: skip
    assert [span.worker for span in seen.spans] == [0, 1, 0]
    assert (seen.start_s, seen.hand_over_s, seen.tail_s) == (0.0, 1.0, 0.0)


def test_spans_are_in_the_order_of_their_start_since_the_run_began() -> None:
    seen = traced(record("b", 102.0, 1.0), record("a", 100.5, 1.0), wall_s=3.0, workers=2)
    assert [span.started_s for span in seen.spans] == [0.5, 2.0]


def test_coroutines_are_seated_by_the_first_starts_and_the_last_ends() -> None:
    seen = traced(
        record("loop", 100.5, 1.0), record("loop", 100.5, 1.5), record("loop", 101.5, 1.0),
        wall_s=3.0, workers=2, coroutines=True,
    )  # fmt: skip
    assert seen.spans == ()
    assert (seen.start_s, seen.hand_over_s, seen.tail_s) == (1.0, 0.0, 1.5)


def test_coroutines_of_one_record_ran_side_by_side() -> None:
    together = BatchRecord(0, 0, [None] * 2, array("d", [1.0, 2.0]), {}, {}, "loop", 100, 102, 0)
    seen = traced(together, wall_s=2.0, workers=2, coroutines=True)
    assert (seen.start_s, seen.hand_over_s, seen.tail_s) == (0.0, 0.0, 1.0)


@given(
    st.lists(
        st.tuples(st.sampled_from("abcde"), st.floats(0, 5), st.floats(0, 3)),
        min_size=1,
        max_size=30,
    ),
    st.integers(1, 5),
    st.booleans(),
)
def test_the_ends_add_up_to_the_workers_whatever_overlaps(
    batches: list[tuple[str, float, float]], workers: int, coroutines: bool
) -> None:
    records = [record(name, 100 + start_s, time_s) for name, start_s, time_s in batches]
    wall_s = max(one.ended_s for one in records) - 100
    seen = traced(*records, wall_s=wall_s, workers=workers, coroutines=coroutines)
    busy_s = sum(time_s for _, _, time_s in batches)
    total_s = busy_s + seen.start_s + seen.hand_over_s + seen.tail_s
    assert total_s == pytest.approx(workers * wall_s, abs=1e-9)
    assert seen.start_s >= 0
    assert seen.tail_s >= 0


def test_a_run_of_nothing_is_all_start_for_nobody() -> None:
    seen = traced(wall_s=1.0, workers=0)
    assert (seen.start_s, seen.hand_over_s, seen.tail_s, seen.spans) == (0.0, 0.0, 0.0, ())


def test_too_many_spans_are_joined_and_none_of_their_items_is_lost() -> None:
    records = (record("a", 100 + place, 0.5, first_item=place) for place in range(3 * MOST_SPANS))
    seen = traced(*records, wall_s=3.0 * MOST_SPANS, workers=1)
    assert len(seen.spans) <= 2 * MOST_SPANS
    assert sum(span.batches for span in seen.spans) == 3 * MOST_SPANS
    assert sum(span.items for span in seen.spans) == 3 * MOST_SPANS
    assert seen.spans[-1].ended_s == 3 * MOST_SPANS - 0.5


def test_of_many_items_every_so_many_times_are_kept_wherever_batches_begin() -> None:
    number = 2 * MOST_TIMES + 10
    times = [float(place) for place in range(number)]
    cuts = [0, 7, 1000, MOST_TIMES + 3, number]
    records = [
        record("a", 100.0, *times[start:end], first_item=start) for start, end in pairwise(cuts)
    ]
    seen = traced(*records, wall_s=1.0, workers=1)
    assert len(seen.item_times_s) <= MOST_TIMES
    assert list(seen.item_times_s) == times[:: seen.items_a_time]


def test_the_longest_item_is_known_by_its_place() -> None:
    seen = traced(
        record("a", 100.0, 1.0, 2.0, first_item=3), record("b", 100.0, 5.0, 1.0, first_item=9),
        wall_s=6.0, workers=2,
    )  # fmt: skip
    assert seen.longest_item == 9
    assert (seen.longest_batch_s, seen.longest_batch_items) == (6.0, 2)
