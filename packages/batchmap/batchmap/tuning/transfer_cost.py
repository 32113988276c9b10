"""Measures what it costs to send items to a worker process and get their results back."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from typing import Any

from batchmap.clock import Clock
from batchmap.tuning.backend_choice import TransferCost

__all__ = ["measure_transfer"]

MAX_SAMPLE = 200
MAX_SAMPLE_BYTES = 4_000_000
"""How many items, and how many bytes of them, are pickled at most to measure that."""

COPY_S_PER_BYTE = 5e-10
"""How long it takes to copy a byte into a socket, or out of it, in seconds."""


def measure_transfer(
    function: Callable[[Any], Any], items: Sequence[Any], results: Sequence[Any], clock: Clock
) -> TransferCost:
    """Return what pickling and unpickling of `items` and their `results` costs.

    Raises what pickling raises, of `function`, too.
    """
    from batchmap.executors.pickling import dumps

    dumps(function)
    items, results = items[:MAX_SAMPLE], results[:MAX_SAMPLE]
    while len(items) > 1 and _bytes(items[:1]) * len(items) > MAX_SAMPLE_BYTES:
        items, results = items[: len(items) // 2], results[: len(results) // 2]
    start_s = clock.now()
    there = dumps(items)
    dumped_s = clock.now()
    pickle.loads(there)
    back = pickle.dumps(results)
    pickled_s = clock.now()
    pickle.loads(back)
    here_s = dumped_s - start_s + clock.now() - pickled_s
    # Bytes also cross a socket: each process copies them once, at some GB/s.
    copying_s = (len(there) + len(back)) * COPY_S_PER_BYTE
    number = max(1, len(items))
    return TransferCost(
        here_s=(here_s + copying_s) / number,
        there_s=(pickled_s - dumped_s + copying_s) / number,
        item_bytes=len(there) // number,
    )


def _bytes(items: Sequence[Any]) -> int:
    from batchmap.executors.pickling import dumps

    return len(dumps(items))
