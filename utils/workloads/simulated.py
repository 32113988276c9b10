"""The built-in workloads (io, text, number): the data and the function of each."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from random import Random
from typing import Any

from batchmap.clock import SYSTEM_CLOCK, Clock
from batchmap.worker import retry

__all__ = [
    "WORKLOADS",
    "GeneratedItems",
    "SimulatedFailure",
    "Workload",
    "analyse_number",
    "analyse_text",
    "parse_number",
]

REFERENCE_LATENCY_S = 0.5
"""The mean wait of an `io` item at full scale; the waits of `text` are stated for it too."""

LARGEST_FACTORED = 10**14
"""Trial division up to its root takes about a third of a second."""


class SimulatedFailure(Exception):
    """An item that was told to fail."""


def draw(*key: object) -> float:
    """Return a number from 0 to 1 (excluded) that follows from `key` alone."""
    digest = blake2b(repr(key).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


@dataclass(frozen=True)
class SimulatedWork:
    """A function of one item: a wait scaled by the latency, some real work, now and then a failure.

    What an item waits, and whether it fails, follows from `(seed, item)`; whether a retry fails
    follows from the attempt too, so failures are transient.
    """

    seed: int = 0
    latency_s: float = REFERENCE_LATENCY_S
    failure_rate: float = 0.05
    clock: Clock = SYSTEM_CLOCK

    def __call__(self, item: Any) -> Any:
        """Do the item's work; raises `SimulatedFailure` when it is its turn to fail."""
        wait_s = self.wait_s(item)
        if wait_s:
            self.clock.sleep(wait_s)
        return self._after_wait(item)

    def _after_wait(self, item: Any) -> Any:
        result = self.work(item)
        attempt = (
            retry.current_attempt.get()
        )  # by its module: a class that is sent as code cannot take it along
        if self.failure_rate and draw(self.seed, "refuses", item, attempt) < self.failure_rate:
            raise SimulatedFailure(f"simulated failure in attempt {attempt}")
        return result

    def as_coroutine(self) -> Callable[[Any], Any]:
        """Return the same work as a coroutine function: it awaits its wait."""

        async def function(item: Any) -> Any:
            from asyncio import sleep

            await sleep(self.wait_s(item))
            return self._after_wait(item)

        return function

    def wait_s(self, item: Any) -> float:
        """Return how long the item waits, in seconds."""
        return 0.0

    def work(self, item: Any) -> Any:
        """Return the item's result."""
        raise NotImplementedError


class SimulatedIO(SimulatedWork):
    """Wait as for a server, 0.5 ± 0.1 s at full scale, and return a digest of the item."""

    def wait_s(self, item: Any) -> float:
        return self.latency_s * (0.8 + 0.4 * draw(self.seed, "waits", item))

    def work(self, item: Any) -> str:
        return blake2b(repr((self.seed, item)).encode(), digest_size=8).hexdigest()


class TextAnalysis(SimulatedWork):
    """Wait as for a read, 0.1 s and 0.1 ms a character at full scale, then analyse the text."""

    def wait_s(self, item: Any) -> float:
        return min(1.0, 0.1 + 0.0001 * len(str(item))) * self.latency_s / REFERENCE_LATENCY_S

    def work(self, item: Any) -> dict[str, Any]:
        return analyse_text(str(item))


class NumberAnalysis(SimulatedWork):
    """Analyse the number: real arithmetic, no wait."""

    def work(self, item: Any) -> dict[str, Any]:
        return analyse_number(item if isinstance(item, int | float) else parse_number(item))


def analyse_text(text: str) -> dict[str, Any]:
    """Return counts of `text`: words, unique words (case folded), characters, frequent words."""
    words = [word.casefold() for word in re.findall(r"[\w'’-]+", text)]
    counts = Counter(words)
    return {
        "word_count": len(words),
        "unique_words": len(counts),
        "characters": len(text),
        "average_word_length": sum(map(len, words)) / len(words) if words else 0.0,
        "most_frequent_words": sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:5],
    }


def analyse_number(number: int | float) -> dict[str, Any]:
    """Return square, root, primality and all factors of `number`, by trial division.

    A negative number has no real root (`None`); a fraction is no prime and has no factors; the
    factors of a negative whole number are those of its absolute value, zero has none.
    Raises `ValueError` for a number above 10^14, or one that is not finite.
    """
    if isinstance(number, float) and not math.isfinite(number):
        raise ValueError(f"{number} is not a finite number")
    size = abs(number)
    if size > LARGEST_FACTORED:
        raise ValueError(f"too large to factor by trial division: over {LARGEST_FACTORED:,}")
    factors = _factors(int(size)) if size == int(size) else []
    return {
        "number": number,
        "square": number * number,
        "root": math.sqrt(number) if number >= 0 else None,
        "is_prime": number > 1 and len(factors) == 2,
        "factors": factors,
    }


def _factors(number: int) -> list[int]:
    if number == 0:
        return []
    small = [divisor for divisor in range(1, math.isqrt(number) + 1) if number % divisor == 0]
    large = [number // divisor for divisor in reversed(small) if divisor * divisor != number]
    return small + large


def parse_number(text: str) -> int | float:
    """Return the number that `text` holds; raises `ValueError` when it holds none."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text!r:.60} is not a number") from None


@dataclass(frozen=True, slots=True)
class GeneratedItems:
    """`total` items of a data type (`numbers`, `text`, `mixed`), made anew at each walk.

    Item `i` follows from `(seed, i)` alone.
    """

    data_type: str
    total: int
    seed: int = 0

    def __iter__(self) -> Iterator[int | str]:
        make = _MAKERS[self.data_type]
        return (make(self.seed, index) for index in range(self.total))

    def place(self, index: int) -> str:
        """Name the item for a message."""
        return f"item {index}"


def _make_number(seed: int, index: int) -> int:
    return int(10**11 + draw(seed, "number", index) * 39 * 10**11)


def _make_text(seed: int, index: int) -> str:
    random = Random(draw(seed, "text", index))
    words = random.choices(_WORDS, k=random.randint(30, 300))
    sentences = (words[start : start + 12] for start in range(0, len(words), 12))
    return " ".join(" ".join(sentence).capitalize() + "." for sentence in sentences)


def _make_mixed(seed: int, index: int) -> int | str:
    return (_make_text if index % 2 else _make_number)(seed, index)


_MAKERS: dict[str, Callable[[int, int], int | str]] = {
    "numbers": _make_number,
    "text": _make_text,
    "mixed": _make_mixed,
}

_WORDS = re.findall(
    r"\w+",
    """
    the a of and to in that it was for on with as at by from every some each other one two
    river bridge stone water market baker bread winter garden window letter harbour lantern
    engine signal paper morning evening wheel copper silver orchard mountain valley ferry
    carries builds opens turns keeps finds follows writes reads counts measures crosses waits
    slowly quickly often never again early late quiet bright narrow heavy plain distant
    """,
)


@dataclass(frozen=True, slots=True)
class Workload:
    """What the planner and the report need to know of a workload."""

    name: str
    kind: str
    """What bounds it, in words."""
    function: type[SimulatedWork]
    data_type: str
    """The data that fits it."""
    backend: str
    workers_per_core: int
    wait_s: float
    """Mean wait of an item at the reference latency, in seconds."""
    work_s: float
    """Mean CPU time of an item, in seconds, as found on a machine of 2023."""

    def build(
        self, *, seed: int, latency_s: float, failure_rate: float, backend: str
    ) -> Callable[[Any], Any]:
        """Return the function of one item, a coroutine function for the backend `async`."""
        work = self.function(seed, latency_s, failure_rate)
        return work.as_coroutine() if backend == "async" else work

    def expected_item_s(self, latency_s: float) -> float:
        """Return the mean time of one item, in seconds, at this latency."""
        return self.wait_s * latency_s / REFERENCE_LATENCY_S + self.work_s


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("io", "I/O-bound", SimulatedIO, "mixed", "thread", 4, 0.5, 5e-6),
        Workload("text", "mixed", TextAnalysis, "text", "thread", 2, 0.2, 1e-4),
        Workload("number", "CPU-bound", NumberAnalysis, "numbers", "process", 1, 0.0, 0.05),
    )
}
