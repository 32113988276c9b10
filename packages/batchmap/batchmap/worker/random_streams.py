"""Random streams of items: each follows from a seed and the item's index, wherever it runs.

Those are the streams of `random` and of NumPy's global generator, where that is installed. They
belong to the process, so items that have their own run one at a time in it.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Any

from batchmap.worker.back_off import current_attempt
from batchmap.worker.coroutine_results import is_async

__all__ = ["seeded"]


def seeded(
    call: Callable[[Any], Any], seed: int, *, passes_index: bool
) -> Callable[[tuple[int, Any]], Any]:
    """Return what takes `(index, item)` and calls `call` with the item, its streams seeded.

    With `passes_index`, `call` takes the pair itself.
    """
    return (_AsyncSeededCall if is_async(call) else _SeededCall)(call, seed, passes_index)


class _SeededCall:
    def __init__(self, call: Callable[[Any], Any], seed: int, passes_index: bool) -> None:
        self._parts = call, seed, passes_index

    def __call__(self, pair: tuple[int, Any]) -> Any:
        call, seed, passes_index = self._parts
        with _streams_of(seed, pair[0]):
            return call(pair if passes_index else pair[1])


class _AsyncSeededCall(_SeededCall):
    async def __call__(self, pair: tuple[int, Any]) -> Any:
        call, seed, passes_index = self._parts
        with _streams_of(seed, pair[0]):
            return await call(pair if passes_index else pair[1])


@cache
def _numpy_random() -> Any:
    """Return the module, loaded before the first item, which may be what loads it."""
    try:
        return import_module("numpy.random")
    except ImportError:
        return None


@contextmanager
def _streams_of(seed: int, index: int) -> Iterator[None]:
    """Have an item's streams in this process, another one for each attempt; then those before."""
    text = f"{seed} {index} {current_attempt.get()}"
    digest = hashlib.sha256(text.encode()).digest()
    numpy_random = _numpy_random()
    kept = random.getstate(), numpy_random and numpy_random.get_state()
    random.seed(int.from_bytes(digest))
    if numpy_random is not None:
        words = [int.from_bytes(digest[at : at + 4]) for at in range(0, len(digest), 4)]
        numpy_random.seed(words)
    try:
        yield
    finally:
        random.setstate(kept[0])
        if numpy_random is not None:
            numpy_random.set_state(kept[1])
