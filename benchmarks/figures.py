"""The engine's other figures: what the bookkeeping costs, shares of the limit, memory, hand-over.

    python -m benchmarks.figures [--quick]

Ratios are taken in one run, contestants in turn; printed are medians of five rounds with their
spread. Times are in seconds unless said.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from batchmap import parallel_map
from batchmap.engine import run_plan
from batchmap.executors import open_executor
from batchmap.records import Batch, Plan
from batchmap.scheduling.batching import BatchSizing, cut
from batchmap.worker.processor import BatchProcessor

from benchmarks.jobs import no_op, spin, spins_a_second

ROOT = Path(__file__).parent.parent


def timed(act: Callable[[], Any]) -> float:
    """Return how long `act` takes."""
    start_s = time.perf_counter()
    act()
    return time.perf_counter() - start_s


def show(name: str, figures: Sequence[float], unit: str = "") -> None:
    """Print one figure's median and spread."""
    print(
        f"{name:52} {statistics.median(figures):10.3f} {unit:4} "
        f"({min(figures):.3f} to {max(figures):.3f})",
        flush=True,
    )


def in_place(function: Callable[[Any], Any], items: Sequence[Any], size: int) -> None:
    """Run the items with the sequential executor, in batches of `size`."""
    plan = Plan("sequential", 1, size, None, ())
    batches = cut(items, len(items), BatchSizing(size).next_size)
    for _ in run_plan(BatchProcessor(function), batches, plan):
        pass


def bare_loop(function: Callable[[Any], Any], items: Sequence[Any]) -> None:
    """Run the items in a plain loop."""
    results = []
    for item in items:
        results.append(function(item))


def sequential_overhead(rounds: int) -> None:
    """Show our sequential executor against a bare loop."""
    items = [round(spins_a_second() * 1e-3)] * 500
    ratios = []
    for _ in range(rounds):
        plain_s = timed(lambda: bare_loop(spin, items))
        ratios.append(timed(lambda: in_place(spin, items, 1)) / plain_s)
    show("sequential, 1 ms items, over a bare loop", ratios)
    nothing = range(300_000)
    extra = []
    for _ in range(rounds):
        plain_s = timed(lambda: bare_loop(no_op, nothing))
        extra.append((timed(lambda: in_place(no_op, nothing, 1000)) - plain_s) / len(nothing) * 1e6)
    show("sequential, no-ops, more than a bare loop", extra, "µs")


def share_of_limit(rounds: int, share: float) -> None:
    """Show the schedule's lower bound over the time taken, for threads and coroutines."""

    def wait(seconds: float) -> None:
        time.sleep(seconds)

    async def wait_async(seconds: float) -> None:
        await asyncio.sleep(seconds)

    number = round(1000 * share)
    shares = [
        number * 0.05 / 16
        / timed(lambda: parallel_map(wait, [0.05] * number, backend="thread", workers=16))
        for _ in range(rounds)
    ]  # fmt: skip
    show(f"share of the limit, {number} waits of 50 ms, 16 threads", shares)
    number = round(20_000 * share)
    shares = [
        number * 0.2 / 2000 / timed(lambda: parallel_map(wait_async, [0.2] * number, workers=2000))
        for _ in range(rounds)
    ]
    show(f"share of the limit, {number} async waits of 200 ms, 2000", shares)


def empty(batch: Batch) -> None:
    """Do nothing with a batch."""


def dispatch_cost(rounds: int) -> None:
    """Show what handing over one empty batch costs."""
    number = 2000
    for name in ("sequential", "thread", "process", "async"):
        costs = []
        for _ in range(rounds):
            with open_executor(name, 2) as executor:
                executor.submit(empty, Batch(0, 0, ())).result()

                def hand_over_all(executor: Any = executor) -> None:
                    for future in [executor.submit(empty, Batch(0, 0, ())) for _ in range(number)]:
                        future.result()

                costs.append(timed(hand_over_all) / number * 1e6)
        show(f"hand-over of an empty batch, {name}", costs, "µs")


def peak_bytes(*words: str) -> tuple[float, float]:
    """Return the peak resident size of a run of the command, in MB, and its time."""
    start_s = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "main.py"), *words], stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss / 1024, time.perf_counter() - start_s


def memory(share: float) -> None:
    """Show the command's peak memory at few items and at a hundred times as many."""
    options = ("8", "--data", "numbers", "--latency", "0", "--failure-rate", "0", "-q")
    few, many = round(100_000 * share), round(10_000_000 * share)
    few_mb, few_s = peak_bytes("parallel", str(few), *options)
    many_mb, many_s = peak_bytes("parallel", str(many), *options)
    show(f"peak memory, {few:,} items", [few_mb], "MB")
    show(f"peak memory, {many:,} items, more", [many_mb - few_mb], "MB")
    show("throughput at many over that at few", [many / many_s / (few / few_s)])


def start_up(rounds: int) -> None:
    """Show how long the help takes."""
    command = [sys.executable, str(ROOT / "main.py"), "--help"]
    times = [
        timed(lambda: subprocess.run(command, stdout=subprocess.DEVNULL, check=True))
        for _ in range(2 * rounds)
    ]
    show("main.py --help", times, "s")


def main() -> None:
    """Measure and print all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="one round, fewer items")
    options = parser.parse_args()
    rounds, share = (1, 0.1) if options.quick else (5, 1.0)
    start_up(rounds)
    sequential_overhead(rounds)
    share_of_limit(rounds, share)
    dispatch_cost(rounds)
    memory(share)


if __name__ == "__main__":
    main()
