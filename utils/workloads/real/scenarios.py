"""The benchmark's scenarios of real work, as data."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["REAL_SCENARIOS", "RealScenario"]


@dataclass(frozen=True, slots=True)
class RealScenario:
    """A scenario: which work, how many items, on how many workers."""

    name: str
    workload: str
    """The name by which `open_real_work` knows it."""
    kind: str
    """What bounds it, in words."""
    count: int
    """How many items; as many as take one worker a second or two."""
    quick_count: int
    """How many items with `--quick`; as many as take one worker about 0.3 s."""
    workers: int | None = None
    """`None`: as many as are chosen by measuring."""
    package: str | None = None
    """The module that has to be installed for it; `None` when the standard library is enough."""
    install: str | None = None
    """The name of its distribution, for `pip install`."""


REAL_SCENARIOS = (
    RealScenario("Fetching pages", "fetching", "I/O-bound", 80, 16, workers=16),
    RealScenario("Querying SQLite", "querying", "CPU-bound, outside the GIL", 400, 100),
    RealScenario("Hashing files", "hashing", "CPU-bound, outside the GIL", 600, 160),
    RealScenario(
        "Making thumbnails",
        "thumbnails",
        "CPU-bound, mostly outside the GIL",
        300,
        75,
        package="PIL",
        install="pillow",
    ),
    RealScenario("Compressing text", "compressing", "CPU-bound, outside the GIL", 60, 15),
    RealScenario("Parsing JSON", "parsing", "CPU-bound, holds the GIL", 1200, 360),
)
