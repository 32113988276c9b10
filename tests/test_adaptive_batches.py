"""Adaptive batch sizes: what is measured in the workers is followed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from batchmap.scheduling.adaptive_batches import MAX_BATCH_S, AdaptiveSizing

from tests.fakes import batch_record


def sizing(item_s: float | None = 1e-5, **changes: float) -> AdaptiveSizing:
    return AdaptiveSizing(workers=2, hand_over_s=1e-4, item_s=item_s, **changes)  # type: ignore[arg-type]


def test_before_anything_was_measured_a_batch_has_one_item() -> None:
    assert sizing(None).next_size(1000) == 1


def test_items_that_far_outlast_a_hand_over_are_batches_of_one() -> None:
    assert sizing(0.02).next_size(1000) == 1


def test_the_hand_over_costs_at_most_a_fiftieth() -> None:
    assert sizing().next_size(10**9) * 1e-5 >= 49 * 1e-4


def test_no_batch_takes_much_longer_than_the_longest() -> None:
    assert sizing().next_size(10**9) * 1e-5 <= MAX_BATCH_S


def test_near_the_end_batches_shrink() -> None:
    sizes = [sizing().next_size(left) for left in (10**6, 10_000, 1000, 200)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] <= 200 // 4 + 12


def test_a_slow_item_shrinks_the_next_batch_at_once() -> None:
    adaptive = sizing()
    before = adaptive.next_size(10**6)
    adaptive.learn(batch_record([0] * 10, durations_s=[1e-5] * 9 + [1.0]))
    assert adaptive.next_size(10**6) == 1 < before


def test_a_faster_pace_is_followed_within_a_few_batches() -> None:
    adaptive = sizing(0.01)
    for _ in range(20):
        adaptive.learn(batch_record([0] * 10, durations_s=[1e-5] * 10))
    assert adaptive.next_size(10**6) > 100


def test_large_items_are_kept_few() -> None:
    large = AdaptiveSizing(
        workers=2, hand_over_s=1e-4, item_s=1e-5, item_bytes=10**7, free_memory_bytes=10**9
    )
    assert large.next_size(10**6) == 1


def test_a_record_without_a_worker_teaches_nothing() -> None:
    adaptive = sizing()
    before = adaptive.next_size(10**6)
    adaptive.learn(batch_record([None], durations_s=[9.0], worker=""))
    assert adaptive.next_size(10**6) == before


def slow_network() -> AdaptiveSizing:
    return AdaptiveSizing(workers=2, hand_over_s=2e-3, measured_s=0.04, item_s=1e-3)


def test_a_hand_over_that_was_measured_makes_batches_that_are_worth_it() -> None:
    usual = AdaptiveSizing(workers=2, hand_over_s=2e-3, item_s=1e-3)
    assert usual.next_size(10**9) * 1e-3 == MAX_BATCH_S
    assert slow_network().next_size(10**9) * 1e-3 == pytest.approx(49 * 0.04)
    assert slow_network().longest_batch_s == pytest.approx(49 * 0.04)


def test_gaps_between_batches_are_followed_down_and_up_to_what_was_measured() -> None:
    adaptive = slow_network()
    now_s = 0.0

    def size_after(gap_s: float) -> int:
        nonlocal now_s
        for _ in range(40):
            record = batch_record([0], durations_s=[1e-3])
            record = replace(record, started_s=now_s + gap_s, ended_s=now_s + gap_s + 1e-3)
            adaptive.learn(record)
            now_s = record.ended_s
        return adaptive.next_size(10**9)

    assert size_after(1e-4) * 1e-3 == MAX_BATCH_S
    assert size_after(0.02) * 1e-3 == pytest.approx(49 * 0.02, rel=0.01)
    assert size_after(9.0) * 1e-3 == pytest.approx(49 * 0.04, rel=0.01)


def test_where_workers_are_many_batches_leave_room_in_what_they_share() -> None:
    adaptive = AdaptiveSizing(workers=1000, hand_over_s=2e-3, shared_s=1e-3, item_s=0.1)
    assert adaptive.next_size(10**9) == 20
    assert adaptive.longest_batch_s == 2.0
    adaptive.workers = 100
    assert adaptive.next_size(10**9) == 4
    adaptive.workers = 10
    assert adaptive.next_size(10**9) == 1


def test_a_hand_over_that_only_a_busy_cluster_can_take_does_not_count() -> None:
    busy = AdaptiveSizing(workers=2, hand_over_s=2e-3, measured_s=60.0, item_s=1e-3)
    assert busy.next_size(10**9) * 1e-3 == pytest.approx(4.9)


def test_with_the_number_unknown_batches_grow_with_what_there_was() -> None:
    adaptive = AdaptiveSizing(workers=100, hand_over_s=5e-5, item_s=2e-3)
    sizes = [adaptive.next_size(None) for _ in range(2000)]
    assert sizes[0] == 2
    assert sizes == sorted(sizes)
    assert all(size <= max(2, 1 + sum(sizes[:at]) / 200) for at, size in enumerate(sizes))
    assert sizes[-1] * 2e-3 == MAX_BATCH_S
