"""How long calls took lately: the logarithm of their mean time, and how sure that is."""

from __future__ import annotations

import math

__all__ = ["LatencyWindow"]


class LatencyWindow:
    """The times of some calls, and how many were in flight as they ended."""

    __slots__ = ("_in_flight", "_sum", "_sum_of_squares", "number")

    def __init__(self) -> None:
        self.number = 0
        self._in_flight = 0
        self._sum = self._sum_of_squares = 0.0

    def add(self, took_s: float, *, in_flight: int) -> None:
        """Take in a call."""
        self.number += 1
        self._in_flight += in_flight
        self._sum += took_s
        self._sum_of_squares += took_s * took_s

    @property
    def latency(self) -> float:
        """The logarithm of the mean time in seconds; of at least one call."""
        return math.log(max(1e-9, self._sum / self.number))

    @property
    def error(self) -> float:
        """The standard error of the mean, as a share of it."""
        mean_s = max(1e-9, self._sum / self.number)
        spread = self._sum_of_squares / self.number / mean_s**2 - 1
        return math.sqrt(max(0.0, spread) / self.number)

    @property
    def in_flight(self) -> float:
        """How many calls were in flight on average."""
        return self._in_flight / self.number
