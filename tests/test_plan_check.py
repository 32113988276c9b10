"""When the items of a plan are no longer those that it rests on."""

from __future__ import annotations

from itertools import pairwise

import pytest
from batchmap.records import BatchRecord
from batchmap.tuning.backend_choice import Profile
from batchmap.tuning.plan_check import PlanCheck

from tests.fakes import FakeClock, batch_record

WAITING = Profile(left=1000, elapsed_s=0.1, item_s=0.02, cpu_share=0.01)
COMPUTING = Profile(left=1000, elapsed_s=0.1, item_s=0.02, cpu_share=1.0)


def record(item_s: float, cpu_share: float, items: int = 10) -> BatchRecord:
    return batch_record(
        [None] * items, durations_s=[item_s] * items, cpu_s=item_s * cpu_share * items
    )


def doubts(check: PlanCheck, clock: FakeClock, seen: BatchRecord, workers: int) -> bool:
    """Tell whether a second of such records, from so many workers, makes the check doubt."""
    each_s = sum(seen.durations_s) / workers
    found = False
    for _ in range(round(1 / each_s)):
        clock.sleep(each_s)
        found |= check.doubts(seen)
    return found


@pytest.mark.parametrize(
    ("plan", "item_s", "cpu_share", "workers", "is_doubted"),
    [
        (WAITING, 0.02, 0.01, 64, False),
        (WAITING, 0.002, 0.01, 64, False),
        (WAITING, 0.64, 1 / 64, 64, True),  # they hold each other up: 64 times 10 ms of computing
        (WAITING, 0.02, 0.015, 128, False),  # busy, and as was measured
        (COMPUTING, 0.02, 1.0, 2, False),
        (COMPUTING, 0.2, 0.1, 2, False),  # other programs have the cores
        (COMPUTING, 0.02, 0.01, 2, True),
        (COMPUTING, 0.0005, 0.01, 2, False),  # hand-over, and no waits
    ],
)
def test_items_that_turn_to_computing_or_to_waiting_make_it_doubt(
    plan: Profile, item_s: float, cpu_share: float, workers: int, is_doubted: bool
) -> None:
    clock = FakeClock()
    check = PlanCheck(clock)
    check.begin(plan, rests_on_one=False)
    assert doubts(check, clock, record(item_s, cpu_share, items=1), workers) is is_doubted


def test_after_a_doubt_as_much_time_passes_again() -> None:
    clock = FakeClock()
    check = PlanCheck(clock)
    moments = []
    check.begin(COMPUTING, rests_on_one=False)
    for _ in range(2000):
        clock.sleep(0.01)
        if check.doubts(record(0.02, 0.01, items=1)):
            moments.append(clock.now())
            check.begin(COMPUTING, rests_on_one=False)
    begun = [round(one - moments[0] + 0.25, 1) for one in moments]
    assert len(begun) == pytest.approx(6, abs=1)
    assert all(later >= 2 * earlier for earlier, later in pairwise(begun))


def test_a_plan_that_rests_on_one_long_item_is_doubted_when_the_others_are_short() -> None:
    check = PlanCheck(FakeClock())
    check.begin(WAITING, rests_on_one=True)
    assert check.doubts(record(0.001, 0.0))
    check.begin(WAITING, rests_on_one=True)
    assert not check.doubts(record(0.02, 0.0))
    assert not check.doubts(record(0.02, 0.0))
    assert not check.doubts(record(0.001, 0.0))  # two were long: that is no longer looked at


def test_items_that_wait_much_longer_are_told_of_after_two_batches() -> None:
    check = PlanCheck(FakeClock())
    check.begin(WAITING, rests_on_one=False)
    assert check.waits_longer(record(0.2, 0.01)) is None
    assert check.waits_longer(record(0.02, 0.01)) is None  # a moment's delay, and no more
    assert check.waits_longer(record(0.2, 0.01)) is None
    longer = check.waits_longer(record(0.4, 0.01))
    assert longer is not None
    assert list(longer) == pytest.approx([0.3, 0.01])


@pytest.mark.parametrize(
    ("plan", "item_s", "cpu_share"),
    [(WAITING, 0.04, 0.01), (WAITING, 0.2, 0.9), (COMPUTING, 0.2, 0.01)],
)
def test_others_do_not_wait_longer(plan: Profile, item_s: float, cpu_share: float) -> None:
    check = PlanCheck(FakeClock())
    check.begin(plan, rests_on_one=False)
    assert {check.waits_longer(record(item_s, cpu_share)) for _ in range(5)} == {None}
