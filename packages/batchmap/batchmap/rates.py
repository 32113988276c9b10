"""A rate: how many items, or how much of what they cost, may start in a time."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Rate"]

_UNITS = {1.0: "s", 60.0: "m", 3600.0: "h"}
_TENTHS = 10


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `amount` in every window of `unit_s` seconds."""

    amount: float
    unit_s: float = 1.0
    counts_items: bool = False
    """Whether it counts items even where a cost is given."""

    @property
    def per_second(self) -> float:
        """The amount a second."""
        return self.amount / self.unit_s

    def window(self, *, of_items: bool) -> tuple[float, float]:
        """Return how much may start in a window, and how many seconds that has.

        Items are whole: less than one a unit is one in a longer window, 0.5/s one in 2 s, and what
        is no whole number is taken of ten units, 2.5/s as 25 in 10 s, its further places cut off.
        """
        if not of_items or self.amount == int(self.amount):
            return self.amount, self.unit_s
        if self.amount < 1:
            return 1.0, self.unit_s / self.amount
        return float(math.floor(self.amount * _TENTHS)), self.unit_s * _TENTHS

    def __str__(self) -> str:
        return f"{self.amount:g}{' items' if self.counts_items else ''}/{_UNITS[self.unit_s]}"
