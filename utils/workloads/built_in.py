"""The built-in workloads: `io`, `text` and `number`, with simulated waits.

To add a workload:

1. Write it as a subclass of `SimulatedWork`: how long an item waits, and what it gives.
2. Add a line to `WORKLOADS`, with the figures that the plan is made of.
3. Add its name to `WORKLOAD_NAMES` in `utils/cli/settings.py`, which starts without this module.
4. Test it in `tests/test_workloads.py`, and describe it under "The workloads" in
   `docs/demonstration.md`.

Functions of workloads are sent to worker processes as code, since those cannot import this package:
the variables of a module that they use must be values that can be pickled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from batchmap.clock import SYSTEM_CLOCK, Clock
from batchmap.worker import back_off

from .item_analysis import analyse_number, analyse_text, parse_number
from .seeded import draw

__all__ = [
    "WORKLOADS",
    "NumberAnalysis",
    "SimulatedFailure",
    "SimulatedIO",
    "SimulatedWork",
    "TextAnalysis",
    "Workload",
]

REFERENCE_LATENCY_S = 0.5
"""The mean wait of an `io` item at full scale, for which the waits of `text` are stated, too."""


class SimulatedFailure(Exception):
    """Raised for an item that fails on purpose."""


@dataclass(frozen=True)
class SimulatedWork:
    """A function of one item: a wait scaled by the latency, real work, and sometimes a failure.

    How long an item waits, and whether it fails, follows from `(seed, item)` alone; whether a
    retry fails follows from the number of the attempt, too, so failures are transient.
    """

    seed: int = 0
    latency_s: float = REFERENCE_LATENCY_S
    failure_rate: float = 0.05
    clock: Clock = SYSTEM_CLOCK

    def __call__(self, item: Any) -> Any:
        """Wait, and return the item's result; raises `SimulatedFailure` for those that fail."""
        wait_s = self.wait_s(item)
        if wait_s:
            self.clock.sleep(wait_s)
        return self._after_wait(item)

    def _after_wait(self, item: Any) -> Any:
        result = self.work(item)
        # Through its module, as a context variable cannot be pickled with code that names it.
        attempt = back_off.current_attempt.get()
        if self.failure_rate and draw(self.seed, "refuses", item, attempt) < self.failure_rate:
            raise SimulatedFailure(f"simulated failure in attempt {attempt}")
        return result

    def as_coroutine(self) -> Callable[[Any], Any]:
        """Return a coroutine function that does the same work and awaits its wait."""

        async def function(item: Any) -> Any:
            from asyncio import sleep

            await sleep(self.wait_s(item))
            return self._after_wait(item)

        return function

    def wait_s(self, item: Any) -> float:
        """Return how long the item waits, in seconds."""
        return 0.0

    def work(self, item: Any) -> Any:
        """Return the item's result."""
        raise NotImplementedError


class SimulatedIO(SimulatedWork):
    """A wait as for a server, 0.5 ± 0.1 s at full scale; gives a digest of the item."""

    def wait_s(self, item: Any) -> float:
        return self.latency_s * (0.8 + 0.4 * draw(self.seed, "waits", item))

    def work(self, item: Any) -> str:
        return blake2b(repr((self.seed, item)).encode(), digest_size=8).hexdigest()


class TextAnalysis(SimulatedWork):
    """A wait as for a read, 0.1 s and 0.1 ms a character at full scale, then a text's analysis."""

    def wait_s(self, item: Any) -> float:
        return min(1.0, 0.1 + 0.0001 * len(str(item))) * self.latency_s / REFERENCE_LATENCY_S

    def work(self, item: Any) -> dict[str, Any]:
        return analyse_text(str(item))


class NumberAnalysis(SimulatedWork):
    """A number's analysis: real arithmetic, no wait."""

    def work(self, item: Any) -> dict[str, Any]:
        return analyse_number(item if isinstance(item, int | float) else parse_number(item))


@dataclass(frozen=True, slots=True)
class Workload:
    """A built-in workload, with what the planner and the report need to know of it."""

    name: str
    kind: str
    """What bounds it, in words."""
    function: type[SimulatedWork]
    data_type: str
    """The data that is made for it, unless another is asked for."""
    backend: str
    """The backend that suits it."""
    workers_per_core: int
    wait_s: float
    """Mean wait of an item at the reference latency, in seconds."""
    work_s: float
    """Mean CPU time of an item, in seconds, as measured on a machine of 2023."""

    def build(
        self, *, seed: int, latency_s: float, failure_rate: float, backend: str
    ) -> Callable[[Any], Any]:
        """Return the function of one item, a coroutine function for the backend `async`."""
        work = self.function(seed, latency_s, failure_rate)
        return work.as_coroutine() if backend == "async" else work

    def expected_item_s(self, latency_s: float) -> float:
        """Return the mean time of one item, in seconds, at this latency."""
        return self.wait_s * latency_s / REFERENCE_LATENCY_S + self.work_s


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("io", "I/O-bound", SimulatedIO, "mixed", "thread", 4, 0.5, 5e-6),
        Workload("text", "mixed", TextAnalysis, "text", "thread", 2, 0.2, 1e-4),
        Workload("number", "CPU-bound", NumberAnalysis, "numbers", "process", 1, 0.0, 0.05),
    )
}
