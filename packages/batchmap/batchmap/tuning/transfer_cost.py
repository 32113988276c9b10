"""Measures what it costs to send a function and its items to worker processes and back."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from batchmap.clock import Clock
from batchmap.resources import free_memory_bytes
from batchmap.tuning.backend_choice import Profile, TransferCost
from batchmap.worker.failures import describe_failure
from batchmap.worker.interruption import SignalHandlers

__all__ = ["measure_transfer", "with_transfer"]

MAX_SAMPLE = 200
MAX_SAMPLE_BYTES = 4_000_000
"""How many items, and how many bytes of them, are pickled at most to measure that."""

COPY_S_PER_BYTE = 5e-10
"""How long it takes to copy a byte into a socket, or out of it, in seconds."""

WRITE_S_PER_BYTE = 5e-10
"""How long it takes to write a byte of shared memory, in seconds."""

MAP_S_PER_BYTE = 1e-10
"""What it takes to read a byte of shared memory more than one of the process's own, in seconds:
pages are mapped when they are first read."""

MAX_FUNCTION_SHARE = 0.05
"""Pickling the function to see what it takes may cost this share of the items' time."""

MIN_FUNCTION_S = 0.005
"""How long the function may take to pickle in any case, in seconds."""


def with_transfer(
    known: Profile,
    function: Callable[[Any], Any],
    sample: tuple[Sequence[Any], Sequence[Any]],
    clock: Clock,
    workers: int,
) -> Profile:
    """Return the profile with what it costs to send items, or with why that cannot be.

    `sample` holds some items and their results.
    """
    within_s = MAX_FUNCTION_SHARE * known.item_s * (known.left or 1)
    try:
        transfer = measure_transfer(
            function, *sample, clock, workers=workers, function_within_s=within_s
        )
    except BaseException as error:
        if SignalHandlers().raised(error):
            raise
        failure = describe_failure(error)
        return replace(known, unpicklable=f"{failure.error_type}: {failure.error:.100}")
    return replace(known, transfer=transfer)


def measure_transfer(
    function: Callable[[Any], Any],
    items: Sequence[Any],
    results: Sequence[Any],
    clock: Clock,
    *,
    workers: int,
    function_within_s: float,
) -> TransferCost:
    """Return what pickling and unpickling of `items` and their `results` costs.

    A `function` that takes longer to pickle than `function_within_s` (seconds) costs too much.
    Raises what pickling raises.
    """
    from batchmap.executors.process.payload import dumped_arguments, dumped_result, reloaded

    function_s = _function_s(function, clock, workers, max(MIN_FUNCTION_S, function_within_s))
    items, results = items[:MAX_SAMPLE], results[:MAX_SAMPLE]
    while len(items) > 1 and _bytes(items[:1]) * len(items) > MAX_SAMPLE_BYTES:
        items, results = items[: len(items) // 2], results[: len(results) // 2]
    start_s = clock.now()
    there = dumped_arguments((items,))
    dumped_s = clock.now()
    reloaded(there)
    back, arrays = dumped_result(results)
    pickled_s = clock.now()
    pickle.loads(back, buffers=arrays)
    here_s = dumped_s - start_s + clock.now() - pickled_s
    # Bytes also cross a socket: each process copies them once, at some GB/s.
    back_bytes = len(back) + sum(array.nbytes for array in arrays)
    copying_s = (len(there.data) + back_bytes) * COPY_S_PER_BYTE
    mapping_s = there.shared_bytes * MAP_S_PER_BYTE
    number = max(1, len(items))
    return TransferCost(
        here_s=(here_s + copying_s) / number,
        there_s=(pickled_s - dumped_s + copying_s + mapping_s) / number,
        item_bytes=there.size_bytes // number,
        function_s=function_s,
    )


def _function_s(
    function: Callable[[Any], Any], clock: Clock, workers: int, within_s: float
) -> float:
    """Return what sending the function costs; infinite for too much time or memory."""
    from batchmap.executors.process.payload import pickle_function

    sink = _Sink(clock, within_s)
    start_s = clock.now()
    try:
        shared_bytes = pickle_function(function, sink)
    except _TakesTooLongError:
        return math.inf
    pickling_s = clock.now() - start_s
    if shared_bytes + (1 + workers) * sink.size_bytes > free_memory_bytes():
        return math.inf
    # Pickled here into memory, sent to each worker in turn, received and unpickled by all at once.
    # Arrays are written here once, and mapped by each worker.
    return (
        2 * pickling_s
        + (2 + workers) * sink.size_bytes * COPY_S_PER_BYTE
        + shared_bytes * (WRITE_S_PER_BYTE + workers * MAP_S_PER_BYTE)
    )


class _TakesTooLongError(Exception):
    pass


class _Sink:
    """A file that keeps nothing and counts its bytes; it raises when the time is up."""

    def __init__(self, clock: Clock, within_s: float) -> None:
        self.size_bytes = 0
        self._clock = clock
        self._end_s = clock.now() + within_s

    def write(self, data: Any) -> int:
        if self._clock.now() > self._end_s:
            raise _TakesTooLongError
        size = memoryview(data).nbytes
        self.size_bytes += size
        return size


def _bytes(items: Sequence[Any]) -> int:
    from batchmap.executors.pickling import dumps

    return len(dumps(items))
