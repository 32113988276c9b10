"""The rules by which backend and workers follow from what was measured."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from batchmap.records import Plan

__all__ = ["RELEASES_FROM", "Profile", "TransferCost", "choose_backend"]

START_S = {"thread": 1e-4, "process": 0.012}
"""Start and end of one more worker, in seconds, as found on a machine of 2023."""

WORTH_IT = 0.9
"""A pool must be predicted to take less than this share of going on in place."""

WAITS_BELOW = 0.5
"""Work whose CPU time is less than this share of its time waits."""

PARALLEL_FROM = 1.5
"""An item that uses so many cores runs in parallel by itself."""

RELEASES_FROM = 1.5
"""Two at once in threads that use so many cores together do not hold the GIL."""

MOST_THREADS = 128
"""More threads than this are no default: memory, descriptors and the other side must last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferCost:
    """What it costs an item and its result to go to a process and back."""

    here_s: float
    """Seconds an item in this process."""
    there_s: float
    """Seconds an item in the worker."""
    item_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is known when a decision is made."""

    left: int | None
    """Items still to start; `None` when unknown."""
    elapsed_s: float
    item_s: float
    """Mean time of an item."""
    cpu_share: float
    """CPU time of the calling thread over its time."""
    own_cores: float = 1.0
    """CPU time of all threads of this process over the time: more than 1 for parallel libraries."""
    threads_gain: float | None = None
    """How many cores two at once use in two threads; `None` when it was not tried."""
    transfer: TransferCost | None = None
    unpicklable: str = ""
    """Why function, items or results cannot be pickled; empty when they can."""


def choose_backend(known: Profile, *, cores: int, workers: int | None = None) -> Plan | None:
    """Return the plan for what is left, or `None` when two at once must be tried first.

    In place when what is left is done sooner than a pool could start, or for work whose pickling
    costs as much as the work. Threads for work that waits or releases the GIL, or cannot be
    pickled; as many as `cores × (1 + wait / compute)` for work that waits (Goetz et al., "Java
    Concurrency in Practice", 8.2). Else processes, one a core. `workers` overrules the number.
    """
    item_s = max(known.item_s, 1e-9)
    # With the number unknown, as much again as there was so far.
    left = math.ceil(known.elapsed_s / item_s) if known.left is None else known.left
    left_s = left * item_s
    pace = f"Measured: an item takes {_time(item_s)}, {known.cpu_share:.0%} of it computing"
    rest = f"Backend chosen: in place, what is left takes {_time(left_s)}"

    def plan(backend: str, number: int, left_s: float, *why: str) -> Plan:
        predicted_s = None if known.left is None else known.elapsed_s + left_s
        return Plan(backend, number, 1, None, (pace, *why), predicted_s)

    in_place = plan("sequential", 1, left_s, rest)
    if workers == 1:
        return replace(
            in_place, why=(pace, "Backend chosen: in place, for one worker was asked for")
        )
    if known.cpu_share < WAITS_BELOW:
        number = workers or _threads_for(known.cpu_share, cores, left, item_s)
        pool_s = max(left_s / number, item_s) + number * START_S["thread"]
        if pool_s > WORTH_IT * left_s:
            return replace(in_place, why=(pace, f"{rest}, and threads would gain little"))
        return plan("thread", number, pool_s, "Backend chosen: threads, they can wait side by side")
    number = workers or cores
    pool_s = max(left_s / number, item_s) + number * START_S["process"]
    if number == 1:
        return replace(in_place, why=(pace, "Backend chosen: in place, there is one core"))
    if pool_s > WORTH_IT * left_s:
        return replace(in_place, why=(pace, f"{rest}, sooner than a pool could start and end"))
    if known.own_cores > PARALLEL_FROM:
        busy = f"Backend chosen: in place, an item keeps {known.own_cores:.1f} cores busy by itself"
        return replace(in_place, why=(pace, busy))
    if known.threads_gain is None:
        return None
    if known.threads_gain >= RELEASES_FROM:
        gain = f"Measured: two at once in threads use {known.threads_gain:.1f} cores"
        pool_s = max(left_s / number, item_s)
        return plan("thread", number, pool_s, gain, "Backend chosen: threads, it releases the GIL")
    if known.unpicklable:
        why = f"Backend chosen: threads, it cannot go to a process: {known.unpicklable}"
        return plan("thread", number, left_s, why)
    holds = f"Measured: two at once in threads use {known.threads_gain:.1f} cores"
    transfer = known.transfer or TransferCost(here_s=0.0, there_s=0.0, item_bytes=0)
    pool_s = (
        max(left * (item_s + transfer.there_s) / number, left * transfer.here_s, item_s)
        + number * START_S["process"]
    )
    if pool_s > WORTH_IT * left_s:
        cost = f"pickling one and its result costs {_time(transfer.here_s + transfer.there_s)}"
        return replace(
            in_place,
            why=(pace, holds, f"Backend chosen: in place, {cost}, as much as it would gain"),
        )
    return plan("process", number, pool_s, holds, "Backend chosen: processes, it holds the GIL")


def _threads_for(cpu_share: float, cores: int, left: int, item_s: float) -> int:
    useful = cores / max(cpu_share, 1e-6)
    # More threads shorten the run by left_s / P and lengthen it by P starts.
    paying = math.sqrt(left * item_s / START_S["thread"])
    return max(1, min(left, MOST_THREADS, round(useful), round(paying)))


def _time(seconds: float) -> str:
    for scale, unit in ((1.0, "s"), (1e3, "ms")):
        if seconds * scale >= 1:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"
