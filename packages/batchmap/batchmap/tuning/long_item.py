"""Finds an item that takes long while it still runs, and whether it waits or computes."""

from __future__ import annotations

from typing import NamedTuple

from batchmap.clock import Clock
from batchmap.tuning.thread_meter import RunningBatch, ThreadMeter, ThreadUsage

__all__ = ["LONG_S", "UNCLEAR_FROM", "LongItem", "LongItemWatch"]

LONG_S = 0.02
"""An item that has run for so many seconds is not waited for."""

SPIN_S = 0.012
"""How long this thread computes beside an item to find out whether that holds the GIL, in seconds:
a bit more than two threads need to take turns twice."""

MIN_FREE_S = 0.005
"""Nothing is known of an item that could compute for less than this, in seconds, since it was
looked at last: another thread may have held the GIL, or other programs had the core."""

IMPORT_S = 0.2
"""An item that imports modules is not looked at before it has done so for this long, in seconds:
the items after it find them there."""

OFTEN_UNTIL_S = 0.3
"""An item is looked at often, until it has run for so many seconds, and then ever more rarely."""

UNCLEAR_FROM = 1.08
"""An item that holds the GIL never keeps so many cores busy with another thread. From here on, it
may release it and have shared a core with another program."""


class LongItem(NamedTuple):
    """What an item does that has run for some time."""

    elapsed_s: float
    """For how long, in seconds."""
    cpu_share: float
    """Share of the last moments in which it computed, from 0 to 1."""
    threads_gain: float | None
    """How many cores it and another thread kept busy that computed beside it, `None` where that
    was not tried."""


class LongItemWatch:
    """Looks at the batch that runs in another thread, now and then."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._meter: ThreadMeter | None = None
        self._last: ThreadUsage | None = None
        self._gain: float | None = None
        self._pause_s = LONG_S
        self._began_s = self._imports_until_s = 0.0
        self._num_done = 0

    def look(
        self, running: RunningBatch | None, *, waits_below: float
    ) -> tuple[LongItem | None, float]:
        """Return what the item does, if it takes long, and in how many seconds to look again.

        Where it computes for at least the share `waits_below` of its time, this thread computes
        beside it for a moment.
        """
        if running is None or running.began is None:
            return None, LONG_S
        num_done = len(running.results)
        if self._meter is not running.meter:  # another batch
            self._meter, self._num_done = running.meter, 0
            self._begin(running.began)
        if self._num_done != num_done:  # another item of it
            self._num_done = num_done
            self._begin(running.meter.read())
        last = self._last
        if last is None:
            return None, LONG_S
        if (left_s := last.now_s + self._pause_s - self._clock.now()) > 0:
            return None, left_s
        now = running.meter.read()
        if now is not None and max(now.free_s_since(last), now.cpu_s - last.cpu_s) < MIN_FREE_S:
            return None, LONG_S
        self._last = now
        if now is None:
            return None, LONG_S
        if now.now_s < self._imports_until_s and running.meter.is_importing():
            self._began_s = now.now_s
            return None, LONG_S
        elapsed_s = now.now_s - self._began_s
        if elapsed_s > OFTEN_UNTIL_S:
            self._pause_s *= 1.5
        cpu_share, gain = now.cpu_share_since(last), None
        if cpu_share >= waits_below:
            if self._gain is None or self._gain >= UNCLEAR_FROM:
                self._gain = max(self._gain or 0.0, self._cores_beside(running.meter))
            gain = self._gain
        return LongItem(elapsed_s, cpu_share, gain), self._pause_s

    def _begin(self, used: ThreadUsage | None) -> None:
        """Note what the thread had used when the item that runs was first seen."""
        self._last, self._gain, self._pause_s = used, None, LONG_S
        self._began_s = self._clock.now() if used is None else used.now_s
        self._imports_until_s = self._began_s + IMPORT_S

    def _cores_beside(self, meter: ThreadMeter) -> float:
        """Compute for a moment; return how many cores this thread and the metered one kept busy."""
        before = meter.read()
        own_cpu_s, now = self._clock.cpu(), self._clock.now
        end_s = now() + SPIN_S
        while now() < end_s:
            pass
        after = meter.read()
        if before is None or after is None:
            return 1.0
        cpu_s = after.cpu_s - before.cpu_s + self._clock.cpu() - own_cpu_s
        return cpu_s / max(1e-9, after.now_s - before.now_s)
