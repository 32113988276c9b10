"""A program that makes many calls; it prints what it holds before and after them, as JSON.

python tests/many_calls.py CALLS NESTED THREADED
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
from batchmap import parallel_map, stream_map


def square(number: int) -> int:
    return number * number


async def square_async(number: int) -> int:
    return number * number


def nested(number: int) -> list[int]:
    return parallel_map(square, range(number, number + 3), backend=("auto", "thread")[number % 2])


def call(number: int) -> None:
    """Make one call, of one kind or another."""
    items = range(number % 7, number % 7 + 5)
    expected = [item * item for item in items]
    kind = number % 50
    if kind < 40:
        assert parallel_map(square, items) == expected
    elif kind < 44:
        assert parallel_map(square, items, backend="thread", workers=2, timeout_s=60) == expected
    elif kind < 46:
        assert parallel_map(square_async, items) == expected
    elif kind < 48:
        records = stream_map(square, iter(items), backend="thread", keep_order=True)
        assert [record.result for record in records] == expected
    elif kind < 49:
        next(iter(stream_map(square, items)))  # left half-way
    else:
        assert parallel_map(square, items, backend="process", workers=2) == expected


def held() -> dict[str, Any]:
    """Return what this process holds."""
    process = psutil.Process()
    children = {child.pid for child in process.children(recursive=True)}
    end_s = time.monotonic() + 5  # workers that were told to end take a moment
    while time.monotonic() < end_s and (threading.active_count() > 1 or len(children) > 2):
        time.sleep(0.05)
        children = {child.pid for child in process.children(recursive=True)}
    gc.collect()
    return {
        "descriptors": len(os.listdir("/proc/self/fd")),  # noqa: PTH208
        "threads": threading.active_count(),
        "processes": len(children),
        "resident_mb": process.memory_info().rss / 2**20,
    }


def main() -> None:
    """Make the calls."""
    calls, nested_calls, threaded = map(int, sys.argv[1:])

    def all_kinds(number: int) -> None:
        for index in range(number):
            call(index)

    all_kinds(200)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(call, range(100)))
    before = held()
    all_kinds(calls)
    for backend in ("auto", "thread"):
        expected = [[square(n + k) for k in range(3)] for n in range(nested_calls // 2)]
        assert parallel_map(nested, range(nested_calls // 2), backend=backend) == expected
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(call, range(threaded)))
    print(json.dumps([before, held()]))


if __name__ == "__main__":
    main()
