"""What large data cost on their way to two worker processes: memory, hand-over, `auto`.

    python -m benchmarks.shared_objects [--quick]

Contestants take turns; printed are medians of five rounds with their spread. Memory is the summed
PSS of the caller and its workers, in which a page that several share counts once, above what it was
with the data and idle workers; it is given in copies of the data. Peers that are not installed are
left out. CPU time is that of the caller and its workers, and suffers less from other programs.
"""

from __future__ import annotations

import argparse
import importlib.util
import multiprocessing
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from batchmap import parallel_map
from batchmap.executors.process.pool import ProcessExecutor
from batchmap.worker.processor import BatchProcessor

from benchmarks.figures import bare_loop, show, timed

MIB = 1 << 20

Both = Callable[..., list[Any]]
"""Calls a function of data, a directory and a number in two workers at once."""

data: Any = None
"""A global that functions use."""


def use(array: Any, caller: int, directory: str, number: int) -> tuple[int, int]:
    """Read all of the array in both workers; return this one's id and the memory of all then."""
    meet(directory, number)
    array.sum()
    pids = meet(directory, number + 2)
    bytes_now = memory_bytes({caller, *pids})
    meet(directory, number + 4)
    return os.getpid(), bytes_now


def touch(array: Any, directory: str, number: int) -> tuple[int, float]:
    """Return this worker's id, and when it has the array."""
    now_s = time.perf_counter() + 0 * float(array[0])
    meet(directory, number)
    return os.getpid(), now_s


def meet(directory: str, number: int) -> set[int]:
    """Wait until the other worker is here, too; return the ids of both."""
    other = Path(directory, str(number ^ 1))
    draft = Path(directory, f"{number}.draft")
    draft.write_text(str(os.getpid()))
    draft.rename(Path(directory, str(number)))
    while not other.exists():
        time.sleep(0.0005)
    return {os.getpid(), int(other.read_text())}


def use_global(caller: int, directory: str, number: int) -> tuple[int, int]:
    """Use the global."""
    return use(data, caller, directory, number)


def closing_over(array: Any) -> Callable[[int, str, int], tuple[int, int]]:
    """Return a function that uses the array."""
    return lambda caller, directory, number: use(array, caller, directory, number)


def memory_bytes(pids: set[int]) -> int:
    """Return the summed PSS of processes."""
    kib = 0
    for pid in pids:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        kib += sum(map(int, re.findall(r"^Pss: *(\d+) kB", text, re.MULTILINE)))
    return kib * 1024


def cpu_s(pids: set[int]) -> float:
    """Return the CPU time that this process and its workers have used."""
    spent = [psutil.Process(pid).cpu_times() for pid in {os.getpid(), *pids}]
    return float(sum(times.user + times.system for times in spent))


def process_id(_: int) -> int:
    """Return the worker's id, after a while in which the other takes an item, too."""
    time.sleep(0.01)
    return os.getpid()


def peak_bytes(*_: Any) -> int:
    """Return the most memory that this process has held."""
    return int(re.findall(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())[0]) * 1024


@contextmanager
def ours() -> Iterator[Both]:
    """Our pool."""
    with ProcessExecutor(2) as pool:

        def both(function: Callable[..., Any], *arguments: Any) -> list[Any]:
            with tempfile.TemporaryDirectory() as directory:
                call = partial(function, *arguments, directory)
                process = BatchProcessor(call).process  # pickled once, as by `parallel_map`
                calls: list[Future[Any]] = [pool.submit(process, [number]) for number in (0, 1)]
                records = [next(call.result().item_records()) for call in calls]
                assert not any(record.failure for record in records), records
                return [record.result for record in records]

        yield both


@contextmanager
def multiprocessing_pool() -> Iterator[Both]:
    """The pool of the standard library."""
    with multiprocessing.Pool(2) as pool:

        def both(function: Callable[..., Any], *arguments: Any) -> list[Any]:
            with tempfile.TemporaryDirectory() as directory:
                calls = [
                    pool.apply_async(function, (*arguments, directory, number)) for number in (0, 1)
                ]
                return [call.get() for call in calls]

        yield both


@contextmanager
def joblib_loky() -> Iterator[Both]:
    """The workers of joblib, which get large arrays as files that are mapped, read-only."""
    import joblib

    with joblib.Parallel(n_jobs=2) as parallel:

        def both(function: Callable[..., Any], *arguments: Any) -> list[Any]:
            with tempfile.TemporaryDirectory() as directory:
                return list(
                    parallel(joblib.delayed(function)(*arguments, directory, n) for n in (0, 1))
                )

        yield both


def contestants() -> dict[str, Callable[[], Any]]:
    """Return those that are installed."""
    found: dict[str, Callable[[], Any]] = {"ours": ours, "multiprocessing": multiprocessing_pool}
    if importlib.util.find_spec("joblib"):
        found["joblib"] = joblib_loky
    return found


def copies_in_all(opened: Callable[[], Any], size_bytes: int, *call: Any) -> float:
    """Return how many copies of the data there are, beside that of the caller."""
    with opened() as both:
        (_, before_bytes), _ = both(use, np.ones(3), os.getpid())
        (_, after_bytes), _ = both(*call, os.getpid())
        return float(after_bytes - before_bytes) / size_bytes


def hand_over_s(opened: Callable[[], Any], array: Any) -> tuple[float, float]:
    """Return how long it takes until both workers have a function's data, and the CPU time."""
    with opened() as both:
        pids = {pid for pid, _ in both(touch, np.ones(3))}
        before_s, start_s = cpu_s(pids), time.perf_counter()
        results = both(partial(touch, array))
        return max(began_s for _, began_s in results) - start_s, cpu_s(pids) - before_s


def show_memory(size_bytes: int, rounds: int) -> None:
    """Show how many copies there are of NumPy data that a function uses in two workers."""
    global data
    data = np.ones(size_bytes // 8)
    ways: list[tuple[str, Callable[[], Any], tuple[Any, ...]]] = [
        ("ours, closed over", ours, (closing_over(data),)),
        ("ours, bound by a partial", ours, (partial(use, data),)),
        ("ours, global of __main__", ours, (use_global,)),
    ]
    ways += [
        (f"{name}, argument", opened, (use, data))
        for name, opened in contestants().items()
        if opened is not ours
    ]
    figures: dict[str, list[float]] = {name: [] for name, _, _ in ways}
    for _ in range(rounds):
        for name, opened, call in ways:
            figures[name].append(copies_in_all(opened, size_bytes, *call))
    for name, copies in figures.items():
        show(f"copies of {size_bytes // MIB} MiB, {name}", copies)


def show_hand_over(size_bytes: int, rounds: int) -> None:
    """Show how long the hand-over takes."""
    array = np.ones(size_bytes // 8)
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants()}
    for _ in range(rounds):
        for name, opened in contestants().items():
            figures[name].append(hand_over_s(opened, array))
    for name, times_s in figures.items():
        what = f"{size_bytes // MIB} MiB to two workers, {name}"
        show(what, [wall_s for wall_s, _ in times_s], "s")
        show(f"{what}, CPU time", [spent_s for _, spent_s in times_s], "s")


def show_items(item_bytes: int, number: int, rounds: int) -> None:
    """Show what arrays cost as items, and as results."""
    arrays = [np.ones(item_bytes // 8) for _ in range(number)]
    sizes = [item_bytes // 8] * number
    figures: dict[str, list[float]] = {}
    for _ in range(rounds):
        with ProcessExecutor(2) as ours_pool, multiprocessing.Pool(2) as peer:
            maps: dict[str, Callable[..., Any]] = {
                "ours": lambda *call, pool=ours_pool: list(pool.map(*call)),
                "multiprocessing": partial(peer.map, chunksize=1),
            }
            for name, map_all in maps.items():
                pids = set(map_all(process_id, range(8)))
                for what, function, items in (
                    ("items", np.sum, arrays),
                    ("results", np.ones, sizes),
                ):
                    before_s = cpu_s(pids)
                    took_s = timed(partial(map_all, function, items))
                    spent_s = cpu_s(pids) - before_s
                    row = f"{what} of {item_bytes / MIB:g} MiB, {name}"
                    figures.setdefault(row, []).append(took_s / number * 1e3)
                    figures.setdefault(f"{row}, CPU time", []).append(spent_s / number * 1e3)
    for name, times_ms in sorted(figures.items()):
        show(name, times_ms, "ms")


def show_peak(size_bytes: int, rounds: int) -> None:
    """Show what a worker holds at most of data that are no arrays."""
    rows = [bytes(1000) for _ in range(size_bytes // 1000)]
    figures = []
    for _ in range(rounds):
        with ProcessExecutor(1) as pool:
            before_bytes = pool.submit(peak_bytes).result()
            peak = pool.submit(lambda: (len(rows), peak_bytes())[1]).result()
        figures.append((peak - before_bytes) / size_bytes)
    show(f"copies in a worker, {size_bytes // MIB} MiB of rows, at most", figures)


def show_auto(size_bytes: int, rounds: int) -> None:
    """Show what `auto` takes for a function that closes over much, over a plain loop."""
    closures = {"NumPy": np.ones(size_bytes // 8), "rows": [bytes(1000)] * (size_bytes // 1000)}
    for kind, closed in closures.items():
        for items, item_s in ((10, 0.0), (10, 0.01), (200, 0.002)):

            def work(number: int, closed: Any = closed, item_s: float = item_s) -> float:
                end_s = time.thread_time() + item_s
                while time.thread_time() < end_s:
                    pass
                return number + len(closed)

            figures = []
            for _ in range(rounds):
                loop_s = timed(partial(bare_loop, work, range(items)))
                auto_s = timed(partial(parallel_map, work, range(items)))
                figures.append((auto_s - loop_s) * 1e3)
            show(f"auto less a loop: {items} of {item_s * 1e3:g} ms, {kind}", figures, "ms")


def main() -> None:
    """Measure, and print a line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one round of 64 MiB instead of 1 GiB")
    options = parser.parse_args()
    large, medium, rounds = 1024 * MIB, 200 * MIB, options.rounds
    if options.quick:
        large, medium, rounds = 64 * MIB, 16 * MIB, 1
    show_memory(large, rounds)
    show_hand_over(large, rounds)
    show_items(10 * MIB, 10 if options.quick else 30, rounds)
    show_items(MIB, 20 if options.quick else 200, rounds)
    show_peak(medium, rounds)
    show_auto(medium, rounds)


if __name__ == "__main__":
    main()
