"""Where a Dask cluster's coordinator becomes the bottleneck: 10 to 10,000 workers, simulated.

    python -m benchmarks.cluster_simulation [--quick] [--hop-ms 0]

What batches cost is measured first (`coordinator_costs`), and what becomes of them then simulated
(`cluster_model`). The check runs whole commands on as many workers as this machine can run,
their items waiting instead of computing, and simulates the same with this machine's cores.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import statistics
import time
import zlib
from collections.abc import Callable, Sequence
from typing import Any

from batchmap.checkpoint import MAX_BATCH_ITEMS
from batchmap.engine import stream_batches
from batchmap.options import EngineOptions
from batchmap.worker.processor import BatchProcessor
from distributed.scheduler import heartbeat_interval

from benchmarks.cluster_model import Cluster, Costs, simulated
from benchmarks.coordinator_costs import (
    PROCESSES,
    latency_s,
    local_cluster,
    measured_costs,
    observed,
    show_costs,
    start_of,
)

CHECKED_WORKERS = (10, 30, 100, 300, 1000)
CHECKED_S = 6.0
"""How long a run of the check lasts, about."""

LEAST_BATCH_S = 2e-3
"""What a batch of the check takes where the workers are not what it waits for, about."""

OWN_SIZE = {"wait_10_ms": 40, "wait_100_ms": 1}
"""What the engine chooses, about."""

ASKED_WORKERS = 1000
ASKED_ITEMS = 10**9

LONG_BATCH_S = 4.0
"""How long batches last whose size is set."""

WORKERS = (10, 30, 100, 300, 1000, 3000, 10_000)


def wait_10_ms(_: int) -> None:
    time.sleep(0.01)


def wait_100_ms(_: int) -> None:
    time.sleep(0.1)


CHECKED = (
    ("wait_10_ms", wait_10_ms, 0.01, 1),
    ("wait_10_ms", wait_10_ms, 0.01, 10),
    ("wait_10_ms", wait_10_ms, 0.01, None),
    ("wait_100_ms", wait_100_ms, 0.1, None),
)
"""Items of the check: their name, what they do, how long it takes, and how many go together."""


def compress(size: int) -> int:
    return len(zlib.compress(random.Random(size).randbytes(size) + bytes(size), 9))


def durations_s(function: Callable[[int], Any], items: Sequence[int]) -> list[float]:
    """Return how long the function takes for each item, as a run in this process sees it."""
    records = stream_batches(
        BatchProcessor(function), items, EngineOptions(backend="sequential"), total=len(items)
    )
    return [taken_s for record in records for taken_s in record.durations_s]


def kinds_of_items(quick: bool) -> dict[str, list[float]]:
    """Return times of items by what they are."""
    chance = random.Random(1)
    sizes = [int(chance.lognormvariate(11, 1.2)) for _ in range(100 if quick else 1000)]
    return {
        "1 ms": [1e-3],
        "10 ms": [1e-2],
        "100 ms": [0.1],
        "1 s": [1.0],
        "10 s": [10.0],
        "heavy-tailed, 30 ms": [0.01 * chance.paretovariate(1.5) for _ in range(10_000)],
        "compress, measured": durations_s(compress, sizes),
    }


def check(costs: Costs, quick: bool) -> None:
    """Print real and simulated throughput, and the memory of the coordinator."""
    lasting_s = CHECKED_S / 4 if quick else CHECKED_S
    print("\nitems a second, whole runs without their start: real, simulated, and their ratio")
    print(
        f"{'workers':>7} {'item':>12} {'batches of':>10} {'real':>8} {'simul.':>8} {'ratio':>6} "
        f"{'others':>6}"
    )
    ratios = []
    memory: dict[str, list[tuple[int, int]]] = {}
    for workers in CHECKED_WORKERS[2:3] if quick else CHECKED_WORKERS:
        place = Cluster(
            processes=PROCESSES,
            threads=workers // PROCESSES,
            cores=os.cpu_count() or 1,
        )
        with local_cluster(place.processes, place.threads) as cluster:
            start_s = start_of(cluster).wall_s
            for name, wait, wait_s, size in CHECKED:
                times_s = durations_s(wait, range(50))
                most_a_second = (size or OWN_SIZE[name]) / LEAST_BATCH_S
                items = int(lasting_s * min(workers / wait_s, most_a_second))
                real = observed(cluster, name, items, batch_size=size)
                rate = items / (real.wall_s - start_s)
                result = simulated(costs, place, times_s, batch_size=size, items=items)
                ratios.append(result.throughput / rate)
                memory.setdefault(f"{name} in batches of {size or 'own size'}", []).append(
                    (2 * workers, real.peak_bytes)
                )
                print(
                    f"{workers:7} {name:>12} {size or 'own size':>10} {rate:8.0f} "
                    f"{result.throughput:8.0f} {ratios[-1]:6.2f} {real.others:6.2f}  "
                    f"{result.bottleneck}",
                    flush=True,
                )
            waited_s = latency_s(cluster)
    alone = simulated(costs, Cluster(processes=1), [0.0], batch_size=1, items=1)
    print(
        f"simulated over real: {statistics.median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f})\n"
        f"latency of an empty batch: {waited_s * 1e3:.1f} ms, simulated {alone.seconds * 1e3:.1f}"
    )
    for what, seen in memory.items():
        if len(seen) == 1:
            continue
        slope, least = statistics.linear_regression(*zip(*seen, strict=True))
        print(
            f"memory of the coordinator, {what}: "
            f"{least / 2**20:.0f} MB and {slope / 1024:.1f} kB a batch in flight"
        )


def show_reach(costs: Costs, hop_s: float) -> None:
    """Print what 1,000 workers and 10^9 items ask for, by calculation."""
    beats = ASKED_WORKERS / heartbeat_interval(ASKED_WORKERS) * costs.heartbeat_s
    place = Cluster(processes=ASKED_WORKERS, hop_s=hop_s)
    limits = {
        "all together, simulated": simulated(costs, place, [0.0], batch_size=1).throughput,
        "the coordinator": 1 / costs.coordinator_batch_s,
        "the scheduler": (1 - beats) / costs.scheduler_batch_s,
    }
    print(f"\n{ASKED_WORKERS:,} workers and {ASKED_ITEMS:,} items, {hop_s * 1e3:g} ms a hop")
    for name, most in limits.items():
        print(
            f"{name:30} {most:5.0f} batches a second: {ASKED_WORKERS:,} workers are kept busy by "
            f"batches of {ASKED_WORKERS / most:.1f} s"
        )
    print(f"signs of life take {beats:.2f} of the scheduler")
    for size in (1, 100, 1000, MAX_BATCH_ITEMS):
        item_s = costs.coordinator_item_s + costs.coordinator_batch_s / size
        most = min(1 / item_s, size * min(limits.values()))
        print(
            f"batches of {size:4}: {ASKED_ITEMS / size:13,.0f} batches, coordinator "
            f"{ASKED_ITEMS * item_s / 3600:6.2f} hours of CPU, at most {most:9,.0f} items a "
            f"second, {ASKED_ITEMS / most / 3600:7.2f} hours; items of over "
            f"{ASKED_WORKERS / most * 1e3:8.2f} ms keep all workers busy"
        )


def show_scale(costs: Costs, quick: bool, hop_s: float) -> None:
    """Print what becomes of more and more workers."""
    print(f"\nsimulated, one thread a worker, {hop_s * 1e3:g} ms a hop")
    print(
        f"{'items':>20} {'workers':>7} {'a batch':>8} {'items/s':>9} {'efficiency':>10} "
        f"{'coord.':>6} {'sched.':>6}  bottleneck"
    )
    for name, times_s in kinds_of_items(quick).items():
        size = int(min(MAX_BATCH_ITEMS, LONG_BATCH_S / statistics.fmean(times_s)))
        for batch_size in (None, size) if size > 1 else (None,):
            for workers in WORKERS[::4] if quick else WORKERS:
                place = Cluster(processes=workers, hop_s=hop_s)
                result = simulated(costs, place, times_s, batch_size=batch_size)
                own = "own" if batch_size is None else "set"
                print(
                    f"{name:>20} {workers:7} {own} {result.items / result.batches:4.0f} "
                    f"{result.throughput:9.0f} {result.efficiency:10.2f} {result.coordinator:6.2f} "
                    f"{result.scheduler:6.2f}  {result.bottleneck}",
                    flush=True,
                )


def main() -> None:
    """Measure, check, simulate and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer runs, and shorter ones")
    parser.add_argument("--hop-ms", type=float, default=0.0, help="time of a message on its way")
    parser.add_argument("--no-check", action="store_true", help="no runs beside the simulated")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the cluster must end, too
    share = 0.1 if options.quick else 1.0
    hop_s = options.hop_ms / 1e3
    costs, seen = measured_costs(share)
    show_costs(costs, seen, share)
    if not options.no_check:
        check(costs, options.quick)
    show_reach(costs, hop_s)
    show_scale(costs, options.quick, hop_s)


if __name__ == "__main__":
    main()
