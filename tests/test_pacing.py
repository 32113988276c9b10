"""The pace: a rate over all workers, and a floor of free memory."""

from __future__ import annotations

import pytest

from tests.fakes import FakeClock
from utils.batching import BatchSizing, cut
from utils.executors import open_executor
from utils.pacing import LOOK_AGAIN_S, Pace
from utils.processing import BatchProcessor
from utils.running import Corridor


def test_without_limits_nothing_waits() -> None:
    assert Pace(clock=FakeClock()).delay_s(under_way=True) == 0


def test_items_start_evenly_at_the_rate() -> None:
    clock = FakeClock()
    starts: list[float] = []

    def note(item: int) -> None:
        starts.append(clock.now())

    with open_executor("sequential", 1) as executor:
        corridor = Corridor(
            executor,
            BatchProcessor(note).process,
            cut(range(5), 5, BatchSizing(1).next_size),
            window=1,
            pace=Pace(rate=4, clock=clock),
            clock=clock,
        )
        assert len(list(corridor.records())) == 5
    assert starts == pytest.approx([0.0, 0.25, 0.5, 0.75, 1.0])


def test_an_idle_second_is_not_made_up_for() -> None:
    clock = FakeClock()
    pace = Pace(rate=10, clock=clock)
    pace.started(1)
    clock.sleep(1.0)
    assert pace.delay_s(under_way=False) == 0
    pace.started(1)
    assert pace.delay_s(under_way=False) == pytest.approx(0.1)


def test_too_little_memory_holds_items_back_while_others_may_free_some() -> None:
    clock = FakeClock()
    free = [50]
    pace = Pace(memory_floor_bytes=100, clock=clock, free_bytes=lambda: free[0])
    assert pace.delay_s(under_way=False) == 0
    assert pace.delay_s(under_way=True) == LOOK_AGAIN_S
    free[0] = 150
    clock.sleep(LOOK_AGAIN_S)
    assert pace.delay_s(under_way=True) == 0
