"""Watches this process and the machine during a run: CPU time, waits, load by other programs."""

from __future__ import annotations

from batchmap.clock import SYSTEM_CLOCK, Clock
from batchmap.resources import machine_usage, process_usage

from .trace import Environment

__all__ = ["SystemMonitor", "probed_s"]

PROBE_TURNS = 40_000
"""About a millisecond of work, on a machine of 2023."""

PROBES = 20
"""The fastest of so many is taken, as other programs slow some of them down."""


class SystemMonitor:
    """Measures what this process and others use, from its creation on.

    `probe_s` is how long a fixed piece of work took before the run, as `probed_s` measures it.
    """

    def __init__(self, *, probe_s: float | None = None) -> None:
        self._probe_s = probe_s
        self._usage = process_usage()
        self._machine = machine_usage()

    def surroundings(
        self, *, wall_s: float, workers_cpu_s: float, carried_bytes: int
    ) -> Environment:
        """Return what was used so far, `wall_s` after the creation.

        `workers_cpu_s` is the CPU time of worker processes, which is not that of other programs;
        `carried_bytes` is what was sent to them and came back.
        """
        usage, machine = process_usage(), machine_usage()
        command_cpu_s = usage.cpu_s - self._usage.cpu_s
        other_load = None
        if machine is not None and self._machine is not None and wall_s > 0:
            busy_s = machine.busy_s + machine.stolen_s
            all_s = busy_s - self._machine.busy_s - self._machine.stolen_s
            other_load = max(0.0, all_s - command_cpu_s - workers_cpu_s) / wall_s
        return Environment(
            command_cpu_s=command_cpu_s,
            command_waits=usage.waits - self._usage.waits,
            carried_bytes=carried_bytes,
            other_load=other_load,
            probe_s=self._probe_s,
        )


def probed_s(clock: Clock = SYSTEM_CLOCK) -> float:
    """Return the seconds that a fixed piece of work takes now; takes about 20 ms itself."""
    return min(_spin_s(clock) for _ in range(PROBES))


def _spin_s(clock: Clock) -> float:
    since_s = clock.now()
    total = 0
    for turn in range(PROBE_TURNS):
        total += turn & 7
    return clock.now() - since_s
