"""Nodes that run `exec` once per item: one after another, or on a thread pool."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from kaygraph.node import Execution, Node, current_execution

__all__ = ["BatchNode", "ParallelBatchNode"]


class BatchNode(Node):
    """Run `exec` once per item of the iterable that `prep` returns (`None`: no items).

    Each item has the node's retries and fallback; `post` gets the list of results in input
    order. A base class that overrides `_exec` is given all items at once when it comes before
    `BatchNode`, and each item when it comes after it.
    """

    def _exec(self, prep_res: Any) -> list[Any]:
        return self._exec_each(super()._exec, items_of(prep_res))

    def _exec_each(self, exec_one: Callable[[Any], Any], items: Iterator[Any]) -> list[Any]:
        return [exec_one(item) for item in items]


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

    def _exec_each(self, exec_one: Callable[[Any], Any], items: Iterator[Any]) -> list[Any]:
        pool = ThreadPoolExecutor(
            self.max_workers,
            thread_name_prefix=self.node_id,
            initializer=current_execution.set,
            initargs=(current_execution.get(),),
        )
        waits_for_running = True
        try:
            return self._exec_on(pool, exec_one, items)
        except BaseException as error:
            # Ctrl-C is not held up until the running items are done.
            waits_for_running = isinstance(error, Exception)
            raise
        finally:
            pool.shutdown(wait=waits_for_running, cancel_futures=True)

    def _exec_on(
        self, pool: ThreadPoolExecutor, exec_one: Callable[[Any], Any], items: Iterator[Any]
    ) -> list[Any]:
        results: list[Any] = []
        places: dict[Future[Any], int] = {}
        errors: list[BaseException] = []

        def exec_unless_failed(item: Any) -> Any:
            # A thread is faster at its next item than the pool at dropping that item.
            if errors:
                return None
            try:
                with Execution(self):
                    return exec_one(item)
            except BaseException as error:
                errors.append(error)
                raise

        # Nothing public gives the number that `None` becomes; every version has this attribute.
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
    """Return an iterator over what `prep` returned; `None`, `False` and 0 count as no items."""
    try:
        return iter(prep_res)
    except TypeError:
        if prep_res:
            raise
        return iter(())
