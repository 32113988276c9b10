"""Nodes and graphs for coroutines: the same three steps, awaited."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from kaygraph.batch import items_of
from kaygraph.graph import BatchGraph, Graph
from kaygraph.node import Node

__all__ = [
    "AsyncBatchGraph",
    "AsyncBatchNode",
    "AsyncGraph",
    "AsyncNode",
    "AsyncParallelBatchGraph",
    "AsyncParallelBatchNode",
]


class AsyncNode(Node):
    """Run `prep_async`, `exec_async` and `post_async`; start it with `await run_async(shared)`.

    The hooks `before_prep`, `after_exec` and `on_error` are those of a plain node.
    """

    async def prep_async(self, shared: dict[str, Any]) -> Any:
        """Read the shared store and return what `exec_async` needs."""
        return None

    async def post_async(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
        """Write the shared store; return an action, or `None` for `"default"`."""
        return None

    def run(self, shared: dict[str, Any]) -> Any:
        """Refuse: raises `RuntimeError`."""
        raise RuntimeError(f"{self.node_id} is async: use `await node.run_async(shared)`")

    async def run_async(self, shared: dict[str, Any]) -> Any:
        """Run this node alone and return its action."""
        self._warn_of_successors()
        return await self._run_async(shared)

    def _run(self, shared: dict[str, Any]) -> Any:
        raise RuntimeError(f"{self.node_id} is async: run it in an AsyncGraph with run_async")

    async def _run_async(self, shared: dict[str, Any]) -> Any:
        self.logger.debug("%s runs", self.node_id)
        try:
            self.before_prep(shared)
            prep_res = await self.prep_async(shared)
            exec_res = await self._exec_async(shared, prep_res)
            self.after_exec(shared, prep_res, exec_res)
            return await self.post_async(shared, prep_res, exec_res)
        except Exception as error:
            if self.on_error(shared, error):
                return None
            raise

    async def _exec_async(self, shared: dict[str, Any], prep_res: Any) -> Any:
        return await self._exec_one_async(prep_res)


class AsyncBatchNode(AsyncNode):
    """Await `exec_async` once per item, one after another; results in input order."""

    async def _exec_async(self, shared: dict[str, Any], prep_res: Any) -> list[Any]:
        return [await self._exec_one_async(item) for item in items_of(prep_res)]


class AsyncParallelBatchNode(AsyncNode):
    """Await `exec_async` for the items at once, or `max_concurrency` at a time.

    Results keep input order. The first error cancels what still runs and is raised.
    Raises `ValueError` for `max_concurrency` below 1.
    """

    def __init__(self, *args: Any, max_concurrency: int | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if max_concurrency is not None and max_concurrency < 1:
            raise ValueError(f"max_concurrency must be at least 1, got {max_concurrency}")
        self.max_concurrency = max_concurrency

    async def _exec_async(self, shared: dict[str, Any], prep_res: Any) -> list[Any]:
        return await _gather(self._exec_one_async, items_of(prep_res), self.max_concurrency)


class AsyncGraph(Graph, AsyncNode):
    """Run async and plain nodes mixed; start it with `await run_async(shared)`."""

    async def post_async(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
        """Return the graph's action: by default the last node's."""
        return exec_res

    async def _exec_async(self, shared: dict[str, Any], prep_res: Any) -> Any:
        return await self._walk_async(shared, self.params)

    async def _walk_async(self, shared: dict[str, Any], params: dict[str, Any]) -> Any:
        action = None
        node = self._first_node()
        while node is not None:
            twin = self._equipped(node, params)
            if isinstance(twin, AsyncNode):
                action = await twin._run_async(shared)
            else:
                action = twin._run(shared)
            node = self.get_next_node(node, action)
        return action


class AsyncBatchGraph(AsyncGraph, BatchGraph):
    """Run the whole graph once for each param dict of `prep_async`, one after another."""

    async def post_async(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
        """Return the graph's action; `prep_res` is the list and `exec_res` is `None`."""
        return None

    async def _exec_async(self, shared: dict[str, Any], prep_res: Any) -> None:
        for params in prep_res or ():
            await self._walk_async(shared, {**self.params, **params})


class AsyncParallelBatchGraph(AsyncBatchGraph):
    """Run the whole graph for every param dict of `prep_async` at once.

    The first error cancels what still runs and is raised.
    """

    async def _exec_async(self, shared: dict[str, Any], prep_res: Any) -> None:
        async def walk(params: dict[str, Any]) -> Any:
            return await self._walk_async(shared, {**self.params, **params})

        await _gather(walk, iter(prep_res or ()), None)


async def _gather(
    function: Callable[[Any], Awaitable[Any]], items: Iterator[Any], at_once: int | None
) -> list[Any]:
    """Await `function(item)` for every item, `at_once` at a time; the first error ends it all."""
    import asyncio

    if at_once is None:
        items = iter(everything := list(items))
        at_once = len(everything)
    numbered = enumerate(items)
    results: list[Any] = []

    async def take_in_turn() -> None:
        for place, item in numbered:
            results.append(None)
            results[place] = await function(item)

    takers = [asyncio.ensure_future(take_in_turn()) for _ in range(at_once)]
    try:
        await asyncio.gather(*takers)
    finally:
        for taker in takers:
            taker.cancel()
        await asyncio.gather(*takers, return_exceptions=True)
    return results
