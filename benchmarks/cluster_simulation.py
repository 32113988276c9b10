"""Where a Dask cluster's coordinator becomes the bottleneck: 10 to 10,000 workers, simulated.

    python -m benchmarks.cluster_simulation [--quick] [--hop-ms 0] [--no-check]

What batches cost is measured first (`coordinator_costs`), and what becomes of them then simulated
(`cluster_model`). The check runs whole commands on as many workers as this machine has room for,
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

from benchmarks.cluster_model import Cluster, Costs, simulated
from benchmarks.coordinator_costs import (
    local_cluster,
    measured_costs,
    observed,
    show_costs,
)
from utils.engine import stream_batches
from utils.processing import BatchProcessor

PROCESSES = 2
CHECKED_WORKERS = (10, 30, 100, 300, 1000)
WAITS_S = {"wait_10_ms": 0.01, "wait_100_ms": 0.1}
CHECKED_S = 6.0
"""How long a run of the check lasts, about."""

DEAR_BATCH_S = 2.5e-3
"""What a batch of the check takes all its processes together, about: none runs for ever."""

WORKERS = (10, 30, 100, 300, 1000, 3000, 10_000)


def wait_10_ms(_: int) -> None:
    time.sleep(0.01)


def wait_100_ms(_: int) -> None:
    time.sleep(0.1)


def compress(size: int) -> int:
    return len(zlib.compress(random.Random(size).randbytes(size) + bytes(size), 9))


def durations_s(function: Callable[[int], Any], items: Sequence[int]) -> list[float]:
    """Return how long the function takes for each item, as a run in this process sees it."""
    records = stream_batches(
        BatchProcessor(function), items, total=len(items), backend="sequential"
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
    memory: dict[int | None, tuple[list[int], list[int]]] = {}
    for workers in CHECKED_WORKERS[::2] if quick else CHECKED_WORKERS:
        threads = workers // PROCESSES
        place = Cluster(processes=PROCESSES, threads=threads, cores=os.cpu_count() or 1)
        with local_cluster(PROCESSES, threads) as cluster:
            observed(cluster, "wait_10_ms", 4 * workers, batch_size=1)  # the first run is longer
            start_s = observed(cluster, "nothing", 1).wall_s
            for name, wait_s in WAITS_S.items():
                for size in (1, 10, None):
                    times_s = durations_s(globals()[name], range(50 if quick else 100))
                    items = int(lasting_s / max(wait_s / workers, DEAR_BATCH_S / (size or 10)))
                    real = observed(cluster, name, items, batch_size=size)
                    windows, peaks = memory.setdefault(size, ([], []))
                    windows.append(2 * workers)
                    peaks.append(real.peak_bytes)
                    rate = items / (real.wall_s - start_s)
                    told = simulated(costs, place, times_s, batch_size=size, items=items)
                    ratios.append(told.throughput / rate)
                    print(
                        f"{workers:7} {name:>12} {size or 'own size':>10} {rate:8.0f} "
                        f"{told.throughput:8.0f} {ratios[-1]:6.2f} {real.others:6.2f}  "
                        f"{told.bottleneck}",
                        flush=True,
                    )
    print(
        f"simulated over real: {statistics.median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f})"
    )
    for size, (windows, peaks) in memory.items():
        slope, least = statistics.linear_regression(windows, peaks)
        print(
            f"memory of the coordinator, batches of {size or 'own size'}: "
            f"{least / 2**20:.0f} MB and {slope / 1024:.1f} kB a batch under way"
        )


def show_scale(costs: Costs, quick: bool, hop_s: float) -> None:
    """Print what becomes of more and more workers."""
    print(f"\nsimulated, one thread a worker, {hop_s * 1e3:g} ms a hop; the engine sizes batches")
    print(
        f"{'items':>20} {'workers':>7} {'items/s':>9} {'a batch':>7} {'efficiency':>10} "
        f"{'coord.':>6} {'sched.':>6} {'fetch':>6}  bottleneck"
    )
    for name, times_s in kinds_of_items(quick).items():
        for workers in WORKERS[::3] if quick else WORKERS:
            told = simulated(costs, Cluster(processes=workers, hop_s=hop_s), times_s)
            print(
                f"{name:>20} {workers:7} {told.throughput:9.0f} {told.items / told.batches:7.0f} "
                f"{told.efficiency:10.2f} {told.coordinator:6.2f} {told.scheduler:6.2f} "
                f"{told.fetching:6.2f}  {told.bottleneck}",
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
    costs, seen = measured_costs(share)
    show_costs(costs, seen, share)
    if not options.no_check:
        check(costs, options.quick)
    show_scale(costs, options.quick, options.hop_ms / 1e3)


if __name__ == "__main__":
    main()
