"""Batching: every item once, in order, in sizes that follow the arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import pytest
from batchmap.scheduling.batching import Batches, BatchSizing, choose_batch_size, kruskal_weiss
from hypothesis import given
from hypothesis import strategies as st

GIB = 2**30


@given(
    total=st.integers(0, 3000),
    size=st.integers(1, 500),
    workers=st.integers(1, 40),
    shrinks=st.booleans(),
)
def test_every_item_is_in_exactly_one_batch_and_their_number_is_known_before(
    total: int, size: int, workers: int, shrinks: bool
) -> None:
    batches = Batches(range(total), total, BatchSizing(size, workers, shrinks))
    seen = list(batches)
    assert [item for batch in seen for item in batch.items] == list(range(total))
    assert [batch.first_item for batch in seen] == [batch.items[0] for batch in seen]
    assert [batch.index for batch in seen] == list(range(len(seen)))
    assert all(len(batch.items) <= size for batch in seen)
    assert batches.num_batches == len(seen)


def test_batches_can_be_iterated_again() -> None:
    batches = Batches([1, 2, 3], 3, BatchSizing(2))
    assert list(batches) == list(batches)


def test_sizes_shrink_near_the_end() -> None:
    sizes = [len(batch.items) for batch in Batches(range(100), 100, BatchSizing(20, 2, True))]
    assert sizes == [20, 20, 15, 12, 9, 6, 5, 4, 3, 2, 2, 2]


def test_the_count_of_a_huge_number_of_batches_is_arithmetic() -> None:
    assert BatchSizing(1, 16, True).num_batches(10**15) == 10**15


def test_an_endless_source_is_taken_batch_by_batch() -> None:
    taken = 0

    def endless() -> Iterator[int]:
        nonlocal taken
        while True:
            taken += 1
            yield taken

    batches = Batches(endless(), None, BatchSizing(10, 2, True))
    assert batches.num_batches is None
    assert [len(batch.items) for batch in islice(batches, 3)] == [10, 10, 10]
    assert taken == 30


def choose(**changes: object) -> tuple[int, str]:
    values: dict[str, object] = {
        "total": 100_000,
        "workers": 4,
        "backend": "thread",
        "expected_item_s": 1e-5,
        "item_bytes": 100,
        "free_memory_bytes": 8 * GIB,
    }
    return choose_batch_size(**{**values, **changes})  # type: ignore[arg-type]


def test_items_that_far_outlast_a_hand_over_are_batches_of_one() -> None:
    assert choose(expected_item_s=0.5)[0] == 1


def test_a_batch_has_so_many_small_items_that_the_hand_over_is_a_hundredth() -> None:
    size, reason = choose(total=None)
    assert size * 1e-5 >= 99 * 5e-5
    assert (size - 1) * 1e-5 < 99 * 5e-5
    assert "1 %" in reason


def test_few_items_are_shared_among_the_workers() -> None:
    size, reason = choose(total=80)
    assert size == 10
    assert "two batches" in reason


def test_scarce_memory_makes_batches_small() -> None:
    size, reason = choose(item_bytes=10**6, free_memory_bytes=GIB)
    assert size == int(0.05 * GIB / (3 * 4 * 10**6))
    assert "memory" in reason


@pytest.mark.parametrize("total", [1, None])
def test_a_batch_holds_at_least_one_item(total: int | None) -> None:
    assert choose(total=total, item_bytes=10**12)[0] == 1


def test_items_that_hardly_differ_make_an_even_share() -> None:
    assert kruskal_weiss(1000, 4, 1e-4, spread_s=1e-320) == 250
