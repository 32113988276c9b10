"""How many items run at once where the run finds it: within which bounds, and what it found."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Concurrency", "WorkerBounds"]


@dataclass(frozen=True, slots=True)
class WorkerBounds:
    """The fewest and the most workers of a run that finds how many the other side bears."""

    least: int
    most: int

    def __str__(self) -> str:
        return f"{self.least}..{self.most}"

    def nearest(self, number: int) -> int:
        """Return the number within the bounds that is nearest to `number`."""
        return min(max(number, self.least), self.most)


@dataclass(frozen=True, slots=True)
class Concurrency:
    """How many items run at once where the run finds it."""

    least: int
    most: int
    first: int
    """As the run begins."""
    unconnected: int | None = None
    """While nothing shows that the items wait for another side, which could have a limit; `None`
    where that makes no difference."""
    found: int | None = None
    """The median over the later half of the run; `None` before its end."""
    why: str = ""
    """Why it was not more, in words."""
    is_limited: bool = False
    """Whether the other side set it, by refusing items or by a queue."""
    refused: int = 0
    """How many attempts the other side refused, or failed with an error that is tried again."""
    history: tuple[tuple[float, int], ...] = ()
    """From when on how many were allowed, in seconds since the first was begun; at most some
    hundred changes are kept."""

    @property
    def text(self) -> str:
        """What was found, in words; empty before the end, and where there was nothing to find."""
        return f"{self.found:,} at once; {self.why}" if self.found is not None else ""
