"""Programs that wrap a step: `_exec`, `_run` and `_orch`, overridden with a call to `super()`."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from kaygraph import (
    AsyncBatchGraph,
    AsyncBatchNode,
    AsyncGraph,
    AsyncNode,
    AsyncParallelBatchGraph,
    AsyncParallelBatchNode,
    BaseNode,
    BatchGraph,
    BatchNode,
    Graph,
    Node,
    ParallelBatchNode,
)

Shared = dict[str, Any]

PLAIN_BATCHES = [BatchNode, ParallelBatchNode]
ASYNC_BATCHES = [AsyncBatchNode, AsyncParallelBatchNode]


class Wrapped(Node):
    """Note in `seen` what `_exec` and `_exec_async` are given, and add 100 to what they return."""

    seen: list[Any]

    def _exec(self, prep_res: Any) -> Any:
        self.seen.append(prep_res)
        exec_res = super()._exec(prep_res)
        return [*exec_res, 100] if isinstance(exec_res, list) else exec_res + 100

    async def _exec_async(self, prep_res: Any) -> Any:
        self.seen.append(prep_res)
        exec_res = await super()._exec_async(prep_res)
        return [*exec_res, 100] if isinstance(exec_res, list) else exec_res + 100


def results_of(*bases: Any, prep_res: Any, **options: Any) -> tuple[list[Any], Any]:
    """Run a node of `bases` that squares; return what `_exec` was given and what `post` was."""

    class Squares(*bases):  # type: ignore[misc]
        seen: list[Any] = []  # noqa: RUF012

        def prep(self, shared: Shared) -> Any:
            return prep_res

        async def prep_async(self, shared: Shared) -> Any:
            return prep_res

        def exec(self, item: int) -> int:
            if self.cur_retry + 1 < self.max_retries:
                raise LookupError
            return item * item

        async def exec_async(self, item: int) -> int:
            return self.exec(item)

        def post(self, shared: Shared, prep_res: Any, exec_res: Any) -> Any:
            shared["results"] = exec_res

        async def post_async(self, shared: Shared, prep_res: Any, exec_res: Any) -> Any:
            self.post(shared, prep_res, exec_res)

    shared: Shared = {}
    asyncio.run(AsyncGraph(Squares(**options)).run_async(shared))
    return sorted(Squares.seen), shared["results"]


@pytest.mark.parametrize("bases", [(Wrapped,), (Wrapped, AsyncNode), (AsyncNode, Wrapped)])
@pytest.mark.parametrize("max_retries", [1, 3])
def test_exec_can_be_wrapped_with_all_its_attempts(bases: Any, max_retries: int) -> None:
    assert results_of(*bases, prep_res=3, max_retries=max_retries) == ([3], 109)


@pytest.mark.parametrize("kind", [*PLAIN_BATCHES, *ASYNC_BATCHES])
def test_exec_wrapped_before_the_batch_is_given_all_items_at_once(kind: Any) -> None:
    assert results_of(Wrapped, kind, prep_res=[1, 2, 3]) == ([[1, 2, 3]], [1, 4, 9, 100])


@pytest.mark.parametrize("kind", [*PLAIN_BATCHES, *ASYNC_BATCHES])
def test_exec_wrapped_after_the_batch_is_given_each_item(kind: Any) -> None:
    assert results_of(kind, Wrapped, prep_res=[1, 2, 3]) == ([1, 2, 3], [101, 104, 109])


def test_exec_of_a_base_node_can_be_wrapped() -> None:
    class Base(BaseNode):
        def _exec(self, prep_res: Any) -> Any:
            return ("wrapped", super()._exec(prep_res))

        def post(self, shared: Shared, prep_res: Any, exec_res: Any) -> Any:
            return exec_res

    assert Base().run({}) == ("wrapped", None)


class RunWrapped(Node):
    """Note in the shared store that a run begins and what it returned, and change that."""

    def _run(self, shared: Shared) -> Any:
        shared["begun"] = shared.get("begun", 0) + 1
        return f"wrapped {super()._run(shared)}"

    async def _run_async(self, shared: Shared) -> Any:
        shared["begun"] = shared.get("begun", 0) + 1
        return f"wrapped {await super()._run_async(shared)}"  # type: ignore[misc]


@pytest.mark.parametrize("kind", [Node, BatchNode, ParallelBatchNode])
@pytest.mark.parametrize("max_retries", [1, 2])
def test_run_can_be_wrapped_alone_and_in_a_graph(kind: Any, max_retries: int) -> None:
    class Wraps(RunWrapped, kind):  # type: ignore[misc]
        def post(self, shared: Shared, prep_res: Any, exec_res: Any) -> Any:
            return "action"

    shared: Shared = {}
    node = Wraps(max_retries=max_retries)
    assert node.run(shared) == "wrapped action"
    assert Graph(node).run(shared) == "wrapped action"
    assert asyncio.run(AsyncGraph(node).run_async(shared)) == "wrapped action"
    assert shared == {"begun": 3}


@pytest.mark.parametrize("kind", [AsyncNode, AsyncBatchNode, AsyncParallelBatchNode])
def test_run_async_can_be_wrapped_alone_and_in_a_graph(kind: Any) -> None:
    class Wraps(RunWrapped, kind):  # type: ignore[misc]
        async def post_async(self, shared: Shared, prep_res: Any, exec_res: Any) -> Any:
            return "action"

    shared: Shared = {}
    assert asyncio.run(Wraps().run_async(shared)) == "wrapped action"
    assert asyncio.run(AsyncGraph(Wraps()).run_async(shared)) == "wrapped action"
    assert shared == {"begun": 2}


@pytest.mark.parametrize("kind", [Graph, AsyncGraph])
def test_the_run_of_a_graph_can_be_wrapped(kind: Any) -> None:
    class Wraps(kind):  # type: ignore[misc]
        def _run(self, shared: Shared) -> Any:
            return f"wrapped {super()._run(shared)}"

    assert Wraps(Node()).run({}) == "wrapped None"
    assert Graph(Wraps(Node())).run({}) == "wrapped None"


class Letter(Node):
    def post(self, shared: Shared, prep_res: Any, exec_res: Any) -> Any:
        shared["letters"].append(self.params.get("letter"))
        return "last"


def letters_of(kind: Any, param_dicts: Any, *, is_async: bool) -> Shared:
    """Run a graph of `kind` whose `_orch` puts "a" for a missing letter and notes its action."""

    class Wraps(kind):  # type: ignore[misc]
        def prep(self, shared: Shared) -> Any:
            return param_dicts

        async def prep_async(self, shared: Shared) -> Any:
            return param_dicts

        def _orch(self, shared: Shared, params: dict[str, Any] | None = None) -> Any:
            assert params is not None
            action = super()._orch(shared, {"letter": "a", **params})
            shared["actions"].append(action)
            return action

        async def _orch_async(self, shared: Shared, params: dict[str, Any] | None = None) -> Any:
            assert params is not None
            action = await super()._orch_async(shared, {"letter": "a", **params})
            shared["actions"].append(action)
            return action

    graph = Wraps(Letter())
    shared: Shared = {"letters": [], "actions": []}
    shared["returned"] = asyncio.run(graph.run_async(shared)) if is_async else graph.run(shared)
    return shared


CASES = [(Graph, False), (AsyncGraph, False), (AsyncGraph, True)]


@pytest.mark.filterwarnings("ignore:.*passes over prep_async")
@pytest.mark.parametrize(("kind", "is_async"), CASES)
def test_orch_can_be_wrapped_and_is_given_the_params(kind: Any, is_async: bool) -> None:
    shared = letters_of(kind, None, is_async=is_async)
    assert shared == {"letters": ["a"], "actions": ["last"], "returned": "last"}


BATCH_CASES = [
    (BatchGraph, False),
    (AsyncBatchGraph, False),
    (AsyncBatchGraph, True),
    (AsyncParallelBatchGraph, True),
]


@pytest.mark.filterwarnings("ignore:.*passes over prep_async")
@pytest.mark.parametrize(("kind", "is_async"), BATCH_CASES)
def test_orch_runs_once_for_each_param_dict_of_a_batch_graph(kind: Any, is_async: bool) -> None:
    shared = letters_of(kind, [{"letter": "x"}, {}], is_async=is_async)
    assert shared == {"letters": ["x", "a"], "actions": ["last", "last"], "returned": None}


def test_orch_takes_the_params_of_the_graph_when_it_is_given_none() -> None:
    graph = AsyncGraph(Letter())
    graph.set_params({"letter": "g"})
    shared: Shared = {"letters": []}
    assert graph._orch(shared) == "last"
    assert asyncio.run(graph._orch_async(shared)) == "last"
    assert shared["letters"] == ["g", "g"]
