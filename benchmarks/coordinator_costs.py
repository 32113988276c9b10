"""What a batch costs the processes of a Dask cluster: the coordinator, the scheduler, a worker.

    python -m benchmarks.coordinator_costs [--quick]

Whole commands are run on a cluster of this machine, its scheduler a process of its own. A cost
that is reported for a batch and an item is a line through what batches of several sizes cost.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import pickle
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import distributed
import psutil

from benchmarks.cluster_model import Costs
from benchmarks.run_figures import MAIN, write_numbers

__all__ = [
    "LocalCluster",
    "Observed",
    "Timed",
    "local_cluster",
    "measured_costs",
    "observed",
    "show_costs",
]

TASK = """
import time

def nothing(line):
    return None

def wait_10_ms(line):
    time.sleep(0.01)

def wait_100_ms(line):
    time.sleep(0.1)

def wait_1_s(line):
    time.sleep(1)
"""

STARTS = 3
"""How often a run of next to nothing is timed; the shortest counts."""

BATCHES_OF = {1: 3000, 100: 2000, 400: 1000, 1000: 500}
"""How many batches are run of each size."""

PROCESSES = 2
THREADS = 25
"""Of each, so that the coordinator is never without a batch to do."""

WARMING_UP = 4
"""Items a thread that are run before anything is timed."""

FETCHED = 1000
"""How many answers are fetched."""

SIGNS_OF_LIFE_FROM = 40
"""Workers whose signs of life are counted: each gives one a second."""


@dataclass(frozen=True, slots=True)
class Timed:
    """CPU seconds that each process took."""

    scheduler_s: float
    workers_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What a whole command took."""

    wall_s: float
    coordinator_s: float
    """CPU time, as the next two."""
    scheduler_s: float
    workers_s: float
    others: float
    """Cores that were busy with anything else; above a tenth, do not trust the rest."""
    peak_bytes: int
    output_bytes: int
    journal_bytes: int


class LocalCluster:
    """A scheduler and worker processes, on loopback."""

    def __init__(self, processes: int, threads: int, directory: Path) -> None:
        self.threads = processes * threads
        self._directory = directory
        self._started: list[subprocess.Popen[bytes]] = []
        address_file = directory / "scheduler.json"
        try:
            self._start(
                "scheduler",
                "--host",
                "127.0.0.1",
                "--port",
                "0",
                "--scheduler-file",
                str(address_file),
            )
            while not (address_file.exists() and address_file.read_text()):
                time.sleep(0.02)
            self.address = str(json.loads(address_file.read_text())["address"])
            for _ in range(processes):
                self._start(
                    "worker", self.address, "--nthreads", str(threads), "--no-nanny",
                    "--memory-limit", "0", "--local-directory", str(directory),
                )  # fmt: skip
            if processes:
                with distributed.Client(self.address, set_as_default=False) as client:  # type: ignore[no-untyped-call]
                    client.wait_for_workers(processes, timeout=60)
        except BaseException:
            self.end()
            raise

    def _start(self, what: str, *words: str) -> None:
        self._started.append(
            subprocess.Popen(
                [sys.executable, "-m", "distributed.cli.dask_" + what, *words, "--no-dashboard"],
                cwd=self._directory,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        )

    def cpu(self) -> Timed:
        """Return what the processes have taken so far."""
        scheduler_s, *workers_s = (
            sum(psutil.Process(process.pid).cpu_times()[:2]) for process in self._started
        )
        return Timed(scheduler_s, sum(workers_s))

    def end(self) -> None:
        """End all processes."""
        for process in self._started:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def local_cluster(processes: int, threads: int) -> Iterator[LocalCluster]:
    """Have a cluster for as long as the context lasts."""
    with tempfile.TemporaryDirectory() as directory:
        cluster = LocalCluster(processes, threads, Path(directory))
        try:
            yield cluster
        finally:
            cluster.end()


def observed(
    cluster: LocalCluster, function: str, items: int, *, batch_size: int | None = None
) -> Observed:
    """Run `function` of `TASK` on so many numbers by the command, and return what that took.

    Raises `CalledProcessError` when the command fails, and prints what it said.
    """
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "task.py").write_text(TASK)
        write_numbers(directory / "lines.txt", items)
        words = [
            *MAIN, f"task.py:{function}", "lines.txt", "-o", "out.jsonl", "--no-progress",
            "--backend", "dask", "--address", cluster.address.removeprefix("tcp://"),
        ]  # fmt: skip
        if batch_size is not None:
            words += ["--batch-size", str(batch_size)]
        before, busy_before_s = cluster.cpu(), _busy_s()
        start_s = time.perf_counter()
        with (directory / "stderr.txt").open("wb") as errors:
            child = subprocess.Popen(words, cwd=directory, stdout=subprocess.DEVNULL, stderr=errors)
        _, status, usage = os.wait4(child.pid, 0)
        wall_s = time.perf_counter() - start_s
        after, busy_after_s = cluster.cpu(), _busy_s()
        coordinator_s = usage.ru_utime + usage.ru_stime
        scheduler_s = after.scheduler_s - before.scheduler_s
        workers_s = after.workers_s - before.workers_s
        ours_s = coordinator_s + scheduler_s + workers_s
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            print((directory / "stderr.txt").read_text(), file=sys.stderr)
            raise subprocess.CalledProcessError(child.returncode, words)
        return Observed(
            wall_s=wall_s,
            coordinator_s=coordinator_s,
            scheduler_s=scheduler_s,
            workers_s=workers_s,
            others=max(0.0, busy_after_s - busy_before_s - ours_s) / wall_s,
            peak_bytes=usage.ru_maxrss * 1024,
            output_bytes=(directory / "out.jsonl").stat().st_size,
            journal_bytes=(directory / "out.jsonl.journal").stat().st_size,
        )


def _busy_s() -> float:
    """Return how long the cores were busy since the machine started, or taken by its host."""
    times = psutil.cpu_times()
    return float(sum(times[:8]) - times.idle - times.iowait)


def start_of(cluster: LocalCluster) -> Observed:
    """Return what a run of one item takes, on workers each of which has run some before."""
    observed(cluster, "wait_10_ms", WARMING_UP * cluster.threads, batch_size=1)
    starts = [observed(cluster, "nothing", 1) for _ in range(STARTS)]
    return min(starts, key=lambda start: start.wall_s)


def measured_costs(
    share: float, *, processes: int = PROCESSES, threads: int = THREADS
) -> tuple[Costs, dict[int, Observed]]:
    """Return what batches and items cost, and what was seen of each size of batch.

    Of all numbers that are run, only this `share` is.
    """
    with local_cluster(processes, threads) as cluster:
        start = start_of(cluster)
        seen = {}
        for size in BATCHES_OF:
            items = size * batches_of(size, share)
            seen[size] = observed(cluster, "nothing", items, batch_size=size)
        fetched = _fetch_one_by_one(cluster, max(100, int(FETCHED * share)))
    lines = []
    for name in ("coordinator_s", "scheduler_s", "workers_s"):
        each = [
            (getattr(one, name) - getattr(start, name)) / batches_of(size, share)
            for size, one in seen.items()
        ]
        lines.append(_line(list(seen), each))
    coordinator, scheduler, worker = lines
    return Costs(
        coordinator_batch_s=coordinator[0],
        coordinator_item_s=coordinator[1],
        scheduler_batch_s=scheduler[0],
        scheduler_item_s=scheduler[1],
        worker_batch_s=worker[0],
        worker_item_s=worker[1],
        fetch_coordinator_s=fetched[0],
        fetch_scheduler_s=fetched[1],
        fetch_worker_s=fetched[2],
        fetch_wait_s=max(0.0, fetched[3] - sum(fetched[:3])),
        heartbeat_s=_sign_of_life_s(1 if share < 1 else 5),
    ), seen


def batches_of(size: int, share: float) -> int:
    """Return how many batches of a size are run."""
    return max(50, int(BATCHES_OF[size] * share))


def _line(sizes: Sequence[int], each: Sequence[float]) -> tuple[float, float]:
    """Return what a batch and an item cost, none less than nothing."""
    slope, intercept = statistics.linear_regression(sizes, each)
    return max(0.0, intercept), max(0.0, slope)


def _fetch_one_by_one(cluster: LocalCluster, number: int) -> tuple[float, float, float, float]:
    """Return the CPU seconds of coordinator, scheduler and worker, and the seconds in all."""
    with distributed.Client(cluster.address) as client:  # type: ignore[no-untyped-call]
        futures = client.map(pickle.dumps, range(number), pure=False)
        distributed.wait(futures)  # type: ignore[no-untyped-call]
        before, cpu_s, start_s = cluster.cpu(), time.process_time(), time.perf_counter()
        for future in futures:
            future.result()
        wall_s, cpu_s = time.perf_counter() - start_s, time.process_time() - cpu_s
        after = cluster.cpu()
    return (
        cpu_s / number,
        (after.scheduler_s - before.scheduler_s) / number,
        (after.workers_s - before.workers_s) / number,
        wall_s / number,
    )


def latency_s(cluster: LocalCluster) -> float:
    """Return how long a call that does nothing takes while nothing else is in flight."""
    taken_s = []
    with distributed.Client(cluster.address) as client:  # type: ignore[no-untyped-call]
        for number in range(50):
            time.sleep(0.02)  # past the interval at which Dask sends
            start_s = time.perf_counter()
            client.submit(pickle.dumps, number, pure=False).result()
            taken_s.append(time.perf_counter() - start_s)
    return statistics.median(taken_s)


def _sign_of_life_s(rounds: int) -> float:
    """Return the scheduler's CPU seconds for a sign of life of one worker, and its answer."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)

    async def measure(cluster: LocalCluster) -> float:
        workers = [
            distributed.Worker(cluster.address, nthreads=1, memory_limit=0)
            for _ in range(SIGNS_OF_LIFE_FROM)
        ]
        await asyncio.gather(*workers)
        await asyncio.sleep(2)
        before_s = cluster.cpu().scheduler_s
        await asyncio.sleep(2 * rounds)
        taken_s = cluster.cpu().scheduler_s - before_s
        await asyncio.gather(*(worker.close() for worker in workers))
        return taken_s

    with local_cluster(0, 1) as cluster:
        return asyncio.run(measure(cluster)) / (2 * rounds * SIGNS_OF_LIFE_FROM)


def show_costs(costs: Costs, seen: dict[int, Observed], share: float) -> None:
    """Print them, and what a run writes."""
    for name, batch_s, item_s in (
        ("coordinator", costs.coordinator_batch_s, costs.coordinator_item_s),
        ("scheduler", costs.scheduler_batch_s, costs.scheduler_item_s),
        ("worker, overhead", costs.worker_batch_s, costs.worker_item_s),
    ):
        print(f"{name:24} {batch_s * 1e3:7.3f} ms a batch, {item_s * 1e6:6.2f} µs an item")
    for name, taken_s in (
        ("coordinator", costs.fetch_coordinator_s),
        ("scheduler", costs.fetch_scheduler_s),
        ("worker", costs.fetch_worker_s),
        ("waits", costs.fetch_wait_s),
    ):
        print(f"fetching, {name:14} {taken_s * 1e3:7.3f} ms an answer")
    print(f"scheduler                {costs.heartbeat_s * 1e3:7.3f} ms a sign of life of a worker")
    for size, one in seen.items():
        items = size * batches_of(size, share)
        print(
            f"batches of {size:4}: journal {one.journal_bytes / items:6.2f} bytes an item, "
            f"output {one.output_bytes / items:5.1f}, "
            f"coordinator {one.peak_bytes / 2**20:4.0f} MB, "
            f"{batches_of(size, share) / one.wall_s:4.0f} batches a second, start included; "
            f"others {one.others:.2f} cores"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the batches")
    parser.add_argument("--processes", type=int, default=PROCESSES, help="workers")
    parser.add_argument("--threads", type=int, default=THREADS, help="of each worker")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the cluster must end, too
    share = 0.1 if options.quick else 1.0
    measured = measured_costs(share, processes=options.processes, threads=options.threads)
    show_costs(*measured, share)


if __name__ == "__main__":
    main()
