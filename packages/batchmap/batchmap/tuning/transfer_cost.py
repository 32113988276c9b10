"""Measures what it costs items and results to travel to a process and back."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from typing import Any

from batchmap.clock import Clock
from batchmap.tuning.backend_choice import TransferCost

__all__ = ["measure_transfer"]

LARGEST_SAMPLE = 200
LARGEST_SAMPLE_BYTES = 4_000_000
"""How many items, and how many bytes of them, are pickled to see what that costs."""

COPY_S_PER_BYTE = 5e-10
"""What copying a byte into a socket, or out of it, costs."""


def measure_transfer(
    function: Callable[[Any], Any], items: Sequence[Any], results: Sequence[Any], clock: Clock
) -> TransferCost:
    """Return what pickling and unpickling costs; raises what pickling raises."""
    import cloudpickle

    cloudpickle.dumps(function)
    some, outcomes = items[:LARGEST_SAMPLE], results[:LARGEST_SAMPLE]
    while len(some) > 1 and _bytes(some[:1]) * len(some) > LARGEST_SAMPLE_BYTES:
        some, outcomes = some[: len(some) // 2], outcomes[: len(outcomes) // 2]
    start_s = clock.now()
    there = cloudpickle.dumps(some)
    dumped_s = clock.now()
    pickle.loads(there)
    back = pickle.dumps(outcomes)
    pickled_s = clock.now()
    pickle.loads(back)
    here_s = dumped_s - start_s + clock.now() - pickled_s
    # Bytes also cross a socket: each side copies them once, at some GB/s.
    copying_s = (len(there) + len(back)) * COPY_S_PER_BYTE
    number = max(1, len(some))
    return TransferCost(
        here_s=(here_s + copying_s) / number,
        there_s=(pickled_s - dumped_s + copying_s) / number,
        item_bytes=len(there) // number,
    )


def _bytes(items: Sequence[Any]) -> int:
    import cloudpickle

    return len(cloudpickle.dumps(items))
