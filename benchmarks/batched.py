"""What a function of lists costs: the calls for bad items, and sizes that are found while it runs.

    python -m benchmarks.batched [--quick]

Calls: 20,000 items in lists of 64 through a function that fails for one in 1,000; counted are the
calls that the bad ones cost. Sizes: functions whose call and whose items cost different amounts of
time run over 20,000 items with `batched="auto"` and with each size of a sweep; printed is how much
longer the former took than the quickest of the latter. Memory: a function for which lists of more
than 300 items are too much.
"""

from __future__ import annotations

import argparse
import math
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from batchmap import ItemRecord, parallel_map

ITEMS = 20_000
SIZE = 64
SWEPT = (16, 64, 256, 1024, 4096)

COSTS: dict[str, Callable[[int], float]] = {
    "a call 10 ms, an item 0.1 ms": lambda number: 10e-3 + 0.1e-3 * number,
    "a call 50 ms, an item 0.5 ms": lambda number: 50e-3 + 0.5e-3 * number,
    "a call 1 ms, an item 0.2 ms": lambda number: 1e-3 + 0.2e-3 * number,
    "a call 5 ms, items dearer in long lists": lambda n: 5e-3 + 50e-6 * n + 0.2e-6 * n * n,
    "20 ms for each 64 items": lambda number: 20e-3 * math.ceil(number / 64),
}
"""Seconds that a list takes, by the number of its items."""


def main() -> None:
    """Measure, and print what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="waits of a quarter, one round")
    quick = parser.parse_args().quick
    print(_calls_for_bad_items(), flush=True)
    print(_memory(), flush=True)
    for name, cost_s in COSTS.items():
        print(
            _regret(name, cost_s, scale=0.25 if quick else 1.0, rounds=1 if quick else 3),
            flush=True,
        )


def _calls_for_bad_items() -> str:
    calls = 0
    seen: Counter[int] = Counter()

    def function(items: list[int]) -> list[int]:
        nonlocal calls
        calls += 1
        seen.update(items)
        if any(item % 1000 == 7 for item in items):
            raise ValueError("a bad item")
        return items

    found = parallel_map(function, range(ITEMS), batched=SIZE, backend="sequential",
                         on_error="record")  # fmt: skip
    bad = sum(isinstance(one, ItemRecord) for one in found)
    extra = calls - math.ceil(ITEMS / SIZE)
    return (
        f"{ITEMS:,} items in lists of {SIZE}, {bad} of them bad: {ITEMS - bad:,} done, {extra} "
        f"extra calls, {extra / bad:.1f} for each bad one (bound {2 * int(math.log2(SIZE))}); "
        f"most calls with one item {max(seen.values())} (bound {int(math.log2(SIZE)) + 1})"
    )


def _memory() -> str:
    refused = 0
    largest = 0

    def function(items: list[int]) -> list[int]:
        nonlocal refused, largest
        time.sleep(1e-3)
        if len(items) > 300:
            refused += 1
            raise MemoryError
        largest = max(largest, len(items))
        return items

    found = parallel_map(function, range(ITEMS), batched="auto", backend="sequential")
    return (
        f"Lists of more than 300 are too much: {len(found):,} items done, {refused} lists refused, "
        f"the largest had {largest}"
    )


def _regret(name: str, cost_s: Callable[[int], float], *, scale: float, rounds: int) -> str:
    def function(items: list[Any]) -> list[Any]:
        time.sleep(scale * cost_s(len(items)))
        return items

    def took_s(batched: Any) -> float:
        start_s = time.perf_counter()
        parallel_map(function, range(ITEMS), batched=batched, backend="sequential")
        return time.perf_counter() - start_s

    swept = {size: min(took_s(size) for _ in range(rounds)) for size in SWEPT}
    best = min(swept, key=swept.__getitem__)
    found_s = sorted(took_s("auto") for _ in range(rounds))[rounds // 2]
    return (
        f"{name}: auto {found_s:.2f} s, best of the sweep {swept[best]:.2f} s by lists of {best}; "
        f"{found_s / swept[best]:.3f} times as long"
    )


if __name__ == "__main__":
    main()
