"""The throttle: a floor of free memory."""

from __future__ import annotations

from batchmap.scheduling.throttle import LOOK_AGAIN_S, Throttle

from tests.fakes import FakeClock


def test_without_limits_nothing_waits() -> None:
    assert Throttle(clock=FakeClock()).delay_s(in_flight=True) == 0


def test_too_little_memory_holds_items_back_while_others_may_free_some() -> None:
    clock = FakeClock()
    free = [50]
    throttle = Throttle(memory_floor_bytes=100, clock=clock, free_bytes=lambda: free[0])
    assert throttle.delay_s(in_flight=False) == 0
    assert throttle.delay_s(in_flight=True) == LOOK_AGAIN_S
    free[0] = 150
    clock.sleep(LOOK_AGAIN_S)
    assert throttle.delay_s(in_flight=True) == 0
