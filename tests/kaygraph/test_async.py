"""Async nodes and graphs: the same steps, hooks and retries, awaited."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from typing import Any, TypeVar

import pytest
from kaygraph import (
    AsyncBatchGraph,
    AsyncBatchNode,
    AsyncGraph,
    AsyncNode,
    AsyncParallelBatchGraph,
    AsyncParallelBatchNode,
    BatchGraph,
    BatchNode,
    Graph,
    MetricsNode,
    Node,
    ValidatedNode,
)

PATIENCE_S = 20.0  # only a fault waits this long

T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run `coroutine` to its end; a deadlock becomes a `TimeoutError`."""

    async def bounded() -> T:
        async with asyncio.timeout(PATIENCE_S):
            return await coroutine

    return asyncio.run(bounded())


class Steps(AsyncNode):
    """Note every step and hook, with what it was given."""

    def __init__(self, fails_in: str = "", **options: Any) -> None:
        super().__init__(**options)
        self.seen: list[tuple[Any, ...]] = []
        self.fails_in = fails_in

    def note(self, step: str, *given: Any) -> None:
        self.seen.append((step, *given))
        if step == self.fails_in:
            raise LookupError(step)

    def before_prep(self, shared: dict[str, Any]) -> None:
        self.note("before_prep", shared)

    async def prep_async(self, shared: dict[str, Any]) -> Any:
        await asyncio.sleep(0)
        self.note("prep_async", shared)
        return "prepared"

    async def exec_async(self, prep_res: Any) -> Any:
        await asyncio.sleep(0)
        self.note("exec_async", prep_res)
        return "done"

    def after_exec(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> None:
        self.note("after_exec", shared, prep_res, exec_res)

    async def post_async(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
        await asyncio.sleep(0)
        self.note("post_async", shared, prep_res, exec_res)
        return "onward"


STEPS = ["before_prep", "prep_async", "exec_async", "after_exec", "post_async"]


def test_an_async_node_does_nothing_by_default() -> None:
    assert run(AsyncNode().run_async({})) is None


def test_an_async_node_goes_through_hooks_and_steps_in_order() -> None:
    shared: dict[str, Any] = {"key": "value"}
    node = Steps()
    assert run(node.run_async(shared)) == "onward"
    assert node.seen == [
        ("before_prep", shared),
        ("prep_async", shared),
        ("exec_async", "prepared"),
        ("after_exec", shared, "prepared", "done"),
        ("post_async", shared, "prepared", "done"),
    ]


@pytest.mark.parametrize("step", STEPS)
def test_an_error_that_on_error_does_not_swallow_is_raised(step: str) -> None:
    with pytest.raises(LookupError, match=step):
        run(Steps(fails_in=step).run_async({}))


@pytest.mark.parametrize("step", STEPS)
def test_a_swallowed_error_makes_the_action_none(step: str) -> None:
    class Swallows(Steps):
        def on_error(self, shared: dict[str, Any], error: Exception) -> bool:
            shared["error"] = repr(error)
            return True

    shared: dict[str, Any] = {}
    assert run(Swallows(fails_in=step).run_async(shared)) is None
    assert shared == {"error": f"LookupError('{step}')"}


@pytest.mark.parametrize("kind", [AsyncNode, AsyncBatchNode, AsyncParallelBatchNode])
def test_run_on_an_async_node_says_to_use_run_async(kind: Any) -> None:
    with pytest.raises(RuntimeError, match="run_async"):
        kind().run({})


def test_an_async_node_in_a_plain_graph_says_to_use_run_async() -> None:
    with pytest.raises(RuntimeError, match="run it in an AsyncGraph with run_async"):
        Graph(AsyncNode()).run({})
    with pytest.raises(RuntimeError, match="run it in an AsyncGraph with run_async"):
        Graph(AsyncGraph(AsyncNode())).run({})
    with pytest.raises(RuntimeError, match="run it in an AsyncGraph with run_async"):
        AsyncGraph(AsyncNode()).run({})


def test_an_async_node_that_runs_alone_warns_that_its_successors_will_not_run() -> None:
    a, b = Steps(node_id="a"), Steps()
    a >> b
    with pytest.warns(UserWarning, match="a runs alone: its successors will not run"):
        run(a.run_async({}))
    assert b.seen == []


class Fails(AsyncNode):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.attempts: list[int] = []
        self.errors: list[Exception] = []

    async def prep_async(self, shared: dict[str, Any]) -> Any:
        return "prepared"

    async def exec_async(self, prep_res: Any) -> Any:
        self.attempts.append(self.cur_retry)
        self.errors.append(LookupError(self.cur_retry))
        raise self.errors[-1]

    async def post_async(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
        shared["result"] = exec_res


@pytest.mark.parametrize("max_retries", [1, 3])
def test_max_retries_counts_the_attempts_in_all(max_retries: int) -> None:
    node = Fails(max_retries=max_retries)
    with pytest.raises(LookupError) as caught:
        run(node.run_async({}))
    assert node.attempts == list(range(max_retries))
    assert caught.value is node.errors[-1]


def test_the_async_fallback_gives_the_result_after_the_last_failed_attempt() -> None:
    class FallsBack(Fails):
        async def exec_fallback_async(self, prep_res: Any, exc: Exception) -> Any:
            return (prep_res, exc)

    node = FallsBack(max_retries=2)
    shared: dict[str, Any] = {}
    run(node.run_async(shared))
    assert shared == {"result": ("prepared", node.errors[1])}


def test_the_wait_between_the_attempts_is_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def note_the_wait(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", note_the_wait)
    with pytest.raises(LookupError):
        run(Fails(max_retries=3, wait=7.5).run_async({}))
    assert waits == [7.5, 7.5]


def test_a_cancelled_exec_is_not_tried_again() -> None:
    class Cancelled(Fails):
        async def exec_async(self, prep_res: Any) -> Any:
            self.attempts.append(self.cur_retry)
            raise asyncio.CancelledError

    node = Cancelled(max_retries=3)
    with pytest.raises(asyncio.CancelledError):
        run(node.run_async({}))
    assert node.attempts == [0]


KINDS = [AsyncBatchNode, AsyncParallelBatchNode]


def batch_node(
    kind: type[AsyncNode], items: Any, function: Callable[[Any], Awaitable[Any]], **options: Any
) -> AsyncNode:
    """Return a batch node that awaits `function` over `items` and stores the results."""

    class Batch(kind):  # type: ignore[misc,valid-type]
        async def prep_async(self, shared: dict[str, Any]) -> Any:
            return items

        async def exec_async(self, prep_res: Any) -> Any:
            return await function(prep_res)

        async def post_async(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
            shared["results"] = exec_res

    return Batch(**options)


async def negate(item: int) -> int:
    await asyncio.sleep(0)
    return -item


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", [list, iter])
def test_exec_runs_once_per_item_and_results_keep_input_order(kind: Any, form: Any) -> None:
    shared: dict[str, Any] = {}
    run(batch_node(kind, form(range(50)), negate).run_async(shared))
    assert shared["results"] == [-item for item in range(50)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("items", [None, [], False, 0])
def test_no_items_give_an_empty_list(kind: Any, items: Any) -> None:
    shared: dict[str, Any] = {}
    run(batch_node(kind, items, negate).run_async(shared))
    assert shared == {"results": []}


@pytest.mark.parametrize("kind", KINDS)
def test_each_item_has_its_own_attempts_and_fallback(kind: Any) -> None:
    class Flaky(kind):  # type: ignore[misc]
        async def prep_async(self, shared: dict[str, Any]) -> Any:
            return range(4)

        async def exec_async(self, prep_res: int) -> Any:
            if self.cur_retry < prep_res:
                raise LookupError(prep_res)
            return f"attempt {self.cur_retry}"

        async def exec_fallback_async(self, prep_res: int, exc: Exception) -> Any:
            return repr(exc)

        async def post_async(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
            shared["results"] = exec_res

    shared: dict[str, Any] = {}
    run(Flaky(max_retries=3).run_async(shared))
    assert shared["results"] == ["attempt 0", "attempt 1", "attempt 2", "LookupError(3)"]


def test_an_async_batch_node_awaits_one_item_after_another() -> None:
    order: list[tuple[str, int]] = []

    async def note(item: int) -> None:
        order.append(("starts", item))
        await asyncio.sleep(0)
        order.append(("ends", item))

    run(batch_node(AsyncBatchNode, range(3), note).run_async({}))
    assert order == [(step, item) for item in range(3) for step in ("starts", "ends")]


def test_coroutines_that_finish_in_reverse_keep_the_input_order() -> None:
    finished: list[int] = []

    async def main() -> dict[str, Any]:
        done = [asyncio.Event() for _ in range(6)]
        done[5].set()

        async def wait_for_the_next(item: int) -> int:
            await done[item + 1].wait()
            finished.append(item)
            done[item].set()
            return item

        shared: dict[str, Any] = {}
        await batch_node(AsyncParallelBatchNode, range(5), wait_for_the_next).run_async(shared)
        return shared

    assert run(main()) == {"results": [0, 1, 2, 3, 4]}
    assert finished == [4, 3, 2, 1, 0]


async def peak_of(expected: int, items: Iterable[Any], **options: Any) -> int:
    """Return how many of `items` ran at once; all wait until `expected` do."""
    together = asyncio.Barrier(expected)
    running = highest = 0

    async def wait_together(item: Any) -> None:
        nonlocal running, highest
        running += 1
        highest = max(highest, running)
        await together.wait()
        running -= 1

    await batch_node(AsyncParallelBatchNode, items, wait_together, **options).run_async({})
    return highest


def test_without_a_bound_all_items_run_at_once() -> None:
    assert run(peak_of(30, range(30))) == 30


@pytest.mark.parametrize("bound", [1, 2, 7])
def test_max_concurrency_run_at_once_and_no_more(bound: int) -> None:
    assert run(peak_of(bound, iter(range(6 * bound)), max_concurrency=bound)) == bound


@pytest.mark.parametrize("bound", [0, -1])
def test_a_bound_below_one_is_refused_at_once(bound: int) -> None:
    with pytest.raises(ValueError, match=f"max_concurrency must be at least 1, got {bound}$"):
        AsyncParallelBatchNode(max_concurrency=bound)


def test_an_async_parallel_batch_node_takes_the_arguments_of_a_node_by_position() -> None:
    node = AsyncParallelBatchNode(3, 0.5, "load")
    assert (node.max_retries, node.wait, node.node_id) == (3, 0.5, "load")
    assert node.max_concurrency is None


def test_an_endless_generator_stops_at_the_first_error() -> None:
    taken = 0

    def endless() -> Iterator[int]:
        nonlocal taken
        for item in itertools.count():
            taken += 1
            yield item

    async def main() -> None:
        never = asyncio.Event()

        async def fail_at_100(item: int) -> None:
            await asyncio.sleep(0)
            if item == 100:
                raise LookupError(item)
            if item > 100:
                await never.wait()

        node = batch_node(AsyncParallelBatchNode, endless(), fail_at_100, max_concurrency=4)
        await node.run_async({})

    with pytest.raises(LookupError, match="100"):
        run(main())
    assert taken <= 101 + 3


def test_the_first_error_cancels_what_still_runs() -> None:
    cancelled: list[int] = []

    async def main() -> None:
        all_run = asyncio.Barrier(3)
        never = asyncio.Event()

        async def fail_at_one(item: int) -> None:
            await all_run.wait()
            if item == 1:
                raise LookupError(item)
            try:
                await never.wait()
            except asyncio.CancelledError:
                cancelled.append(item)
                raise

        with pytest.raises(LookupError, match="1"):
            await batch_node(AsyncParallelBatchNode, range(3), fail_at_one).run_async({})
        assert sorted(cancelled) == [0, 2]

    run(main())


def test_coroutines_that_count_their_attempts_themselves_each_read_their_own() -> None:
    class Own(AsyncNode):
        async def _exec_async(self, prep_res: tuple[int, asyncio.Barrier]) -> Any:
            item, together = prep_res
            for self.cur_retry in range(item + 1):
                await asyncio.sleep(0)
            await together.wait()  # item n is at attempt n, for all n
            return self.cur_retry

    class Staggered(AsyncParallelBatchNode, Own):
        async def prep_async(self, shared: dict[str, Any]) -> Any:
            together = asyncio.Barrier(4)
            return [(item, together) for item in range(4)]

        async def post_async(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
            shared["attempts"] = exec_res

    shared: dict[str, Any] = {}
    run(Staggered().run_async(shared))
    assert shared["attempts"] == [0, 1, 2, 3]


def test_runs_of_one_node_side_by_side_each_read_their_own_last_attempt_in_post() -> None:
    class Staggered(AsyncNode):
        async def prep_async(self, shared: dict[str, Any]) -> Any:
            return shared["failures"], shared["together"]

        async def exec_async(self, prep_res: tuple[int, asyncio.Barrier]) -> Any:
            failures, together = prep_res
            if self.cur_retry < failures:
                raise LookupError
            await together.wait()

        def after_exec(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> None:
            shared["after_exec"] = self.cur_retry

        async def post_async(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
            await shared["together"].wait()
            shared["post"] = self.cur_retry

    async def main() -> list[dict[str, Any]]:
        node, together = Staggered(max_retries=4), asyncio.Barrier(4)
        stores = [{"failures": failures, "together": together} for failures in range(4)]
        await asyncio.gather(*(node.run_async(store) for store in stores))
        assert node.cur_retry in range(4)
        return stores

    assert [(store["after_exec"], store["post"]) for store in run(main())] == [
        (failures, failures) for failures in range(4)
    ]


def test_on_error_of_an_async_node_reads_the_last_attempt_made() -> None:
    class Reads(Fails):
        def on_error(self, shared: dict[str, Any], error: Exception) -> bool:
            shared["on_error"] = self.cur_retry
            return True

    node = Reads(max_retries=3)
    shared: dict[str, Any] = {}
    run(node.run_async(shared))
    assert (shared["on_error"], node.cur_retry) == (2, 2)


def test_coroutines_at_different_attempts_at_the_same_time_each_read_their_own() -> None:
    class Staggered(AsyncParallelBatchNode):
        async def prep_async(self, shared: dict[str, Any]) -> Any:
            together = asyncio.Barrier(8)
            return [(item, together) for item in range(8)]

        async def exec_async(self, prep_res: tuple[int, asyncio.Barrier]) -> tuple[int, int]:
            item, together = prep_res
            before = self.cur_retry
            if before < item:
                raise LookupError
            await together.wait()  # item n is at attempt n, for all n
            return before, self.cur_retry

        async def post_async(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
            shared["attempts"] = exec_res

    shared: dict[str, Any] = {}
    run(Staggered(max_retries=8).run_async(shared))
    assert shared["attempts"] == [(attempt, attempt) for attempt in range(8)]


def test_one_node_in_coroutines_of_several_threads_keeps_all_attempts_apart() -> None:
    threads_together = threading.Barrier(4, timeout=PATIENCE_S)

    class Staggered(AsyncParallelBatchNode):
        async def prep_async(self, shared: dict[str, Any]) -> Any:
            loop_together = asyncio.Barrier(4)
            return [(shared["thread"] + item, loop_together) for item in range(4)]

        async def exec_async(self, prep_res: tuple[int, asyncio.Barrier]) -> int:
            attempts, loop_together = prep_res
            if self.cur_retry < attempts:
                raise LookupError
            if await loop_together.wait() == 0:
                threads_together.wait()  # the other coroutines of this loop wait below
            await loop_together.wait()
            return self.cur_retry

        async def post_async(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
            shared["attempts"] = exec_res

    node = Staggered(max_retries=7)
    stores: list[dict[str, Any]] = [{"thread": thread} for thread in range(4)]
    threads = [
        threading.Thread(target=lambda store=store: run(node.run_async(store))) for store in stores
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert [store["attempts"] for store in stores] == [
        [thread + item for item in range(4)] for thread in range(4)
    ]


def test_async_nodes_compose_with_metrics_and_validation() -> None:
    class Composed(AsyncParallelBatchNode, ValidatedNode, MetricsNode):
        async def prep_async(self, shared: dict[str, Any]) -> Any:
            return ["1", "2", "3"]

        def validate_input(self, prep_res: Any) -> Any:
            return int(prep_res)

        async def exec_async(self, prep_res: Any) -> Any:
            if self.cur_retry == 0:
                raise LookupError
            return 10 * prep_res

        def validate_output(self, exec_res: Any) -> Any:
            return str(exec_res)

        async def post_async(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
            shared["results"] = exec_res

    node = Composed(max_retries=2, max_concurrency=2, collect_metrics=True)
    shared: dict[str, Any] = {}
    run(AsyncGraph(node).run_async(shared))
    assert shared == {"results": ["10", "20", "30"]}
    assert node.metrics["retry_counts"] == [3]
    assert (node.metrics["success_count"], node.metrics["error_count"]) == (1, 0)


class Step(Node):
    """Append its name and its params to `shared["path"]`."""

    def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
        shared.setdefault("path", []).append((self.node_id, dict(self.params)))


class AsyncStep(AsyncNode):
    """Append its name and its params to `shared["path"]`; return the action of its params."""

    async def post_async(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
        await asyncio.sleep(0)
        shared.setdefault("path", []).append((self.node_id, dict(self.params)))
        return self.params.get("action")


def test_an_async_graph_runs_async_and_plain_nodes_and_graphs_mixed() -> None:
    a, b, c = AsyncStep(node_id="a"), Step(node_id="b"), AsyncStep(node_id="c")
    inner, plain = AsyncGraph(AsyncStep(node_id="d")), Graph(Step(node_id="e"))
    a >> b >> c
    c.set_params({"action": "on"})
    c - "on" >> inner >> plain >> Step(node_id="f")
    shared: dict[str, Any] = {}
    assert run(AsyncGraph(a).run_async(shared)) is None
    assert [name for name, _ in shared["path"]] == ["a", "b", "c", "d", "e", "f"]


def test_the_batch_nodes_are_batch_nodes_to_isinstance() -> None:
    for kind in KINDS:
        assert issubclass(kind, BatchNode)
        assert issubclass(kind, AsyncNode)
        assert isinstance(kind(), BatchNode)


@pytest.mark.parametrize("kind", [AsyncGraph, AsyncBatchGraph, AsyncParallelBatchGraph])
@pytest.mark.parametrize("is_nested", [False, True])
def test_an_async_graph_of_plain_nodes_runs_without_an_event_loop(
    kind: Any, is_nested: bool
) -> None:
    class WithSteps(kind):  # type: ignore[misc]
        def prep(self, shared: dict[str, Any]) -> Any:
            shared["seen"] = ["prep"]
            return [{"number": 1}, {"number": 2}] if kind is not AsyncGraph else "prepared"

        def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
            shared["seen"].append("post")
            return "done"

    start = Step(node_id="a")
    start >> Step(node_id="b")
    graph = WithSteps(start)
    shared: dict[str, Any] = {}
    assert (Graph(graph) if is_nested else graph).run(shared) == "done"
    params: list[dict[str, Any]] = [{}] if kind is AsyncGraph else [{"number": 1}, {"number": 2}]
    assert shared["path"] == [(name, given) for given in params for name in "ab"]
    assert shared["seen"] == ["prep", "post"]


def test_a_run_without_an_event_loop_warns_of_async_steps_that_it_passes_over() -> None:
    class WithSteps(AsyncGraph):
        async def post_async(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
            return "done"

    graph = WithSteps(Node())
    with pytest.warns(UserWarning, match="run passes over post_async; use run_async") as caught:
        assert graph.run({}) is None
    assert [warning.filename for warning in caught] == [__file__]
    with pytest.warns(UserWarning, match="run passes over post_async; use run_async"):
        assert Graph(graph).run({}) is None


def test_an_async_graph_that_runs_alone_warns_that_its_successors_will_not_run() -> None:
    graph = AsyncGraph(Node())
    graph >> Node()
    with pytest.warns(UserWarning, match="its successors will not run") as caught:
        graph.run({})
    assert [warning.filename for warning in caught] == [__file__]


def test_an_async_graph_asks_the_copy_that_ran_for_its_successor() -> None:
    class Rewires(AsyncNode):
        async def post_async(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
            self.successors = {"default": Step(node_id="other")}

    node = Rewires()
    node >> Step(node_id="wired")
    shared: dict[str, Any] = {}
    run(AsyncGraph(node).run_async(shared))
    assert shared["path"] == [("other", {})]


def test_an_async_graph_runs_its_own_steps_and_hooks_around_its_nodes() -> None:
    class WithSteps(AsyncGraph):
        def before_prep(self, shared: dict[str, Any]) -> None:
            shared["seen"] = ["before_prep"]

        async def prep_async(self, shared: dict[str, Any]) -> Any:
            shared["seen"].append("prep_async")
            return "prepared"

        def after_exec(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> None:
            shared["seen"].append(("after_exec", prep_res, exec_res))

        async def post_async(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
            shared["seen"].append(("post_async", prep_res, exec_res))
            return "action of the graph"

    graph = WithSteps(AsyncStep())
    graph.set_params({"action": "last"})
    shared: dict[str, Any] = {}
    assert run(graph.run_async(shared)) == "action of the graph"
    assert shared["seen"] == [
        "before_prep",
        "prep_async",
        ("after_exec", "prepared", "last"),
        ("post_async", "prepared", "last"),
    ]


def test_an_async_graph_returns_the_last_action_and_overlays_params() -> None:
    node = AsyncStep(node_id="a")
    node.set_params({"own": 1, "action": "own"})
    graph = AsyncGraph(node)
    graph.set_params({"action": "graph"})
    shared: dict[str, Any] = {}
    assert run(graph.run_async(shared)) == "graph"
    assert shared["path"] == [("a", {"own": 1, "action": "graph"})]


def test_an_async_graph_swallows_an_error_of_its_nodes_when_its_hook_says_so() -> None:
    class Swallows(AsyncGraph):
        def on_error(self, shared: dict[str, Any], error: Exception) -> bool:
            shared["error"] = repr(error)
            return True

    shared: dict[str, Any] = {}
    assert run(Swallows(Steps(fails_in="exec_async")).run_async(shared)) is None
    assert shared == {"error": "LookupError('exec_async')"}


def test_an_async_graph_warns_of_an_action_that_names_no_successor() -> None:
    a = Steps(node_id="a")
    a - "down" >> Node()
    with pytest.warns(UserWarning, match=r"^Graph ends: 'onward' not found in \['down'\]$"):
        assert run(AsyncGraph(a).run_async({})) == "onward"


def params_graph(kind: type[AsyncGraph], start: Node, numbers: Iterable[int] | None) -> AsyncGraph:
    """Return a batch graph that runs `start` once for each of `numbers`."""

    class OverNumbers(kind):  # type: ignore[misc,valid-type]
        async def prep_async(self, shared: dict[str, Any]) -> Any:
            return None if numbers is None else [{"number": number} for number in numbers]

        async def post_async(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
            shared["given"] = (prep_res, exec_res)
            return "all done"

    return OverNumbers(start)


@pytest.mark.parametrize("kind", [AsyncBatchGraph, AsyncParallelBatchGraph])
def test_an_async_batch_graph_runs_whole_once_for_each_param_dict(kind: Any) -> None:
    a = AsyncStep(node_id="a")
    a >> Step(node_id="b")
    graph = params_graph(kind, a, range(3))
    graph.set_params({"number": "overlaid", "kept": True})
    shared: dict[str, Any] = {}
    assert run(graph.run_async(shared)) == "all done"
    assert sorted(shared["path"], key=lambda step: (step[1]["number"], step[0])) == [
        (name, {"number": number, "kept": True}) for number in range(3) for name in "ab"
    ]
    assert shared["given"] == ([{"number": 0}, {"number": 1}, {"number": 2}], None)
    assert issubclass(kind, BatchGraph)


@pytest.mark.parametrize("kind", [AsyncBatchGraph, AsyncParallelBatchGraph])
def test_an_async_batch_graph_without_param_dicts_runs_nothing(kind: Any) -> None:
    shared: dict[str, Any] = {}
    run(params_graph(kind, AsyncStep(), None).run_async(shared))
    assert shared == {"given": ([], None)}


class Meet(AsyncNode):
    """Note how many run at once; all wait until `together` do."""

    async def exec_async(self, prep_res: Any) -> Any:
        return None

    async def post_async(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
        shared["running"] = shared.get("running", 0) + 1
        shared["highest"] = max(shared.get("highest", 0), shared["running"])
        await shared["together"].wait()
        await asyncio.sleep(0)
        shared["running"] -= 1


@pytest.mark.parametrize(("kind", "expected"), [(AsyncBatchGraph, 1), (AsyncParallelBatchGraph, 5)])
def test_async_batch_graphs_run_in_turn_or_all_at_once(kind: Any, expected: int) -> None:
    async def main() -> int:
        shared: dict[str, Any] = {"together": asyncio.Barrier(expected)}
        await params_graph(kind, Meet(), range(5)).run_async(shared)
        highest: int = shared["highest"]
        return highest

    assert run(main()) == expected


def test_an_async_batch_graph_returns_none_by_default() -> None:
    for kind in (AsyncBatchGraph, AsyncParallelBatchGraph):
        assert run(kind(AsyncStep()).run_async({})) is None
