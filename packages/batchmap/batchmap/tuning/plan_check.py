"""Compares what the items of a plan do with what the plan rests on."""

from __future__ import annotations

from batchmap.clock import Clock
from batchmap.records import BatchRecord
from batchmap.tuning.backend_choice import WAITS_BELOW, Profile

__all__ = ["PlanCheck"]

DOUBT_BELOW = 0.25
"""A plan that rests on one long item is doubted when others take less than this share of it."""

WINDOW_S = 0.25
"""The items of so many seconds are compared with those that the plan rests on."""

COMPUTES_FROM_CORES = 0.8
"""Items that keep so much of a core busy hold each other up in threads that were to wait."""

COMPUTES_FROM = 4
"""Items compute now that use so many times the CPU time that was measured."""

WAITS_FROM = 2
"""Items wait now that use so many times less CPU time than was measured. (Where they take longer
and use as much, other programs have the cores.)"""

WAITS_LONGER_FROM = 4
"""Items wait longer now that take so many times the time that was measured, and wait most of it."""

LONGER_RECORDS = 2
"""So many batches in a row must say so: a single one may have met a moment's delay."""

SHORTEST_WAIT_S = 0.001
"""Waits that are shorter are what workers take to get their batches, in seconds."""


class PlanCheck:
    """Tells when a plan no longer fits its items: they compute, or wait, where they did not.

    Each doubt has the items measured again, so the next one comes no sooner than twice as long
    after the run began.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began_s = clock.now()
        self._not_before_s = 0.0
        self._waits = False
        self._item_s = 0.0
        self._item_cpu_s = 0.0
        self._rests_on_s: float | None = None
        """The time of the one long item that the plan rests on; `None` when it rests on several."""
        self._num_long = 0
        self._longer: list[BatchRecord] = []
        """The last records in a row whose items waited longer."""
        self._begin_window()

    def begin(self, known: Profile, *, rests_on_one: bool) -> None:
        """Take note of what a plan rests on; of a single item that runs, with `rests_on_one`."""
        self._waits = known.cpu_share < WAITS_BELOW
        self._item_s = known.item_s
        self._item_cpu_s = known.cpu_share * known.item_s
        self._longer = []
        self._rests_on_s = known.item_s if rests_on_one else None
        self._num_long = 0
        self._begin_window()

    def doubts(self, record: BatchRecord) -> bool:
        """Take in a record of the plan's workers; tell whether items should be measured again."""
        if not record.durations_s:
            return False
        return self._is_shorter(record) or self._turned(record)

    def waits_longer(self, record: BatchRecord) -> tuple[float, float] | None:
        """Take in a record of the plan's workers; tell whether items wait much longer now.

        Returns what one takes, in seconds, and the share of that in which it computes; `None` where
        they are as they were.
        """
        number, busy_s = len(record.durations_s), sum(record.durations_s)
        if not self._waits or not number:
            return None
        if (
            busy_s < WAITS_LONGER_FROM * self._item_s * number
            or busy_s < SHORTEST_WAIT_S * number
            or record.cpu_s >= WAITS_BELOW * busy_s
        ):
            self._longer = []
            return None
        self._longer.append(record)
        if len(self._longer) < LONGER_RECORDS:
            return None
        records, self._longer = self._longer, []
        number = sum(len(one.durations_s) for one in records)
        busy_s = sum(sum(one.durations_s) for one in records)
        return busy_s / number, sum(one.cpu_s for one in records) / busy_s

    def _is_shorter(self, record: BatchRecord) -> bool:
        if self._rests_on_s is None:
            return False
        if sum(record.durations_s) / len(record.durations_s) < DOUBT_BELOW * self._rests_on_s:
            return True
        self._num_long += 1
        if self._num_long > 1:  # the one it rests on, and another
            self._rests_on_s = None
        return False

    def _turned(self, record: BatchRecord) -> bool:
        self._items += len(record.durations_s)
        self._busy_s += sum(record.durations_s)
        self._cpu_s += record.cpu_s
        now_s = self._clock.now()
        window_s = now_s - self._window_began_s
        if window_s < WINDOW_S:
            return False
        expected_cpu_s = self._item_cpu_s * self._items
        if self._waits:
            turned = (
                self._cpu_s > COMPUTES_FROM_CORES * window_s
                and self._cpu_s > COMPUTES_FROM * expected_cpu_s
            )
        else:
            turned = (
                self._cpu_s < WAITS_BELOW / 2 * self._busy_s
                and self._cpu_s < expected_cpu_s / WAITS_FROM
                and self._busy_s > SHORTEST_WAIT_S * self._items
            )
        self._begin_window()
        if not turned or now_s < self._not_before_s:
            return False
        self._not_before_s = self._began_s + 2 * (now_s - self._began_s)
        return True

    def _begin_window(self) -> None:
        self._window_began_s = self._clock.now()
        self._items = 0
        self._busy_s = self._cpu_s = 0.0
