"""Batches: `exec` once per item, in turn or on a thread pool."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from kaygraph import BatchNode, MetricsNode, Node, ParallelBatchNode

PATIENCE_S = 20.0  # only a fault waits this long

KINDS = [BatchNode, ParallelBatchNode]


def batch_node(
    kind: type[BatchNode], items: Any, function: Callable[[Any], Any], **options: Any
) -> BatchNode:
    """Return a batch node that runs `function` over `items` and stores the results."""

    class Batch(kind):  # type: ignore[misc,valid-type]
        def prep(self, shared: dict[str, Any]) -> Any:
            return items

        def exec(self, prep_res: Any) -> Any:
            return function(prep_res)

        def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
            shared["prep_res"], shared["results"] = prep_res, exec_res
            return "stored"

    return Batch(**options)


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_that_is_not_iterable_is_a_type_error(kind: type[BatchNode]) -> None:
    with pytest.raises(TypeError, match="'int' object is not iterable"):
        batch_node(kind, 3, lambda item: item).run({})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", [list, tuple, iter, dict.fromkeys])
def test_exec_runs_once_per_item_of_any_iterable(kind: type[BatchNode], form: Any) -> None:
    shared: dict[str, Any] = {}
    items = form(range(50))
    assert batch_node(kind, items, lambda item: item * item).run(shared) == "stored"
    assert shared["results"] == [item * item for item in range(50)]
    assert shared["prep_res"] is items


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("items", [None, [], (), False, 0])
def test_no_items_give_an_empty_list(kind: type[BatchNode], items: Any) -> None:
    shared: dict[str, Any] = {}
    batch_node(kind, items, lambda item: item).run(shared)
    assert shared["results"] == []


@pytest.mark.parametrize("kind", KINDS)
def test_items_that_are_none_count_as_items(kind: type[BatchNode]) -> None:
    shared: dict[str, Any] = {}
    batch_node(kind, [None, None], lambda item: item is None).run(shared)
    assert shared["results"] == [True, True]


@pytest.mark.parametrize("kind", KINDS)
def test_each_item_has_its_own_attempts_and_fallback(kind: type[BatchNode]) -> None:
    class Flaky(kind):  # type: ignore[misc,valid-type]
        def prep(self, shared: dict[str, Any]) -> Any:
            return range(5)

        def exec(self, prep_res: int) -> Any:
            if self.cur_retry < prep_res:
                raise LookupError(prep_res)
            return f"attempt {self.cur_retry}"

        def exec_fallback(self, prep_res: int, exc: Exception) -> Any:
            return (prep_res, repr(exc))

        def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
            shared["results"] = exec_res

    shared: dict[str, Any] = {}
    Flaky(max_retries=3).run(shared)
    assert shared["results"] == [
        "attempt 0",
        "attempt 1",
        "attempt 2",
        (3, "LookupError(3)"),
        (4, "LookupError(4)"),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_an_item_that_fails_for_good_fails_the_node(kind: type[BatchNode]) -> None:
    with pytest.raises(ZeroDivisionError):
        batch_node(kind, [1, 0, 2], lambda item: 1 / item).run({})


def test_a_batch_node_takes_an_item_when_the_one_before_is_done() -> None:
    order: list[tuple[str, int]] = []

    def items() -> Iterator[int]:
        for item in range(3):
            order.append(("taken", item))
            yield item

    batch_node(BatchNode, items(), lambda item: order.append(("done", item))).run({})
    assert order == [(step, item) for item in range(3) for step in ("taken", "done")]


def test_threads_that_finish_in_reverse_keep_the_input_order() -> None:
    done = [threading.Event() for _ in range(6)]
    done[5].set()
    finished: list[int] = []

    def wait_for_the_next(item: int) -> int:
        assert done[item + 1].wait(PATIENCE_S)
        finished.append(item)
        done[item].set()
        return item

    shared: dict[str, Any] = {}
    batch_node(ParallelBatchNode, range(5), wait_for_the_next, max_workers=5).run(shared)
    assert finished == [4, 3, 2, 1, 0]
    assert shared["results"] == [0, 1, 2, 3, 4]


class Peak:
    """Count how many run at once; all wait until `expected` do."""

    def __init__(self, expected: int) -> None:
        self.highest = 0
        self._running = 0
        self._lock = threading.Lock()
        self._together = threading.Barrier(expected, timeout=PATIENCE_S)

    def run(self, item: Any) -> Any:
        with self._lock:
            self._running += 1
            self.highest = max(self.highest, self._running)
        self._together.wait()
        with self._lock:
            self._running -= 1
        return item


@pytest.mark.parametrize("max_workers", [1, 2, 7])
def test_max_workers_run_at_once_and_no_more(max_workers: int) -> None:
    peak = Peak(max_workers)
    batch_node(ParallelBatchNode, range(6 * max_workers), peak.run, max_workers=max_workers).run({})
    assert peak.highest == max_workers


def test_max_workers_none_means_what_thread_pool_executor_means_by_it() -> None:
    with ThreadPoolExecutor() as pool:
        expected = pool._max_workers
    peak = Peak(expected)
    batch_node(ParallelBatchNode, range(3 * expected), peak.run, max_workers=None).run({})
    assert peak.highest == expected
    assert ParallelBatchNode().max_workers is None
    assert "ThreadPoolExecutor" in str(ParallelBatchNode.__doc__)


@pytest.mark.parametrize("max_workers", [0, -1])
def test_less_than_one_worker_is_refused_at_once(max_workers: int) -> None:
    with pytest.raises(ValueError, match=f"max_workers must be at least 1, got {max_workers}$"):
        ParallelBatchNode(max_workers)


def test_max_workers_comes_before_the_arguments_of_the_node() -> None:
    node = ParallelBatchNode(4, 3, 0.5, "load")
    assert (node.max_workers, node.max_retries, node.wait) == (4, 3, 0.5)
    assert node.node_id == "load"


def test_items_at_different_attempts_at_the_same_time_each_read_their_own() -> None:
    together = threading.Barrier(8, timeout=PATIENCE_S)

    class Staggered(ParallelBatchNode):
        def prep(self, shared: dict[str, Any]) -> Iterable[int]:
            return range(8)

        def exec(self, prep_res: int) -> tuple[int, int]:
            before = self.cur_retry
            if before < prep_res:
                raise LookupError
            together.wait()  # item n is at attempt n, for all n
            return before, self.cur_retry

        def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
            shared["attempts"] = exec_res

    shared: dict[str, Any] = {}
    Staggered(max_workers=8, max_retries=8).run(shared)
    assert shared["attempts"] == [(attempt, attempt) for attempt in range(8)]


def test_items_that_count_their_attempts_themselves_each_read_their_own() -> None:
    together = threading.Barrier(4, timeout=PATIENCE_S)

    class Own(Node):
        def _exec(self, prep_res: int) -> Any:
            for self.cur_retry in range(prep_res + 1):
                result = self.exec(prep_res)
            return result

        def exec(self, prep_res: int) -> int:
            if self.cur_retry == prep_res:
                together.wait()  # item n is at attempt n, for all n
            return self.cur_retry

    class Staggered(ParallelBatchNode, Own):
        def prep(self, shared: dict[str, Any]) -> Iterable[int]:
            return range(4)

        def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
            shared["attempts"] = exec_res

    shared: dict[str, Any] = {}
    Staggered(max_workers=4).run(shared)
    assert shared["attempts"] == [0, 1, 2, 3]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("max_retries", [1, 3])
def test_post_and_the_node_read_the_last_attempt_of_the_last_item(
    kind: type[BatchNode], max_retries: int
) -> None:
    class Flaky(kind):  # type: ignore[misc,valid-type]
        def prep(self, shared: dict[str, Any]) -> Iterable[int]:
            return range(3)

        def exec(self, prep_res: int) -> None:
            if self.cur_retry < prep_res:
                raise LookupError

        def exec_fallback(self, prep_res: int, exc: Exception) -> None:
            pass

        def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
            shared["last"] = self.cur_retry

    options = {"max_workers": 1} if kind is ParallelBatchNode else {}
    node = Flaky(max_retries=max_retries, **options)
    shared: dict[str, Any] = {}
    node.run(shared)
    assert (shared["last"], node.cur_retry) == (max_retries - 1, max_retries - 1)


def test_no_item_loses_an_attempt_to_another_thread() -> None:
    attempts: dict[int, list[int]] = {item: [] for item in range(8)}
    together = threading.Barrier(8, timeout=PATIENCE_S)

    class Fails(ParallelBatchNode):
        def prep(self, shared: dict[str, Any]) -> Iterable[int]:
            return range(8)

        def exec(self, prep_res: int) -> None:
            together.wait()
            attempts[prep_res].append(self.cur_retry)
            together.wait()
            raise LookupError

        def exec_fallback(self, prep_res: int, exc: Exception) -> None:
            pass

    Fails(max_workers=8, max_retries=5).run({})
    assert attempts == {item: [0, 1, 2, 3, 4] for item in range(8)}


@pytest.mark.parametrize("max_workers", [1, 3])
def test_an_endless_generator_has_at_most_two_items_per_worker_in_flight(max_workers: int) -> None:
    taken = finished = peak = 0
    lock = threading.Lock()

    def endless() -> Iterator[int]:
        nonlocal taken, peak
        for item in itertools.count():
            with lock:
                taken += 1
                peak = max(peak, taken - finished)
            yield item

    def fail_at_100(item: int) -> None:
        nonlocal finished
        if item == 100:
            raise LookupError(item)
        with lock:
            finished += 1

    with pytest.raises(LookupError, match="100"):
        batch_node(ParallelBatchNode, endless(), fail_at_100, max_workers=max_workers).run({})
    assert peak <= 2 * max_workers
    assert taken <= 101 + 2 * max_workers


def test_the_intake_goes_on_until_two_items_per_worker_are_in_flight() -> None:
    full = threading.Event()

    def items() -> Iterator[int]:
        for item in range(20):
            if item == 5:
                full.set()  # six are taken and none is finished
            yield item

    def wait_until_full(item: int) -> int:
        assert full.wait(PATIENCE_S)
        return item

    shared: dict[str, Any] = {}
    batch_node(ParallelBatchNode, items(), wait_until_full, max_workers=3).run(shared)
    assert shared["results"] == list(range(20))


def test_after_the_first_error_no_other_item_is_started() -> None:
    started: list[int] = []

    def fail_at_three(item: int) -> None:
        started.append(item)
        if item == 3:
            raise LookupError(item)

    with pytest.raises(LookupError, match="3"):
        batch_node(ParallelBatchNode, itertools.count(), fail_at_three, max_workers=1).run({})
    assert started == [0, 1, 2, 3]


def test_items_that_run_beside_a_failing_one_are_done_before_its_error_is_raised() -> None:
    both_run = threading.Barrier(2, timeout=PATIENCE_S)
    failing_thread: list[threading.Thread] = []
    done: list[int] = []

    def fail_at_zero(item: int) -> None:
        if item == 0:
            failing_thread.append(threading.current_thread())
            both_run.wait()
            raise LookupError(item)
        both_run.wait()
        failing_thread[0].join(PATIENCE_S)  # it ends when the pool is told to shut down
        done.append(item)

    with pytest.raises(LookupError):
        batch_node(ParallelBatchNode, range(2), fail_at_zero, max_workers=2).run({})
    assert done == [1]


def test_an_error_of_the_items_themselves_is_raised() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise LookupError("the source is gone")

    with pytest.raises(LookupError, match="the source is gone"):
        batch_node(ParallelBatchNode, items(), lambda item: item, max_workers=2).run({})


@pytest.mark.parametrize(
    ("bases", "options"),
    [
        ((ParallelBatchNode, MetricsNode), {"max_workers": 8, "collect_metrics": True}),
        ((MetricsNode, ParallelBatchNode), {"max_workers": 8, "collect_metrics": True}),
        ((BatchNode, MetricsNode), {"collect_metrics": True}),
        ((MetricsNode, BatchNode), {"collect_metrics": True}),
    ],
)
def test_batches_and_metrics_compose_in_either_order(bases: Any, options: dict[str, Any]) -> None:
    class Composed(*bases):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(max_retries=3, **options)

        def prep(self, shared: dict[str, Any]) -> Iterable[int]:
            return range(40)

        def exec(self, prep_res: int) -> int:
            if self.cur_retry < prep_res % 3:
                raise LookupError
            return -prep_res

        def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
            shared["results"] = exec_res

    node = Composed()
    shared: dict[str, Any] = {}
    node.run(shared)
    assert shared == {"results": [-item for item in range(40)]}
    assert node.metrics["retry_counts"] == [sum(item % 3 for item in range(40))]
    assert node.metrics["success_count"] == 1
    assert node.metrics["error_count"] == 0
