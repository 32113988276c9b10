"""Nodes and graphs for coroutines: the same three steps, awaited."""

from __future__ import annotations

import warnings
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any

from kaygraph.batch import BatchNode, items_of
from kaygraph.graph import BatchGraph, Graph
from kaygraph.node import Execution, Node

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
        """Run all steps and hooks and return the action; override it to wrap a whole run."""
        start = self._begin()
        failed = True
        with Execution(self, whole_run=True):
            try:
                try:
                    self.before_prep(shared)
                    prep_res, exec_res = await self._prep_and_exec_async(shared)
                    self.after_exec(shared, prep_res, exec_res)
                    action = await self.post_async(shared, prep_res, exec_res)
                except Exception as error:
                    if not self.on_error(shared, error):
                        raise
                    action = None
                failed = False
                return action
            finally:
                self._end(start, failed)

    async def _prep_and_exec_async(self, shared: dict[str, Any]) -> tuple[Any, Any]:
        prep_res = await self.prep_async(shared)
        return prep_res, await self._exec_async(prep_res)


class AsyncBatchNode(AsyncNode, BatchNode):
    """Await `exec_async` once per item, one after another; results in input order."""

    async def _exec_async(self, prep_res: Any) -> list[Any]:
        return await self._exec_each_async(super()._exec_async, items_of(prep_res))

    async def _exec_each_async(
        self, exec_one: Callable[[Any], Awaitable[Any]], items: Iterator[Any]
    ) -> list[Any]:
        return [await exec_one(item) for item in items]


class AsyncParallelBatchNode(AsyncBatchNode):
    """Await `exec_async` for the items at once, or `max_concurrency` at a time.

    Results keep input order. The first error cancels what still runs and is raised.
    Raises `ValueError` for `max_concurrency` below 1.
    """

    def __init__(self, *args: Any, max_concurrency: int | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if max_concurrency is not None and max_concurrency < 1:
            raise ValueError(f"max_concurrency must be at least 1, got {max_concurrency}")
        self.max_concurrency = max_concurrency

    async def _exec_each_async(
        self, exec_one: Callable[[Any], Awaitable[Any]], items: Iterator[Any]
    ) -> list[Any]:
        async def exec_apart(item: Any) -> Any:
            with Execution(self):
                return await exec_one(item)

        return await _gather(exec_apart, items, self.max_concurrency)


class AsyncGraph(Graph, AsyncNode):
    """Run async and plain nodes mixed; start it with `await run_async(shared)`.

    A graph of plain nodes may also be started with `run(shared)`, which calls `prep` and `post`
    in place of `prep_async` and `post_async`, and warns when it passes over one that is defined.
    """

    async def post_async(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
        """Return the graph's action: by default the last node's."""
        return exec_res

    def run(self, shared: dict[str, Any]) -> Any:
        """Run this graph alone, all its nodes being plain, and return its action."""
        self._warn_of_successors()
        return self._run(shared)

    def _run(self, shared: dict[str, Any]) -> Any:
        for step in (type(self).prep_async, type(self).post_async):
            if step.__module__ != __name__:
                warnings.warn(
                    f"{self.node_id}: run passes over {step.__name__}; use run_async", stacklevel=3
                )
        return super(AsyncNode, self)._run(shared)

    async def _prep_and_exec_async(self, shared: dict[str, Any]) -> tuple[Any, Any]:
        prep_res = await self.prep_async(shared)
        return prep_res, await self._orch_async(shared, self.params)

    async def _orch_async(
        self, shared: dict[str, Any], params: dict[str, Any] | None = None
    ) -> Any:
        """Run the nodes, `params` over their own (`None`: the graph's); return the last action.

        Override it to wrap one run of all nodes, of which an `AsyncBatchGraph` makes several.
        """
        params = self.params if params is None else params
        action = None
        node = self._first_node()
        while node is not None:
            copied = self._copy_to_run(node, params)
            if isinstance(copied, AsyncNode):
                action = await copied._run_async(shared)
            else:
                action = copied._run(shared)
            node = self.get_next_node(copied, action)
        return action


class AsyncBatchGraph(AsyncGraph, BatchGraph):
    """Run the whole graph once for each param dict of `prep_async`, one after another."""

    async def post_async(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
        """Return the graph's action; `prep_res` is the list, maybe `[]`, `exec_res` is `None`."""
        return None

    async def _prep_and_exec_async(self, shared: dict[str, Any]) -> tuple[Any, None]:
        param_dicts = await self.prep_async(shared) or []
        await self._orch_each_async(shared, param_dicts)
        return param_dicts, None

    async def _orch_each_async(
        self, shared: dict[str, Any], param_dicts: Iterable[dict[str, Any]]
    ) -> None:
        for params in param_dicts:
            await self._orch_async(shared, {**self.params, **params})


class AsyncParallelBatchGraph(AsyncBatchGraph):
    """Run the whole graph for every param dict of `prep_async` at once.

    The first error cancels what still runs and is raised.
    """

    async def _orch_each_async(
        self, shared: dict[str, Any], param_dicts: Iterable[dict[str, Any]]
    ) -> None:
        async def orch(params: dict[str, Any]) -> Any:
            return await self._orch_async(shared, {**self.params, **params})

        await _gather(orch, iter(param_dicts), None)


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
