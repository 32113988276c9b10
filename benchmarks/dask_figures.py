"""What a Dask cluster costs: the hand-over of an item, and wall time beside processes.

    python -m benchmarks.dask_figures [--quick] [--rounds 3]

On a cluster of two workers of this machine, contestants in turn. `client.map` is Dask's own way,
a task an item. The start of the cluster is left out of the hand-over, and reported by itself.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import distributed
from batchmap.engine import stream_batches
from batchmap.executors.dask.address import DaskAddress
from batchmap.options import EngineOptions
from batchmap.worker.processor import BatchProcessor

WORKERS = 2


def spin_100_us(_: int) -> None:
    spin(1e-4)


def spin_5_ms(_: int) -> None:
    spin(5e-3)


def spin(seconds: float) -> None:
    end_s = time.perf_counter() + seconds
    while time.perf_counter() < end_s:
        pass


def ours_s(
    function: Callable[[int], None], number: int, backend: str, address: str | None
) -> float:
    """Return the seconds that a run takes, start and end of its workers included."""
    start_s = time.perf_counter()
    records = stream_batches(
        BatchProcessor(function), range(number),
        EngineOptions(backend=backend, workers=None if address else WORKERS), total=number,
        cluster=DaskAddress(address) if address else None,
    )  # fmt: skip
    assert sum(len(record.results) for record in records) == number
    return time.perf_counter() - start_s


def map_s(client: distributed.Client, number: int) -> float:
    """Return the seconds that `client.map` takes."""
    start_s = time.perf_counter()
    client.gather(client.map(spin_100_us, range(number), pure=False))  # type: ignore[no-untyped-call]
    return time.perf_counter() - start_s


def shown(values: list[float], unit: str) -> str:
    return f"{statistics.median(values):.3g} ({min(values):.3g} to {max(values):.3g}) {unit}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one round of a tenth of the items")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    rounds, share = (1, 0.1) if options.quick else (options.rounds, 1.0)
    short, long = int(20_000 * share), int(6_000 * share)
    ideal_s = short * 1e-4 / WORKERS
    ours, plain, ratios = [], [], []
    with (
        distributed.LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=WORKERS, threads_per_worker=1, dashboard_address="127.0.0.1:0"
        ) as cluster,
        distributed.Client(cluster) as client,  # type: ignore[no-untyped-call]
    ):
        for _ in range(rounds):
            address = cluster.scheduler_address
            ours.append((ours_s(spin_100_us, short, "dask", address) - ideal_s) / short * 1e6)
            plain.append((map_s(client, short) - ideal_s) / short * 1e6)
    for _ in range(rounds):
        processes_s = ours_s(spin_5_ms, long, "process", None)
        ratios.append(ours_s(spin_5_ms, long, "dask", None) / processes_s)
    print(f"hand-over, {short} items of 100 µs: ours {shown(ours, 'µs an item')}")
    print(f"hand-over, {short} items of 100 µs: client.map {shown(plain, 'µs an item')}")
    print(f"client.map over ours: {statistics.median(plain) / statistics.median(ours):.1f}")
    print(f"wall time, {long} items of 5 ms, dask over processes: {shown(ratios, '')}")


if __name__ == "__main__":
    main()
