"""Takes items of a source at random."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from batchmap.sources.base import InputRecord, Source

__all__ = ["Sampled", "whole_of"]

_BETWEEN_LOOKS = 10_000
"""How many records are passed over before it is looked whether to stop."""


class Sampled:
    """`number` of the records of `whole` at random, each with the same chance, in input order.

    All of the input is read when the first one is asked for. The same `seed` gives the same sample
    of the same input. Of an input that can be read once only, the sample is kept in memory, else
    where it is. Once `stopped` says so, there are no records.
    """

    repeatable = True
    size_bytes: int | None = None

    def __init__(
        self, whole: Source, number: int, *, seed: int, stopped: Callable[[], bool] = bool
    ) -> None:
        self.whole = whole
        self.name = whole.name
        self.state = whole.state
        self.place = whole.place
        self._number = number
        self._seed = seed
        self._stopped = stopped
        self._chosen: list[tuple[int, InputRecord | None]] | None = None
        self._read = 0

    @property
    def paths(self) -> tuple[Path, ...]:
        return self.whole.paths

    @property
    def total(self) -> int | None:
        return len(self._sample())

    def records(self) -> Iterator[InputRecord]:
        self._read = 0
        chosen = self._sample()
        records = self.whole.records() if self.whole.repeatable else iter(())
        following = 0
        for number, kept in chosen:
            record = kept or next(islice(records, number - following, None), None)
            following = number + 1
            if record is None or self._stopped():  # the input has become shorter
                return
            self._read += 1
            yield record

    def records_and_pauses(self) -> Iterator[InputRecord]:
        return self.records()

    def fraction(self) -> float | None:
        return self._read / max(1, len(self._chosen)) if self._chosen is not None else 0.0

    def _sample(self) -> list[tuple[int, InputRecord | None]]:
        """Return the numbers of the records from 0, and those that cannot be read again."""
        if self._chosen is None:
            keep = not self.whole.repeatable
            found = _reservoir(self.whole.records(), self._number, self._seed, self._stopped)
            if self._stopped():
                return []
            self._chosen = [(number, record if keep else None) for number, record in found]
        return self._chosen


def _reservoir(
    records: Iterator[InputRecord], size: int, seed: int, stopped: Callable[[], bool]
) -> list[tuple[int, InputRecord]]:
    """Return `size` records at random with their numbers, in order; fewer where there are fewer.

    Algorithm L of K.-H. Li, "Reservoir-sampling algorithms of time complexity
    O(n(1 + log(N/n)))", ACM Transactions on Mathematical Software 20 (1994).
    """
    import random  # which takes a while to load

    draw = random.Random(seed).random
    found = list(enumerate(islice(records, size)))
    number, weight = size - 1, 1.0
    while not stopped():
        weight *= math.exp(math.log(1.0 - draw()) / size)
        skipped = _to_skip(1.0 - draw(), weight)
        record = _after(records, skipped, stopped)
        if record is None:
            break
        number += skipped + 1
        found[int(draw() * size)] = (number, record)
    return sorted(found, key=lambda one: one[0])


def _to_skip(drawn: float, weight: float) -> int:
    if weight >= 1.0:
        return 0
    most = 2**62
    return most if weight == 0.0 else min(most, int(math.log(drawn) / math.log1p(-weight)))


def _after(
    records: Iterator[InputRecord], skipped: int, stopped: Callable[[], bool]
) -> InputRecord | None:
    """Return the record after so many, `None` where there is none."""
    while skipped > _BETWEEN_LOOKS:
        skipped -= _BETWEEN_LOOKS
        if stopped() or next(islice(records, _BETWEEN_LOOKS - 1, None), None) is None:
            return None
    return next(islice(records, skipped, None), None)


def whole_of(source: Source) -> Source:
    """Return the source that a sample is taken of; one that is no sample is whole."""
    return source.whole if isinstance(source, Sampled) else source
