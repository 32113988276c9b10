"""Work with one known cause of lost speed each, and how much of the workers it costs.

What is injected follows from how the work is made, or from a clock around the same work in
plain processes: never from the engine's own figures, save the wall time that shares are of.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["INJECTED_LOSSES", "InjectedLoss"]

ROOT = Path(__file__).parent.parent

LARGE_BYTES = 12 * 2**20
"""Two such buffers fit into a core complex's cache of 32 MB, four do not."""


@dataclass(frozen=True, slots=True)
class InjectedLoss:
    """A job with a known loss."""

    name: str
    cause: str
    """The name that the report must give it."""
    loss: str
    """The share of the workers that it must count in."""
    function: Callable[[Any], Any]
    items: Callable[[float], Sequence[Any]]
    """Makes them; gets the share of a full run that is wanted, up to 1."""
    backend: str
    workers: int
    injected_s: Callable[[Sequence[Any], float, float], float]
    """Of the items, the sequential and the parallel time: the worker-seconds that must be lost."""
    batches: int | None = None
    """How many, all alike; `None` for one an item."""


def spin(turns: int) -> int:
    total = 0
    for turn in range(turns):
        total += turn & 7
    return total


@cache
def turns_of(seconds: float) -> int:
    """Return how many turns of `spin` take so many seconds here."""
    best_s = min(_timed(lambda: spin(100_000)) for _ in range(15))
    return round(seconds * 100_000 / best_s)


def _timed(act: Callable[[], Any]) -> float:
    since_s = time.perf_counter()
    act()
    return time.perf_counter() - since_s


def wait(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def no_op(item: Any) -> Any:
    return item


def length(item: bytes) -> int:
    return len(item)


_SHARED = threading.Lock()


def half_locked(seconds: float) -> float:
    """Wait, half of the time while holding a lock that all items share."""
    with _SHARED:
        time.sleep(seconds / 2)
    time.sleep(seconds / 2)
    return seconds


class SlowToLoad:
    """A function that takes a while to load in each worker, as a large model does."""

    def __init__(self, load_s: float) -> None:
        self._load_s = load_s

    def __call__(self, seconds: float) -> float:
        return wait(seconds)

    def __setstate__(self, state: dict[str, Any]) -> None:
        time.sleep(state["_load_s"])
        self.__dict__.update(state)


@cache
def _buffers() -> tuple[bytearray, bytearray]:
    return bytearray(b"x" * LARGE_BYTES), bytearray(b"y" * LARGE_BYTES)


def copy(times: int) -> int:
    """Copy a large buffer so many times: the way to memory is all that it uses."""
    source, target = _buffers()
    for _ in range(times):
        target[:] = source
    return len(target)


_COPIER = """
import sys, time
from benchmarks.injected_losses import copy
copy(5)
print(flush=True)
sys.stdin.readline()
since_s = time.perf_counter()
copy(300)
print(time.perf_counter() - since_s)
"""


def slowdown_of_two_copiers() -> float:
    """Return how much longer copying takes in two plain processes side by side than in one."""
    rounds = [(_copying_s(1), _copying_s(2)) for _ in range(5)]
    return statistics.median(two / one for one, two in rounds)


def _copying_s(processes: int) -> float:
    running = [
        subprocess.Popen(
            [sys.executable, "-c", _COPIER],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(processes)
    ]
    for process in running:
        assert process.stdout is not None
        process.stdout.readline()
    for process in running:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    return statistics.fmean(float(process.communicate()[0]) for process in running)


def without_luggage_s(items: Sequence[bytes]) -> float:
    """Return what a run takes over as many items that cost nothing, by a clock around it."""
    from batchmap import parallel_map

    nothing = [b""] * len(items)
    return _timed(lambda: parallel_map(length, nothing, backend="process", workers=2, batch_size=1))


def alone_s(items: Sequence[int]) -> float:
    """Return what a plain loop takes over items of `spin`."""
    return _timed(lambda: [spin(turns) for turns in items])


def _number(count: int, share: float) -> int:
    return max(8, round(count * share))


def _straggling(share: float) -> list[float]:
    return [0.02] * _number(120, share) + [1.0 * share]


INJECTED_LOSSES = (
    InjectedLoss(
        "GIL-bound threads", "GIL", "slower items", spin,
        lambda share: [turns_of(0.03)] * _number(80, share), "thread", 4,
        lambda items, sequential_s, wall_s: 4 * wall_s - alone_s(items),  # one works at a time
    ),
    InjectedLoss(
        "huge pickles", "large items", "hand-over", length,
        lambda share: [bytes(8_000_000) for _ in range(_number(100, share))], "process", 2,
        lambda items, sequential_s, wall_s: 2 * (wall_s - without_luggage_s(items)),
    ),
    InjectedLoss(
        "one straggler", "straggler", "tail", wait, _straggling, "thread", 4,
        lambda items, sequential_s, wall_s: 3 * items[-1],  # the others have nothing left to do
    ),
    InjectedLoss(
        "slow start-up", "start-up", "start", SlowToLoad(0.5),
        lambda share: [0.02] * _number(100, share), "process", 2,
        lambda items, sequential_s, wall_s: 2 * 0.5,
    ),
    InjectedLoss(
        "too-large batches", "large batches", "tail", wait,
        lambda share: [0.02] * 5 * _number(20, share), "thread", 4,
        lambda items, sequential_s, wall_s: 3 * 0.02 * len(items) / 5,  # the fifth is left over
        batches=5,
    ),
    InjectedLoss(
        "too-small batches", "small batches", "hand-over", no_op,
        lambda share: range(_number(40_000, share)), "process", 2,
        lambda items, sequential_s, wall_s: 2 * wall_s,  # the work itself is nothing
    ),
    InjectedLoss(
        "oversubscribed CPU", "too many workers", "slower items", spin,
        lambda share: [turns_of(0.02)] * _number(400, share), "process", 8,
        lambda items, sequential_s, wall_s: 3 * alone_s(items),  # eight stand where two work
    ),
    InjectedLoss(
        "memory-bound", "memory", "slower items", copy,
        lambda share: [12] * _number(100, share), "process", 2,
        lambda items, sequential_s, wall_s: (slowdown_of_two_copiers() - 1) * sequential_s,
    ),
    InjectedLoss(
        "a shared lock", "something shared", "slower items", half_locked,
        lambda share: [0.02] * _number(100, share), "thread", 4,
        lambda items, sequential_s, wall_s: sequential_s,  # four stand where two work
    ),
)  # fmt: skip
