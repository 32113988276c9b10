"""Whether an item waits or computes, and whether two hold the GIL, on a machine with other work."""

from __future__ import annotations

import pytest
from batchmap.records import BatchRecord
from batchmap.tuning.gil_probe import GilProbe
from batchmap.tuning.long_item import LongItemWatch
from batchmap.tuning.thread_meter import RunningBatch, ThreadMeter, ThreadUsage

from tests.fakes import FakeClock, batch_record

START = ThreadUsage(now_s=0.0, cpu_s=0.0, queued_s=0.0)
NEVER_PROBED = 1.1
"""A share of computing that no item has, so that nothing computes beside it."""


class ScriptedMeter(ThreadMeter):
    """Gives what it is told to."""

    def __init__(self, clock: FakeClock, usages: list[ThreadUsage]) -> None:
        super().__init__(clock)
        self._usages = usages

    def read(self, *, is_new: bool = False) -> ThreadUsage | None:
        return self._usages.pop(0)


def share_seen(*usages: ThreadUsage) -> float | None:
    """Return the share in which an item computes that has used this when it is looked at."""
    clock = FakeClock()
    watch, running = LongItemWatch(clock), RunningBatch(ScriptedMeter(clock, [*usages]), START)
    share = None
    for usage in usages:
        clock.time_s = usage.now_s
        seen, _ = watch.look(running, waits_below=NEVER_PROBED)
        share = None if seen is None else seen.cpu_share
    return share


@pytest.mark.parametrize(
    ("usage", "share"),
    [
        (ThreadUsage(0.1, cpu_s=0.1, queued_s=0.0), 1.0),
        (ThreadUsage(0.1, cpu_s=0.002, queued_s=0.0), 0.02),
        (ThreadUsage(0.1, cpu_s=0.03, queued_s=0.07), 1.0),
        (ThreadUsage(0.2, cpu_s=0.06, queued_s=0.02, watcher_s=0.11), 6 / 7),
        (ThreadUsage(0.1, cpu_s=0.001, queued_s=0.0, watcher_s=0.05), 0.02),
        (ThreadUsage(0.1, cpu_s=0.1, queued_s=0.0, watcher_s=0.1), 1.0),
    ],
)
def test_an_item_computes_by_its_share_of_the_time_in_which_it_could(
    usage: ThreadUsage, share: float
) -> None:
    assert share_seen(usage) == pytest.approx(share)


def test_nothing_is_known_of_an_item_that_could_not_compute() -> None:
    held = ThreadUsage(0.1, cpu_s=0.0005, queued_s=0.0, watcher_s=0.099)
    assert share_seen(held) is None
    assert share_seen(held, ThreadUsage(0.2, 0.001, 0.0, watcher_s=0.1)) == pytest.approx(0.01, 0.1)
    assert share_seen(held, ThreadUsage(0.2, 0.1, 0.0, watcher_s=0.1)) == 1.0


def slices(cpu_s: float, *, starts_s: tuple[float, float] = (0.0, 0.0)) -> list[BatchRecord]:
    """Return the records of two slices of 10 ms in two threads, each with this CPU time."""
    return [
        batch_record(
            [1], batch_index=number, worker=f"worker-{number}", started_s=start_s,
            durations_s=[0.01], cpu_s=cpu_s,
        )
        for number, start_s in enumerate(starts_s)
    ]  # fmt: skip


def gain(records: list[BatchRecord], queued_s: float) -> tuple[float, bool]:
    """Return how many cores the slices keep busy, and whether that is unclear.

    Each of them queued so long for a core.
    """
    probe = GilProbe(lambda record: queued_s)
    probe.begin()
    for record in records:
        probe.add(record)
    assert probe.has_ended()
    assert probe.gain is not None
    return round(probe.gain, 3), probe.is_unclear


def test_two_that_release_the_gil_do_so_on_a_machine_with_other_work_too() -> None:
    assert gain(slices(0.01), queued_s=0.0) == (2.0, False)
    assert gain(slices(0.007), queued_s=0.003) == (2.0, False)
    assert gain(slices(0.01, starts_s=(0.0, 0.006)), queued_s=0.0) == (2.0, False)
    assert gain(slices(0.005), queued_s=0.005) == (1.0, True)


def test_two_that_hold_the_gil_never_keep_more_than_a_core_busy() -> None:
    assert gain(slices(0.005), queued_s=0.0) == (1.0, False)
    assert gain(slices(0.0025), queued_s=0.0025) == (0.5, False)
    assert gain(slices(0.004), queued_s=0.005) == (0.8, True)
    assert gain(slices(0.01, starts_s=(0.0, 0.01)), queued_s=0.0) == (1.0, False)


def test_what_stays_unclear_is_taken_for_holding_the_gil() -> None:
    probe = GilProbe(lambda record: 0.005)
    for is_last in (False, False, True):
        probe.begin()
        for record in slices(0.005):
            probe.add(record)
        assert probe.has_ended()
        assert probe.is_unclear is not is_last
    assert probe.gain == pytest.approx(1.0)
