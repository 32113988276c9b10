"""Nodes that run `exec` once per item: one after another, or on a thread pool."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from kaygraph.node import Node

__all__ = ["BatchNode", "ParallelBatchNode"]


class BatchNode(Node):
    """Run `exec` once per item of the iterable that `prep` returns (`None`: no items).

    Each item has the node's retries and fallback; `post` gets the list of results in input
    order.
    """

    def _exec(self, shared: dict[str, Any], prep_res: Any) -> list[Any]:
        return [self._exec_one(item) for item in items_of(prep_res)]


class ParallelBatchNode(BatchNode):
    """Run the items on a thread pool of `max_workers`; results keep input order.

    `max_workers=None` means what `concurrent.futures.ThreadPoolExecutor` means by it: a few
    more threads than cores, 32 at most. Items are taken as threads come free: at most twice
    `max_workers` are in flight. The first error stops the intake and is raised as soon as the
    items that run are done; no other item is started.

    Raises `ValueError` for `max_workers` below 1.
    """

    def __init__(self, max_workers: int | None = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if max_workers is not None and max_workers < 1:
            raise ValueError(f"max_workers must be at least 1, got {max_workers}")
        self.max_workers = max_workers

    def _exec(self, shared: dict[str, Any], prep_res: Any) -> list[Any]:
        pool = ThreadPoolExecutor(self.max_workers, thread_name_prefix=self.node_id)
        patient = True
        try:
            return self._exec_on(pool, items_of(prep_res))
        except BaseException as error:
            # Ctrl-C is not held up until the running items are done.
            patient = isinstance(error, Exception)
            raise
        finally:
            pool.shutdown(wait=patient, cancel_futures=True)

    def _exec_on(self, pool: ThreadPoolExecutor, items: Iterator[Any]) -> list[Any]:
        results: list[Any] = []
        places: dict[Future[Any], int] = {}
        errors: list[BaseException] = []

        def exec_unless_failed(item: Any) -> Any:
            # A thread is faster at its next item than the pool at dropping that item.
            if errors:
                return None
            try:
                return self._exec_one(item)
            except BaseException as error:
                errors.append(error)
                raise

        # What `None` comes to is told nowhere else; the attribute is there in every version.
        window = 2 * pool._max_workers
        while True:
            for item in itertools.islice(items, window - len(places)):
                if errors:
                    break
                places[pool.submit(exec_unless_failed, item)] = len(results)
                results.append(None)
            if not places:
                return results
            done, _ = wait(places, return_when=FIRST_COMPLETED)
            if errors:
                raise errors[0]
            for future in done:
                results[places.pop(future)] = future.result()


def items_of(prep_res: Any) -> Iterator[Any]:
    """Return an iterator over what `prep` returned; `None` counts as no items."""
    return iter(() if prep_res is None else prep_res)
