"""The jobs that contestants are timed on: a function of one item, and the items."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["JOBS", "Job", "spins_a_second"]


@dataclass(frozen=True, slots=True)
class Job:
    """One job; `items(spins, share)` makes them, fewer by `share` for a quick run."""

    name: str
    function: Callable[[Any], Any]
    items: Callable[[float, float], Sequence[Any]]
    workers: int = 2
    kind: str = "compute"
    """`compute`, `wait`, `async` or `numpy`: which peers make sense."""


def spin(turns: int) -> int:
    total = 0
    for turn in range(turns):
        total += turn
    return total


def spins_a_second() -> float:
    """Return how many turns of `spin` this machine makes in a second, at its best."""
    best_s = min(_timed(lambda: spin(200_000)) for _ in range(15))
    return 200_000 / best_s


def _timed(act: Callable[[], Any]) -> float:
    start_s = time.perf_counter()
    act()
    return time.perf_counter() - start_s


def no_op(item: Any) -> Any:
    return item


def length(item: bytes) -> int:
    return len(item)


def wait(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


async def wait_async(seconds: float) -> float:
    await asyncio.sleep(seconds)
    return seconds


def sort(seed: int) -> float:
    import numpy

    numbers = numpy.random.default_rng(seed).random(100_000)
    numbers.sort()
    return float(numbers[0])


def _number(count: int, share: float) -> int:
    return max(4, round(count * share))


def _heavy_tailed(spins: float, share: float) -> list[int]:
    draw = random.Random(1)
    spread = 1.5
    location = -(spread**2) / 2  # so that the mean is 1
    return [
        round(spins * 2e-3 * draw.lognormvariate(location, spread))
        for _ in range(_number(1500, share))
    ]


def _fast_then_slow(spins: float, share: float) -> list[int]:
    number = _number(20_000, share)
    return [round(spins * 10e-6)] * (number // 10) + [round(spins * 150e-6)] * (number * 9 // 10)


class LiveSource(Sequence[float]):
    """Waits of no length, of which one comes every 20 ms."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __len__(self) -> int:
        return self._number

    def __getitem__(self, index: Any) -> Any:
        time.sleep(0.02)
        return 0.0

    def __iter__(self) -> Iterator[float]:
        for index in range(self._number):
            yield self[index]


def _few_waits(number: int) -> Job:
    return Job(f"{number} waits of 1 s", wait, lambda spins, share: [1.0] * number, number, "wait")


def _few_computations(number: int) -> Job:
    name = f"{number} computations of 2 s"
    return Job(name, spin, lambda spins, share: [round(spins * 2.0)] * number)


def _short(total_ms: int) -> Job:
    name = f"{total_ms} ms in all"
    return Job(name, spin, lambda spins, share: [round(spins * 1e-3)] * total_ms)


JOBS = (
    Job("no-ops", no_op, lambda spins, share: range(_number(300_000, share))),
    Job("15 µs", spin, lambda spins, share: [round(spins * 15e-6)] * _number(100_000, share)),
    Job("2 ms", spin, lambda spins, share: [round(spins * 2e-3)] * _number(1500, share)),
    Job("heavy-tailed", spin, _heavy_tailed),
    Job("1 MB", length, lambda spins, share: [bytes(10**6) for _ in range(_number(300, share))]),
    Job("waits", wait, lambda spins, share: [0.02] * _number(2000, share), 64, "wait"),
    Job(
        "async waits",
        wait_async,
        lambda spins, share: [0.2] * _number(20_000, share),
        2000,
        "async",
    ),
    Job("fast, then slow", spin, _fast_then_slow),
    Job("NumPy", sort, lambda spins, share: range(_number(400, share)), 2, "numpy"),
    *(_few_waits(number) for number in (2, 3, 8, 16)),
    *(_few_computations(number) for number in (2, 4)),
    Job("quick, then waits", wait, lambda spins, share: [0.0] * 300 + [0.05] * 200, 64, "wait"),
    Job("50 a second", wait, lambda spins, share: LiveSource(_number(100, share)), 64, "wait"),
    *(_short(total_ms) for total_ms in (30, 60, 100, 200, 400)),
)
