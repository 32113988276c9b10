"""One node: its three steps, its hooks, its wiring and its retries."""

from __future__ import annotations

import logging
import threading
import warnings
from types import SimpleNamespace
from typing import Any

import pytest
from kaygraph import BaseNode, BatchNode, Config, Graph, Node

PATIENCE_S = 20.0  # only a fault waits this long


class Steps(Node):
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

    def prep(self, shared: dict[str, Any]) -> Any:
        self.note("prep", shared)
        return "prepared"

    def exec(self, prep_res: Any) -> Any:
        self.note("exec", prep_res)
        return "done"

    def after_exec(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> None:
        self.note("after_exec", shared, prep_res, exec_res)

    def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
        self.note("post", shared, prep_res, exec_res)
        return "onward"


def test_a_new_node_has_an_id_from_its_class_and_nothing_else() -> None:
    node = Steps()
    assert node.node_id == f"Steps_{id(node)}"
    assert node.params == {}
    assert node.successors == {}
    assert isinstance(node.config, Config)
    assert not node.config
    assert node.logger is logging.getLogger("Steps")


def test_a_node_keeps_the_id_and_the_config_it_is_given() -> None:
    config = Config()
    node = BaseNode("load", config)
    assert node.node_id == "load"
    assert node.config is config


def test_node_takes_its_arguments_by_position() -> None:
    config = Config(depth=1)
    node = Node(3, 0.5, "load", config)
    assert (node.max_retries, node.wait) == (3, 0.5)
    assert (node.node_id, node.config) == ("load", config)


@pytest.mark.parametrize("kind", [BaseNode, Node])
def test_the_three_steps_do_nothing_by_default(kind: type[BaseNode]) -> None:
    shared = {"untouched": 1}
    node = kind()
    assert node.prep(shared) is None
    assert node.exec("anything") is None
    assert node.post(shared, "anything", "anything") is None
    assert node.run(shared) is None
    assert shared == {"untouched": 1}


def test_run_goes_through_hooks_and_steps_in_order_and_returns_the_action() -> None:
    shared: dict[str, Any] = {"key": "value"}
    node = Steps()
    assert node.run(shared) == "onward"
    assert node.seen == [
        ("before_prep", shared),
        ("prep", shared),
        ("exec", "prepared"),
        ("after_exec", shared, "prepared", "done"),
        ("post", shared, "prepared", "done"),
    ]


def test_a_base_node_runs_the_three_steps_without_retries() -> None:
    class Double(BaseNode):
        def prep(self, shared: dict[str, Any]) -> Any:
            return shared["number"]

        def exec(self, prep_res: Any) -> Any:
            return 2 * prep_res

        def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
            shared["double"] = exec_res
            return "doubled"

    shared = {"number": 21}
    assert Double().run(shared) == "doubled"
    assert shared == {"number": 21, "double": 42}


def test_set_params_keeps_a_copy() -> None:
    node = Node()
    params = {"size": 1}
    node.set_params(params)
    params["size"] = 2
    assert node.params == {"size": 1}


@pytest.mark.parametrize("params", [None, [("size", 1)], "size", Config(size=1)])
def test_params_that_are_no_dict_are_a_type_error(params: Any) -> None:
    with pytest.raises(TypeError, match=f"must be a dict, got {type(params).__name__}"):
        Node().set_params(params)


def test_context_notes_belong_to_one_node() -> None:
    node, other = Node(), Node()
    node.set_context("seen", 3)
    assert node.get_context("seen") == 3
    assert node.get_context("unseen") is None
    assert node.get_context("unseen", 0) == 0
    assert other.get_context("seen") is None


def test_the_start_and_the_duration_of_a_run_are_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    class Reads(Steps):
        def note(self, step: str, *given: Any) -> None:
            super().note(step, self.get_context("start_time"))

    clock = iter([10.0, 10.5, 20.0, 21.0, 25.0, 30.0])  # the graph's run is around the node's
    epoch = iter([1000.0, 2000.0, 2001.0])
    monkeypatch.setattr(
        "kaygraph.base.time",
        SimpleNamespace(time=lambda: next(epoch), perf_counter=lambda: next(clock)),
    )
    node = Reads()
    assert node.get_context("start_time") is None
    assert node.get_context("last_execution_time") is None
    node.run({})
    assert node.seen == [(step, 1000.0) for step in STEPS]
    assert node.get_context("last_execution_time") == 0.5
    node.fails_in = "post"
    with pytest.raises(LookupError):
        Graph(node).run({})
    assert node.get_context("start_time") == 2001.0
    assert node.get_context("last_execution_time") == 4.0


STEPS = ["before_prep", "prep", "exec", "after_exec", "post"]


@pytest.mark.parametrize("step", STEPS)
def test_an_error_that_on_error_does_not_swallow_is_raised(step: str) -> None:
    with pytest.raises(LookupError, match=step):
        Steps(fails_in=step).run({})


@pytest.mark.parametrize("step", STEPS)
def test_a_swallowed_error_makes_the_action_none(step: str) -> None:
    class Swallows(Steps):
        def on_error(self, shared: dict[str, Any], error: Exception) -> bool:
            shared["error"] = error
            return True

    shared: dict[str, Any] = {}
    assert Swallows(fails_in=step).run(shared) is None
    assert repr(shared["error"]) == f"LookupError('{step}')"


def test_on_error_is_called_once_when_all_attempts_and_the_fallback_failed() -> None:
    errors = []

    class Fails(Node):
        def exec(self, prep_res: Any) -> Any:
            raise LookupError(self.cur_retry)

        def on_error(self, shared: dict[str, Any], error: Exception) -> bool:
            errors.append(repr(error))
            return True

    Fails(max_retries=3).run({})
    assert errors == ["LookupError(2)"]


class Resource(Node):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def setup_resources(self) -> None:
        self.seen.append("set up")

    def exec(self, prep_res: Any) -> Any:
        self.seen.append("used")

    def cleanup_resources(self) -> None:
        self.seen.append("cleaned up")


def test_a_node_is_a_context_manager_that_sets_up_and_cleans_up() -> None:
    node = Resource()
    with node as entered:
        entered.run({})
    assert entered is node
    assert node.seen == ["set up", "used", "cleaned up"]


def test_an_error_inside_the_context_passes_after_the_clean_up() -> None:
    node = Resource()
    error = LookupError("gone")
    with pytest.raises(LookupError) as caught, node:
        raise error
    assert caught.value is error
    assert node.seen == ["set up", "cleaned up"]


def test_next_returns_the_successor_so_that_calls_chain() -> None:
    a, b, c = Node(), Node(), Node()
    assert a.next(b).next(c, "other") is c
    assert a.successors == {"default": b}
    assert b.successors == {"other": c}


def test_arrows_wire_like_next_and_chain() -> None:
    a, b, c, d = Node(), Node(), Node(), Node()
    assert a >> b >> c is c
    assert a - "other" >> c >> d is d
    assert a.successors == {"default": b, "other": c}
    assert b.successors == {"default": c}
    assert c.successors == {"default": d}


def test_wiring_an_action_twice_warns_and_the_later_one_wins() -> None:
    a, b, c = Node(node_id="a"), Node(node_id="b"), Node(node_id="c")
    a >> b
    with pytest.warns(UserWarning, match="a: action 'default' led to b and now leads to c"):
        a >> c
    assert a.successors == {"default": c}


def test_an_action_that_is_no_text_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="an action must be a str, got 3"):
        Node() - 3  # type: ignore[operator]


def test_a_node_that_runs_alone_warns_that_its_successors_will_not_run() -> None:
    a, b = Steps(node_id="a"), Steps(node_id="b")
    a >> b
    with pytest.warns(UserWarning, match="a runs alone: its successors will not run") as caught:
        assert a.run({}) == "onward"
    assert [warning.filename for warning in caught] == [__file__]
    assert b.seen == []


class Fails(Node):
    """Fail until attempt `succeeds_at`, and note which attempt it was."""

    def __init__(self, succeeds_at: float = float("inf"), **options: Any) -> None:
        super().__init__(**options)
        self.succeeds_at = succeeds_at
        self.attempts: list[int] = []
        self.errors: list[Exception] = []

    def exec(self, prep_res: Any) -> Any:
        self.attempts.append(self.cur_retry)
        if self.cur_retry < self.succeeds_at:
            self.errors.append(LookupError(self.cur_retry))
            raise self.errors[-1]
        return f"attempt {self.cur_retry}"

    def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
        shared["result"] = exec_res


class FallsBack(Fails):
    def prep(self, shared: dict[str, Any]) -> Any:
        return "prepared"

    def exec_fallback(self, prep_res: Any, exc: Exception) -> Any:
        return (prep_res, exc, self.cur_retry)


@pytest.mark.parametrize("max_retries", [1, 2, 5])
def test_max_retries_counts_the_attempts_in_all_from_zero(max_retries: int) -> None:
    node = Fails(max_retries=max_retries)
    with pytest.raises(LookupError) as caught:
        node.run({})
    assert node.attempts == list(range(max_retries))
    assert caught.value is node.errors[-1]


def test_attempts_end_with_the_first_success() -> None:
    node = Fails(succeeds_at=2, max_retries=5)
    shared: dict[str, Any] = {}
    node.run(shared)
    assert node.attempts == [0, 1, 2]
    assert shared == {"result": "attempt 2"}


def test_the_fallback_gives_the_result_after_the_last_failed_attempt() -> None:
    node = FallsBack(max_retries=3)
    shared: dict[str, Any] = {}
    node.run(shared)
    assert shared == {"result": ("prepared", node.errors[2], 2)}


def test_the_fallback_is_not_asked_when_an_attempt_succeeds() -> None:
    shared: dict[str, Any] = {}
    FallsBack(succeeds_at=1, max_retries=2).run(shared)
    assert shared == {"result": "attempt 1"}


def test_the_wait_is_between_the_attempts_only(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("kaygraph.node.time", SimpleNamespace(sleep=waits.append))
    with pytest.raises(LookupError):
        Fails(max_retries=3, wait=7.5).run({})
    assert waits == [7.5, 7.5]


def test_an_interrupt_is_not_tried_again() -> None:
    attempts = []

    class Interrupted(Node):
        def exec(self, prep_res: Any) -> Any:
            attempts.append(self.cur_retry)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Interrupted(max_retries=3).run({})
    assert attempts == [0]


@pytest.mark.parametrize(("max_retries", "last"), [(1, 0), (2, 1), (5, 2)])
def test_the_last_attempt_made_is_readable_after_exec_and_on_the_node(
    max_retries: int, last: int
) -> None:
    class Reads(Fails):
        def exec_fallback(self, prep_res: Any, exc: Exception) -> Any:
            return None

        def after_exec(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> None:
            shared["after_exec"] = self.cur_retry

        def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
            shared["post"] = self.cur_retry

    node = Reads(succeeds_at=2, max_retries=max_retries)
    assert node.cur_retry == 0
    shared: dict[str, Any] = {}
    node.run(shared)
    assert shared == {"after_exec": last, "post": last}
    assert node.cur_retry == last


def test_on_error_reads_the_last_attempt_made() -> None:
    class Reads(Fails):
        def on_error(self, shared: dict[str, Any], error: Exception) -> bool:
            shared["on_error"] = self.cur_retry
            return False

    node = Reads(max_retries=3)
    shared: dict[str, Any] = {}
    with pytest.raises(LookupError):
        node.run(shared)
    assert (shared["on_error"], node.cur_retry) == (2, 2)


def test_a_run_without_retries_forgets_the_attempt_that_was_set() -> None:
    node = Fails(succeeds_at=0)
    node.cur_retry = 7
    assert node.cur_retry == 7
    node.run({})
    assert (node.attempts, node.cur_retry) == ([0], 0)


def test_setting_the_attempt_inside_exec_is_read_there_and_changes_no_count() -> None:
    seen: list[int] = []

    class Sets(Node):
        def exec(self, prep_res: Any) -> Any:
            seen.append(self.cur_retry)
            self.cur_retry = 10
            seen.append(self.cur_retry)
            raise LookupError

        def exec_fallback(self, prep_res: Any, exc: Exception) -> Any:
            return None

    node = Sets(max_retries=3)
    node.run({})
    assert seen == [0, 10, 1, 10, 2, 10]
    assert node.cur_retry == 10


def test_a_node_may_count_its_attempts_itself() -> None:
    class Own(Fails):
        def _exec(self, prep_res: Any) -> Any:
            for self.cur_retry in range(3):
                try:
                    return self.exec(prep_res)
                except LookupError:
                    pass
            return "failed"

        def after_exec(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> None:
            shared["last"] = self.cur_retry

    node = Own(succeeds_at=1)
    shared: dict[str, Any] = {}
    node.run(shared)
    assert shared == {"last": 1, "result": "attempt 1"}
    assert node.attempts == [0, 1]


def test_a_node_that_runs_itself_inside_exec_keeps_the_outer_attempt() -> None:
    seen: list[tuple[str, int]] = []

    class Recursive(Node):
        def prep(self, shared: dict[str, Any]) -> Any:
            return shared["depth"]

        def exec(self, prep_res: int) -> Any:
            if prep_res == 0:
                self.run({"depth": 1})
            seen.append((f"depth {prep_res}", self.cur_retry))
            if self.cur_retry < 1 + prep_res:
                raise LookupError

    Recursive(max_retries=3).run({"depth": 0})
    inner = [("depth 1", attempt) for attempt in range(3)]
    assert seen == [*inner, ("depth 0", 0), *inner, ("depth 0", 1)]


def test_threads_that_run_one_node_each_read_their_own_last_attempt_in_post() -> None:
    together = threading.Barrier(4, timeout=PATIENCE_S)

    class Staggered(Node):
        def prep(self, shared: dict[str, Any]) -> Any:
            return shared["failures"]

        def exec(self, prep_res: int) -> Any:
            if self.cur_retry < prep_res:
                raise LookupError
            together.wait()

        def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
            together.wait()
            shared["last"] = self.cur_retry

    node = Staggered(max_retries=4)
    stores = [{"failures": failures} for failures in range(4)]
    threads = [threading.Thread(target=node.run, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert stores == [{"failures": failures, "last": failures} for failures in range(4)]


def test_a_node_run_inside_an_exec_leaves_the_outer_attempt_alone() -> None:
    seen: list[tuple[int, int | None]] = []

    class Inner(Node):
        def exec(self, prep_res: Any) -> Any:
            seen.append((outer.cur_retry, self.cur_retry))
            if self.cur_retry == 0:
                raise LookupError

    class Outer(Node):
        def exec(self, prep_res: Any) -> Any:
            Inner(max_retries=2).run({})
            seen.append((self.cur_retry, None))
            if self.cur_retry == 0:
                raise LookupError

    outer = Outer(max_retries=2)
    outer.run({})
    assert seen == [(0, 0), (0, 1), (0, None), (1, 0), (1, 1), (1, None)]


@pytest.mark.parametrize("max_retries", [0, -2])
@pytest.mark.parametrize("kind", [Node, BatchNode])
def test_less_than_one_attempt_is_refused_at_once(kind: type[Node], max_retries: int) -> None:
    with pytest.raises(ValueError, match=f"max_retries must be at least 1, got {max_retries}$"):
        kind(max_retries=max_retries)


def test_a_negative_wait_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match=r"wait must be at least 0, got -0\.5$"):
        Node(wait=-0.5)


def test_a_node_without_successors_runs_without_a_warning() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Node().run({})
    assert caught == []
