"""Explains why items took longer in parallel than in the sequential run."""

from __future__ import annotations

import sys

from ..thresholds import is_cpu_bound
from .evidence import NEARLY_ALL, Evidence, Explanation, blame_other_programs

__all__ = ["explain"]

MIN_CPU_SHARE = 0.1
"""Items that compute for a smaller share of their time are not slowed down by busy cores."""


def explain(evidence: Evidence) -> Explanation:
    """Return the cause of slower items; needs a sequential run to compare with."""
    baseline = evidence.sequential
    assert baseline is not None
    return _explain_computing(evidence) if is_cpu_bound(baseline) else _explain_waiting(evidence)


def _explain_waiting(evidence: Evidence) -> Explanation:
    baseline, trace = evidence.sequential, evidence.trace
    assert baseline is not None
    needs_cores = baseline.cpu_s >= MIN_CPU_SHARE * baseline.busy_s
    if needs_cores and (other_programs := blame_other_programs(evidence)) is not None:
        return other_programs
    own_cores_used = trace.surroundings.command_cpu_s / evidence.wall_s
    if evidence.plan.backend in ("thread", "async") and own_cores_used >= NEARLY_ALL:
        return Explanation(
            "GIL",
            f"what the items compute between their waits keeps {own_cores_used:.1f} cores busy, "
            "and threads share one",
            "compute less in Python between the waits; fewer workers lose little",
        )
    return _something_shared(evidence)


def _explain_computing(evidence: Evidence) -> Explanation:
    """Return the cause for items that compute, the most certain evidence first."""
    baseline, parallel = evidence.sequential, evidence.parallel
    assert baseline is not None
    more_s = parallel.busy_s - baseline.total_duration
    threads_take_turns = evidence.plan.backend == "thread" and evidence.cores_used < 1 / NEARLY_ALL
    if threads_take_turns and _waits_for_gil(evidence, more_s):
        return Explanation(
            "GIL",
            f"the threads kept {evidence.cores_used:.1f} cores busy: one at a time holds the "
            "interpreter's lock",
            f"use --backend process --workers {min(evidence.cores, evidence.workers)}",
        )
    if evidence.workers > evidence.cores and evidence.uses_all_cores:
        return _too_many_workers(evidence)
    if (other_programs := blame_other_programs(evidence)) is not None:
        return other_programs
    if evidence.workers > evidence.capacity / NEARLY_ALL and evidence.uses_all_cores:
        return Explanation(
            "shared cores",
            f"side by side, {evidence.cores} plain processes do the work of "
            f"{evidence.capacity:.1f}, so the cores are not each worth a whole one",
            "there is no more to be had from this machine",
        )
    if parallel.cpu_s - baseline.cpu_s > more_s / 2:
        return Explanation(
            "memory",
            f"the items took {_times_as_long(evidence):.1f} times as long as alone, most of it "
            "CPU: they share caches and the way to memory",
            f"try --workers {max(1, evidence.workers // 2)}, which may be as fast, and less data "
            "an item",
        )
    return _something_shared(evidence)


def _waits_for_gil(evidence: Evidence, waited_s: float) -> bool:
    """Return whether threads woke up as often as those do that wait for the GIL.

    A thread that waits for it asks for it again after each switch interval; one that waits for a
    lock, a file or a socket sleeps until it is there.
    """
    return evidence.trace.surroundings.command_waits >= waited_s / sys.getswitchinterval()


def _too_many_workers(evidence: Evidence) -> Explanation:
    worth = min(float(evidence.cores), evidence.capacity)
    return Explanation(
        "too many workers",
        f"{evidence.workers} workers share what this machine gives: the work of {worth:.1f} cores",
        f"--workers {evidence.cores} is as fast",
    )


def _something_shared(evidence: Evidence) -> Explanation:
    return Explanation(
        "something shared",
        f"the items took {_times_as_long(evidence):.1f} times as long as alone, waiting for "
        "something that they share",
        "look for a lock, a file, a connection or a server that they share; give each worker its "
        "own",
    )


def _times_as_long(evidence: Evidence) -> float:
    assert evidence.sequential is not None
    return evidence.parallel.busy_s / max(evidence.sequential.busy_s, 1e-9)
