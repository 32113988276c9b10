"""Calls that items make share the cores: those that begin at once do not take the same ones."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from batchmap import Plan, WorkerPool, parallel_map
from batchmap.concurrency import WorkerBounds
from batchmap.core_sharing import cores_to_use, inside_call, worker_processes
from batchmap.executors import open_executor
from batchmap.resources import usable_cores

CORES = usable_cores()

needs_two_cores = pytest.mark.skipif(CORES < 2, reason="one core has nothing to share")


@pytest.fixture(autouse=True)
def inside_an_item() -> Iterator[None]:
    token = inside_call.set(True)
    yield
    inside_call.reset(token)


def compute(seconds: float) -> float:
    end_s = time.thread_time() + seconds
    while time.thread_time() < end_s:
        pass
    return seconds


@needs_two_cores
def test_cores_are_taken_as_they_are_counted() -> None:
    with worker_processes(CORES, least=1) as first, worker_processes(CORES, least=1) as second:
        assert (first, second) == (CORES, 1)
        with worker_processes(CORES) as asked_for, worker_processes(CORES, least=2) as bounded:
            assert (asked_for, bounded) == (CORES, 2)
        assert cores_to_use() == 1
    assert cores_to_use() == CORES


@needs_two_cores
@pytest.mark.parametrize(
    ("least", "found"), [(1, 1), (2, 2), (None, CORES)], ids=["chosen", "bounds", "asked for"]
)
def test_an_executor_has_the_cores_that_are_free(least: int | None, found: int) -> None:
    with (
        worker_processes(CORES),
        open_executor("process", CORES, least=least) as executor,
    ):
        assert executor.workers == found


@needs_two_cores
@pytest.mark.parametrize("workers", ["auto", WorkerBounds(1, 8), CORES])
def test_cores_that_are_taken_between_plan_and_start(workers: int | str) -> None:
    plans: list[Plan] = []
    other = ExitStack()

    def on_plan(plan: Plan) -> None:
        if plan.backend == "process" and not plans:
            other.enter_context(worker_processes(CORES))
        if plan.backend == "process":
            plans.append(plan)

    with other:
        items = [0.005] * 60
        assert parallel_map(compute, items, workers=str(workers), on_plan=on_plan) == items
        first, *others = plans
        assert first.workers == CORES
        if workers == CORES:
            assert {plan.workers for plan in others} <= {CORES}
        else:
            assert others[0].workers == 1
            assert "other calls took the rest of the cores" in others[0].why[-1]
    assert cores_to_use() == CORES


@needs_two_cores
def test_a_pool_takes_cores_as_it_starts_and_gives_them_back() -> None:
    pool, asked_for = WorkerPool(), WorkerPool(workers=CORES)
    with worker_processes(CORES), pool, asked_for:
        assert (pool.workers, asked_for.workers) == (1, CORES)
        assert parallel_map(abs, [-1, -2], pool=pool) == [1, 2]
    assert cores_to_use() == CORES
