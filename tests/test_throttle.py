"""The throttle: a rate over all workers, and a floor of free memory."""

from __future__ import annotations

import pytest
from batchmap.executors import open_executor
from batchmap.scheduling.batching import BatchSizing, cut
from batchmap.scheduling.scheduler import BatchScheduler
from batchmap.scheduling.throttle import LOOK_AGAIN_S, Throttle
from batchmap.worker.processor import BatchProcessor

from tests.fakes import FakeClock


def test_without_limits_nothing_waits() -> None:
    assert Throttle(clock=FakeClock()).delay_s(in_flight=True) == 0


def test_items_start_evenly_at_the_rate() -> None:
    clock = FakeClock()
    starts: list[float] = []

    def note(item: int) -> None:
        starts.append(clock.now())

    with open_executor("sequential", 1) as executor:
        scheduler = BatchScheduler(
            executor,
            BatchProcessor(note).process,
            cut(range(5), 5, BatchSizing(1).next_size),
            max_in_flight=1,
            throttle=Throttle(rate=4, clock=clock),
            clock=clock,
        )
        assert len(list(scheduler.records())) == 5
    assert starts == pytest.approx([0.0, 0.25, 0.5, 0.75, 1.0])


def test_an_idle_second_is_not_made_up_for() -> None:
    clock = FakeClock()
    throttle = Throttle(rate=10, clock=clock)
    throttle.started(1)
    clock.sleep(1.0)
    assert throttle.delay_s(in_flight=False) == 0
    throttle.started(1)
    assert throttle.delay_s(in_flight=False) == pytest.approx(0.1)


def test_too_little_memory_holds_items_back_while_others_may_free_some() -> None:
    clock = FakeClock()
    free = [50]
    throttle = Throttle(memory_floor_bytes=100, clock=clock, free_bytes=lambda: free[0])
    assert throttle.delay_s(in_flight=False) == 0
    assert throttle.delay_s(in_flight=True) == LOOK_AGAIN_S
    free[0] = 150
    clock.sleep(LOOK_AGAIN_S)
    assert throttle.delay_s(in_flight=True) == 0
