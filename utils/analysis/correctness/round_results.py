"""What the two runs of a round gave, item by item."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ...execution.trace import Trace
from .result_log import ResultLog

__all__ = ["RoundResults", "place_in_words"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundResults:
    """What a sequential and a parallel run over the same items gave."""

    items: Iterable[Any]
    """The input, which can be iterated any number of times."""
    sequential: ResultLog
    parallel: ResultLog
    parallel_trace: Trace
    """Which worker ran which items, and when."""


def place_in_words(items: Iterable[Any]) -> Callable[[int], str]:
    """Return the function that names an item's place in the input, given its index."""
    place: Callable[[int], str] = getattr(items, "place", "item {}".format)
    return place
