"""The model of a cluster, without one: what it must come to where the sum can be done by hand."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

pytest.importorskip("distributed")

from benchmarks.cluster_model import Cluster, Costs, simulated

FREE = Costs(**{field.name: 0.0 for field in fields(Costs)})
"""A cluster that computes for nothing; Dask's intervals between messages are left."""


def test_workers_are_busy_all_the_time_where_nothing_else_costs() -> None:
    estimate = simulated(FREE, Cluster(processes=20), [1.0])
    assert estimate.efficiency == pytest.approx(1, abs=0.01)
    assert estimate.throughput == pytest.approx(20, rel=0.01)
    assert estimate.bottleneck == "workers"


@pytest.mark.parametrize(
    ("costs", "bottleneck"),
    [
        (replace(FREE, coordinator_batch_s=0.002), "coordinator, per batch"),
        (replace(FREE, coordinator_item_s=0.002), "coordinator, per item"),
        (replace(FREE, scheduler_batch_s=0.002), "scheduler"),
    ],
)
def test_who_takes_2_ms_a_batch_lets_500_through_a_second_and_is_named(
    costs: Costs, bottleneck: str
) -> None:
    estimate = simulated(costs, Cluster(processes=300), [0.01], batch_size=1)
    assert estimate.throughput == pytest.approx(500, rel=0.02)
    assert estimate.bottleneck == bottleneck


def test_a_batch_goes_through_the_network_eight_times() -> None:
    near = simulated(FREE, Cluster(processes=1), [1.0], batch_size=1, items=1)
    far = simulated(FREE, Cluster(processes=1, hop_s=1.0), [1.0], batch_size=1, items=1)
    assert far.seconds == pytest.approx(near.seconds + 8)


def test_two_cores_do_no_more_than_two_things_at_once() -> None:
    costs = replace(FREE, coordinator_batch_s=0.001, scheduler_batch_s=0.001, worker_batch_s=0.001)
    cluster = Cluster(processes=1, threads=50)
    many = simulated(costs, cluster, [0.0], batch_size=1)
    two = simulated(costs, replace(cluster, cores=2), [0.0], batch_size=1)
    assert many.throughput == pytest.approx(1000, rel=0.02)
    assert two.throughput == pytest.approx(2 / 0.003, rel=0.1)


def test_all_items_of_a_finite_run_are_done_and_their_times_add_up() -> None:
    costs = replace(FREE, coordinator_batch_s=0.001, coordinator_item_s=0.0001)
    estimate = simulated(costs, Cluster(processes=7), [0.25], batch_size=3, items=1000)
    assert (estimate.items, estimate.batches) == (1000, 334)
    assert estimate.busy_s == pytest.approx(250)
    assert estimate.efficiency == pytest.approx(250 / (7 * estimate.seconds))
    assert estimate.coordinator * estimate.seconds == pytest.approx(334 * 0.001 + 1000 * 0.0001)
    assert estimate.coordinator_items * estimate.seconds == pytest.approx(1000 * 0.0001)


def test_a_batch_that_spends_its_budget_leaves_the_rest_to_another() -> None:
    times_s = [0.001] * 400 + [2.0]
    estimate = simulated(FREE, Cluster(processes=3), times_s, items=5000)
    assert estimate.items == 5000


def test_the_engine_makes_batches_of_0_4_seconds() -> None:
    estimate = simulated(FREE, Cluster(processes=10), [0.01])
    assert 38 <= estimate.items / estimate.batches <= 41


def test_the_engine_s_batches_leave_many_workers_busy() -> None:
    costs = replace(FREE, coordinator_batch_s=0.001, scheduler_batch_s=0.001)
    estimate = simulated(costs, Cluster(processes=1000), [0.1])
    assert estimate.efficiency > 0.95
    assert estimate.coordinator == pytest.approx(0.5, abs=0.05)
