"""The GIL probe: two slices of items at once in two threads show whether the function holds it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from batchmap.clock import Clock
from batchmap.records import Batch, BatchRecord, Plan
from batchmap.tuning.backend_choice import RELEASES_GIL_FROM
from batchmap.tuning.long_item import UNCLEAR_FROM
from batchmap.tuning.thread_meter import ThreadMeter

__all__ = ["GIL_PROBE_S", "GilProbe", "ProbedProcess"]

GIL_PROBE_S = 0.004
"""How long each of the two slices of a GIL probe takes, in seconds."""

MAX_GIL_PROBES = 3
"""How often a GIL probe is made, at most, while the outcome is unclear; the highest one counts."""


class ProbedProcess:
    """Calls `process` of a processor on the slices of a probe, in several threads at once."""

    accepts_monitor = True

    def __init__(self, process: Callable[..., BatchRecord], clock: Clock) -> None:
        self._process = process
        self._clock = clock
        self._queued_s: dict[int, float] = {}

    def __call__(self, batch: Batch, *, monitor: Any = None) -> BatchRecord:
        meter = ThreadMeter(self._clock)
        began = meter.read()
        try:
            return self._process(batch, monitor=monitor)
        finally:
            ended = meter.read()
            if began is not None and ended is not None:
                self._queued_s[batch.index] = ended.queued_s - began.queued_s

    def queued_s(self, record: BatchRecord) -> float:
        """Return how long the thread of a slice was ready and had no core, in seconds."""
        return self._queued_s.get(record.batch_index, 0.0)


class GilProbe:
    """What the probes so far have shown; one has two records at least.

    `queued_s` tells how long the thread of a slice was ready and had no core.
    """

    PLAN = Plan("thread", 2, 1, None, ())
    """The plan while one runs."""

    def __init__(self, queued_s: Callable[[BatchRecord], float] = lambda record: 0.0) -> None:
        self._queued_s = queued_s
        self.gain: float | None = None
        """How many cores the two slices kept busy: one at most, if they hold the GIL."""
        self.items = 0
        """How many items the present one has run."""
        self.cpu_s = 0.0
        """Their CPU time, in seconds."""
        self._would_gain = 0.0
        """How many cores those of the last probe would keep busy that had one each."""
        self._records: list[BatchRecord] = []
        self._num_done = 0

    def begin(self) -> None:
        """Begin another probe."""
        self._records, self.items, self.cpu_s = [], 0, 0.0

    def add(self, record: BatchRecord) -> None:
        """Add the record of a slice."""
        self._records.append(record)
        self.items += len(record.results)
        self.cpu_s += record.cpu_s

    def has_ended(self) -> bool:
        """Tell whether both slices have ended; then `gain` is what they have shown."""
        if len(self._records) < 2:
            return False
        self._num_done += 1
        gain, self._would_gain = self._gains()
        self.gain = max(self.gain or 0.0, gain)
        return True

    @property
    def is_unclear(self) -> bool:
        """Tell whether another one should be made, as other programs may have taken a core."""
        return (
            self.gain is not None
            and self.gain < RELEASES_GIL_FROM
            and self._would_gain > UNCLEAR_FROM
            and self._num_done < MAX_GIL_PROBES
        )

    def _gains(self) -> tuple[float, float]:
        """Return how many cores the two slices kept busy, and would have that had one each.

        Two that hold the GIL never keep much more than one busy. Others may not either, where they
        queued for a core. Where they did, each is counted over its own time, without what it
        queued, so that it does not matter when one began late.
        """
        records = self._records
        wall_s = max(r.ended_s for r in records) - min(r.started_s for r in records)
        # A slice with failed items may have come in several records.
        free_s = {r.worker: r.ended_s - r.started_s - self._queued_s(r) for r in records}
        cores = self.cpu_s / wall_s if wall_s else 1.0
        alone = sum(
            record.cpu_s / max(free_s[record.worker], record.cpu_s, 1e-9) for record in records
        )
        if cores < UNCLEAR_FROM:
            queued_s = sum(map(self._queued_s, records))
            return cores, min(alone, self.cpu_s / max(wall_s - queued_s / 2, 1e-9))
        return alone, alone
