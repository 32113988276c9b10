"""The contestants: each maps a function over items with so many workers, in its own way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

__all__ = ["CHUNKED", "PEERS", "PEERS_FOR"]

Run = Callable[[Callable[[Any], Any], Sequence[Any], int, int], Sequence[Any]]


def ours(function: Callable[[Any], Any], items: Sequence[Any], workers: int, chunk: int) -> Any:
    from batchmap import parallel_map

    return parallel_map(function, items)


def loop(function: Callable[[Any], Any], items: Sequence[Any], workers: int, chunk: int) -> Any:
    results = []
    for item in items:
        results.append(function(item))
    return results


def pool_map(function: Callable[[Any], Any], items: Sequence[Any], workers: int, chunk: int) -> Any:
    import multiprocessing

    with multiprocessing.Pool(workers) as pool:
        results = pool.map(function, items, chunk or None)
        pool.close()
        pool.join()
        return results


def processes(
    function: Callable[[Any], Any], items: Sequence[Any], workers: int, chunk: int
) -> Any:
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(function, items, chunksize=chunk or 1))


def threads(function: Callable[[Any], Any], items: Sequence[Any], workers: int, chunk: int) -> Any:
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(function, items))


def joblib_loky(
    function: Callable[[Any], Any], items: Sequence[Any], workers: int, chunk: int
) -> Any:
    import joblib

    batch = chunk or "auto"
    return joblib.Parallel(workers, batch_size=batch)(joblib.delayed(function)(i) for i in items)


def joblib_threading(
    function: Callable[[Any], Any], items: Sequence[Any], workers: int, chunk: int
) -> Any:
    import joblib

    parallel = joblib.Parallel(workers, backend="threading", batch_size=chunk or "auto")
    return parallel(joblib.delayed(function)(item) for item in items)


def mpire(function: Callable[[Any], Any], items: Sequence[Any], workers: int, chunk: int) -> Any:
    from mpire import WorkerPool

    with WorkerPool(workers) as pool:
        return pool.map(function, items, chunk_size=chunk or None)


def pqdm(function: Callable[[Any], Any], items: Sequence[Any], workers: int, chunk: int) -> Any:
    from pqdm.processes import pqdm as run

    return run(items, function, n_jobs=workers, disable=True)


def gather(function: Callable[[Any], Any], items: Sequence[Any], workers: int, chunk: int) -> Any:
    async def all_of_them() -> list[Any]:
        semaphore = asyncio.Semaphore(workers)

        async def one(item: Any) -> Any:
            async with semaphore:
                return await function(item)

        return await asyncio.gather(*(one(item) for item in items))

    return asyncio.run(all_of_them())


PEERS: dict[str, Run] = {
    "ours": ours,
    "loop": loop,
    "Pool.map": pool_map,
    "futures processes": processes,
    "futures threads": threads,
    "joblib": joblib_loky,
    "joblib threads": joblib_threading,
    "mpire": mpire,
    "pqdm": pqdm,
    "gather": gather,
}

PEERS_FOR = {
    "compute": ("loop", "Pool.map", "futures processes", "joblib", "mpire", "pqdm"),
    "numpy": ("loop", "futures threads", "joblib threads", "Pool.map", "joblib", "mpire"),
    "wait": ("futures threads", "joblib threads", "Pool.map", "mpire"),
    "async": ("gather",),
}
"""Which peers make sense for a kind of job."""

CHUNKED = {"Pool.map", "futures processes", "joblib", "mpire"}
"""Those that take a batch size."""
