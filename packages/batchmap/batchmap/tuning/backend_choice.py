"""The rules by which backend and workers follow from what was measured."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from batchmap.concurrency import Concurrency, WorkerBounds
from batchmap.records import Plan
from batchmap.tuning.concurrency_bounds import concurrency_within, in_words

__all__ = [
    "MAX_THREADS",
    "RELEASES_GIL_FROM",
    "WAITS_BELOW",
    "Profile",
    "TransferCost",
    "choose_backend",
]

START_S = {"thread": 1e-4, "process": 0.006}
"""What starting and ending one more worker takes, in seconds, as found on a machine of 2023."""

MAX_SHARE_OF_IN_PLACE = 0.9
"""Workers are used only when the time predicted with them is at most this share of the time
predicted in place."""

WAITS_BELOW = 0.5
"""Items whose CPU time is less than this share of their time wait."""

PARALLEL_FROM = 1.5
"""An item that keeps so many cores busy runs in parallel by itself."""

RELEASES_GIL_FROM = 1.5
"""Two items at once in two threads that keep so many cores busy together do not hold the GIL."""

MAX_THREADS = 128
"""More threads are not chosen, unless asked for: memory and descriptors might not suffice."""

SHARED_STATE = "Threads share the function's state: it must be thread-safe, or run in processes"
"""Said of each plan that has threads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferCost:
    """What it costs to send an item to a worker process and get its result back."""

    here_s: float
    """Of this process's time, in seconds an item."""
    there_s: float
    """Of the worker's time, in seconds an item."""
    item_bytes: int
    """Size of an item, pickled."""
    function_s: float = 0.0
    """What it costs to send the function to all workers, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is known of a function and its items when the backend is chosen."""

    left: int | None
    """Items that have not started; `None` when unknown."""
    elapsed_s: float
    """Time since the run began, in seconds."""
    item_s: float
    """Mean time of an item, in seconds."""
    cpu_share: float
    """Share of that time in which its thread computes, from 0 to 1."""
    own_cores: float = 1.0
    """How many cores one item keeps busy: more than 1 where a library starts threads for it."""
    threads_gain: float | None = None
    """How many cores two items at once in two threads keep busy; `None` before the GIL probe."""
    transfer: TransferCost | None = None
    """`None` before it was measured."""
    unpicklable: str = ""
    """Why function, items or results cannot be pickled; empty when they can."""
    running_s: float = 0.0
    """How much longer the item is expected to take that runs now; 0 when none does."""
    late_start_s: float = 0.0
    """What starting processes takes longer, in seconds, as they start while an item runs."""
    setup_s: float = 0.0
    """What making a worker process ready takes by the function's set-up, in seconds."""
    thread_setup_s: float = 0.0
    """The same of a worker thread; 0 where all threads share what was set up."""


def choose_backend(
    known: Profile, *, cores: int, workers: int | WorkerBounds | None = None
) -> Plan | None:
    """Return the plan for the items that are left, or `None` when the GIL probe must come first.

    They go on in place when they take less time than workers need to start, their set-up included,
    or when pickling costs as much as the items themselves. Threads are for items that wait, release
    the GIL or cannot be pickled; for those that wait, as many as `cores × (1 + wait / compute)`
    (Goetz et al., "Java Concurrency in Practice", 8.2), or fewer, as another side bears. Else it is
    processes, one a core. `workers` is the number to use instead, if given; of bounds, the nearest.
    """
    item_s, running_s = max(known.item_s, 1e-9), known.running_s
    # Where the number is unknown, as many again are expected as there were so far.
    left = math.ceil(known.elapsed_s / item_s) if known.left is None else known.left
    left_s = running_s + left * item_s
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
        concurrency: Concurrency | None = None
        if isinstance(workers, int):
            number = workers
        else:
            useful = _threads_for(known.cpu_share, cores, known.left, item_s)
            number = workers.most if workers else useful
            concurrency = concurrency_within(workers, usual=useful, most=MAX_THREADS)
        pool_s = max(left * item_s / number, item_s, running_s)
        pool_s += number * START_S["thread"] + known.thread_setup_s
        if pool_s > MAX_SHARE_OF_IN_PLACE * left_s:
            return replace(in_place, why=(pace, f"{rest}, and threads would gain little"))
        why = "Backend chosen: threads, they can wait side by side"
        at_once = [in_words(concurrency)] if concurrency is not None else []
        found = plan("thread", number, pool_s, why, *at_once, SHARED_STATE)
        if isinstance(workers, WorkerBounds):  # of which nobody knows which will be found
            found = replace(found, predicted_s=None)
        return replace(found, concurrency=concurrency)
    number = workers.nearest(cores) if isinstance(workers, WorkerBounds) else workers or cores
    start_s = number * START_S["process"] + known.late_start_s + known.setup_s
    pool_s = max(left * item_s / number, item_s, running_s) + start_s
    if number == 1:
        return replace(in_place, why=(pace, "Backend chosen: in place, there is one core"))
    if pool_s > MAX_SHARE_OF_IN_PLACE * left_s:
        sooner = "sooner than a pool could start and end"
        if known.setup_s > number * START_S["process"]:
            sooner = f"and setting up a worker takes {_time(known.setup_s)}"
        return replace(in_place, why=(pace, f"{rest}, {sooner}"))
    if known.own_cores > PARALLEL_FROM:
        busy = f"Backend chosen: in place, an item keeps {known.own_cores:.1f} cores busy by itself"
        return replace(in_place, why=(pace, busy))
    if known.threads_gain is None:
        return None
    if known.threads_gain >= RELEASES_GIL_FROM:
        gain = f"Measured: two at once in threads use {known.threads_gain:.1f} cores"
        pool_s = max(left * item_s / number, item_s, running_s) + known.thread_setup_s
        why = "Backend chosen: threads, it releases the GIL"
        return plan("thread", number, pool_s, gain, why, SHARED_STATE)
    if known.unpicklable:
        why = f"Backend chosen: threads, it cannot go to a process: {known.unpicklable}"
        return plan("thread", number, left_s, why, SHARED_STATE)
    holds = f"Measured: two at once in threads use {known.threads_gain:.1f} cores"
    transfer = known.transfer or TransferCost(here_s=0.0, there_s=0.0, item_bytes=0)
    pool_s = (
        max(
            left * (item_s + transfer.there_s) / number,
            left * transfer.here_s,
            item_s,
            running_s,
        )
        + start_s
        + transfer.function_s
    )
    if pool_s > MAX_SHARE_OF_IN_PLACE * left_s:
        cost = f"pickling one and its result costs {_time(transfer.here_s + transfer.there_s)}"
        if transfer.function_s > left * (transfer.here_s + transfer.there_s):
            cost = "sending the function takes too much time or memory"
            if transfer.function_s < math.inf:
                cost = f"sending the function costs {_time(transfer.function_s)}"
        return replace(
            in_place,
            why=(pace, holds, f"Backend chosen: in place, {cost}, as much as it would gain"),
        )
    return plan("process", number, pool_s, holds, "Backend chosen: processes, it holds the GIL")


def _threads_for(cpu_share: float, cores: int, left: int | None, item_s: float) -> int:
    useful = min(MAX_THREADS, round(cores / max(cpu_share, 1e-6)))
    if left is None:
        return useful
    # P threads take left_s / P, and P starts: that is least where P is this root.
    paying = math.sqrt(left * item_s / START_S["thread"])
    return max(1, min(left, useful, round(paying)))


def _time(seconds: float) -> str:
    for scale, unit in ((1.0, "s"), (1e3, "ms")):
        if seconds * scale >= 1:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"
