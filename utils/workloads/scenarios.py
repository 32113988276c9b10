"""The benchmark's scenarios of simulated work, as data."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SCENARIOS", "Scenario"]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario: a workload, how many items, on how many workers."""

    name: str
    workload: str
    count: int
    workers: int


SCENARIOS = (
    Scenario("I/O small", "io", 50, 8),
    Scenario("I/O large", "io", 200, 16),
    Scenario("Text", "text", 100, 4),
    Scenario("Numbers", "number", 100, 4),
)
